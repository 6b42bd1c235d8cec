"""A kept sequence, as the user gets it."""

import pytest
import torch

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.proposals import Proposals, to_sequence
from propose_reduce.paradigm.reduce import KeptSequence


def proposals(*masks: torch.Tensor) -> Proposals:
    """One sequence with a mask (4, 8) per frame, proposed on frame 1 as 70 % dog."""
    sequence = torch.stack(masks)
    probabilities = torch.tensor([0.1, 0.2, 0.7]).repeat(1, len(masks), 1)
    probabilities[0, ~sequence.flatten(1).any(1)] = torch.nan
    packed = PackedMasks.pack(sequence[None])
    return Proposals(("cat", "dog"), (1,), packed, probabilities)


FULL, EMPTY = torch.ones(4, 8, dtype=torch.bool), torch.zeros(4, 8, dtype=torch.bool)
LEFT = FULL & (torch.arange(8) < 4)
KEPT = KeptSequence(0, {1: 0.6, 0: 0.3})


def test_classes_have_names_and_the_best_one_comes_first():
    sequence = to_sequence(proposals(FULL, FULL), KEPT, (4, 8), 7)
    assert (sequence.id, sequence.key_frame) == (7, 1)
    assert (sequence.category, sequence.score) == ("dog", 0.6)
    assert sequence.class_scores == {"dog": 0.6, "cat": 0.3}


def test_masks_grow_to_the_size_of_the_video():
    sequence = to_sequence(proposals(LEFT, FULL), KEPT, (8, 16), 1)
    assert sequence.masks[0].sum(axis=0).tolist() == [8] * 8 + [0] * 8
    assert sequence.masks[1].all()


def test_where_nothing_is_left_there_is_neither_mask_nor_score():
    dot = EMPTY.clone()
    dot[0, 0] = True  # too small to survive at a quarter of the size
    sequence = to_sequence(proposals(FULL, EMPTY, dot), KEPT, (1, 2), 1)
    assert [mask is None for mask in sequence.segmentations] == [False, True, True]
    assert sequence.frame_scores == (pytest.approx(0.7), None, None)
