"""From a detector's labels to class score columns."""

import torch

from propose_reduce.components.labels import LabelSet

COCO = {0: "__background__", 1: "person", 2: "N/A", 3: "dog", 4: "person"}


def test_numbers_without_a_class_are_no_categories_and_equal_names_are_one():
    labels = LabelSet.from_names(COCO)
    assert labels.categories == ("person", "dog")
    assert labels.columns == {1: 1, 3: 2, 4: 1}


def test_the_most_confident_comes_first_and_background_gets_the_rest():
    masks = torch.eye(3, dtype=torch.bool)[:, None]  # mask i has pixel i
    found = LabelSet.from_names(COCO).detections(
        masks, torch.tensor([3, 2, 1]), torch.tensor([0.25, 0.9, 0.75])
    )
    assert found.masks.int().argmax(2).flatten().tolist() == [2, 0]  # the N/A in between is gone
    assert found.class_scores.tolist() == [[0.25, 0.75, 0.0], [0.75, 0.0, 0.25]]


def test_nothing_seen_is_nothing_detected():
    empty = torch.zeros(0, 4, 6, dtype=torch.bool)
    found = LabelSet.from_names(COCO).detections(empty, torch.zeros(0).long(), torch.zeros(0))
    assert found.masks.shape == (0, 4, 6)
    assert found.class_scores.shape == (0, 3)
