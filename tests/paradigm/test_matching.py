"""Pairs that a pencil finds."""

import torch

from propose_reduce.paradigm.propagate import match


def pairs(iou: list[list[float]], same: list[list[bool]] | None = None, min_iou=0.3, weight=1.0):
    overlaps = torch.tensor(iou, dtype=torch.float64)
    classes = torch.ones_like(overlaps, dtype=torch.bool) if same is None else torch.tensor(same)
    return match(overlaps, classes, min_iou=min_iou, class_weight=weight)


def test_the_sum_counts_not_the_best_pair():
    assert pairs([[0.9, 0.8], [0.8, 0.3]]) == {0: 1, 1: 0}  # 1.6 against 1.2


def test_below_the_least_overlap_nothing_is_a_pair():
    assert pairs([[0.3, 0.0], [0.0, 0.29]]) == {0: 0}


def test_two_that_want_one_leave_one_alone():
    assert pairs([[0.6], [0.8]]) == {1: 0}


def test_the_class_decides_between_candidates_and_does_not_forbid():
    assert pairs([[0.8, 0.6]], [[False, True]]) == {0: 1}
    assert pairs([[0.8, 0.6]], [[False, True]], weight=0.0) == {0: 0}
    assert pairs([[0.8]], [[False]]) == {0: 0}


def test_what_is_surer_comes_before_what_overlaps_a_little_more():
    overlaps, classes = torch.tensor([[0.8], [0.6]]), torch.zeros(2, 1, dtype=torch.bool)
    weight = torch.tensor([[0.5], [0.9]])  # 0.40 against 0.54
    found = match(overlaps, classes, min_iou=0.1, class_weight=0, weight=weight)
    assert found == {1: 0}
    assert match(overlaps, classes, min_iou=0.7, class_weight=0, weight=weight) == {0: 0}


def test_nobody_to_pair_with():
    assert (
        match(torch.zeros(2, 0), torch.zeros(2, 0, dtype=torch.bool), min_iou=0.1, class_weight=1)
        == {}
    )
