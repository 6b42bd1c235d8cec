"""Key frames, mask NMS, and what is asked of a proposer."""

from dataclasses import replace

import pytest
import torch
from fakes import FakeProposer, Thing, World
from hypothesis import given, settings
from hypothesis import strategies as st

from propose_reduce.errors import ContractError, InputError
from propose_reduce.paradigm.propose import key_frames, mask_nms, propose
from propose_reduce.settings import ProposeSettings

CAT = Thing("cat", 0.9, (2, 2, 10, 10))
DOG = Thing("dog", 0.8, (5, 14, 12, 22))


@pytest.mark.parametrize(
    ("num_frames", "count", "expected"),
    [
        (9, 3, [0, 4, 8]),
        (10, 3, [0, 4, 9]),  # 4.5 rounds down
        (10, 5, [0, 2, 4, 6, 9]),
        (3, 5, [0, 1, 2]),  # a short video: every frame once
        (3, 10**23, [0, 1, 2]),
        (1, 5, [0]),
        (9, 1, [4]),  # one key frame: the middle
        (10, 1, [4]),
        (1, 1, [0]),
    ],
)
def test_key_frames_are_spread_evenly(num_frames, count, expected):
    assert key_frames(num_frames, count) == expected


@given(st.integers(1, 3000), st.integers(1, 200))
def test_key_frames_are_distinct_sorted_and_within_the_video(num_frames, count):
    frames = key_frames(num_frames, count)
    assert frames == sorted(set(frames))
    assert frames[0] >= 0
    assert frames[-1] < num_frames
    assert len(frames) == min(num_frames, count)
    if count > 1:
        assert (frames[0], frames[-1]) == (0, num_frames - 1)


@pytest.mark.parametrize(("num_frames", "count"), [(0, 5), (5, 0), (5, -1)])
def test_no_frames_or_no_key_frames_is_an_error(num_frames, count):
    with pytest.raises(InputError, match=f"got {min(num_frames, count)}"):
        key_frames(num_frames, count)


def bars(*columns: slice) -> torch.Tensor:
    masks = torch.zeros(len(columns), 1, 8, dtype=torch.bool)
    for mask, where in zip(masks, columns, strict=True):
        mask[0, where] = True
    return masks


@pytest.mark.parametrize(("threshold", "kept"), [(0.2, [0, 2]), (0.34, [0, 1, 2])])
def test_a_mask_goes_when_it_overlaps_a_better_one(threshold, kept):
    masks = bars(slice(0, 2), slice(1, 3), slice(4, 8))  # the first two: IoU 1 / 3
    assert mask_nms(masks, threshold).tolist() == kept


def test_mask_nms_drops_at_the_threshold_itself():
    assert mask_nms(bars(slice(0, 4), slice(0, 2)), 0.5).tolist() == [0]


def test_mask_nms_of_nothing_is_nothing():
    assert mask_nms(bars(), 0.2).tolist() == []


def test_at_most_so_many_objects_are_taken_the_best_first():
    world = World((DOG, CAT))
    found = propose(world.clip(), FakeProposer(world), 0, ProposeSettings(max_objects=1))
    assert torch.equal(found.masks, world.mask(CAT, 0)[None])


def test_empty_masks_start_nothing():
    world = World((replace(CAT, absent=frozenset({0})), DOG))
    found = propose(world.clip(), FakeProposer(world), 0, ProposeSettings())
    assert torch.equal(found.masks, world.mask(DOG, 0)[None])


@pytest.mark.parametrize(("mask_nms", "objects"), [(0.2, 1), (None, 3)])
def test_mask_nms_can_be_turned_off(mask_nms, objects):
    world = World((CAT,))
    proposer = FakeProposer(world, copies=3)
    found = propose(world.clip(), proposer, 0, ProposeSettings(mask_nms=mask_nms))
    assert len(found) == objects


def test_masks_of_another_size_name_both_sizes():
    world = World((CAT,))
    proposer = FakeProposer(world, size=(23, 32))
    with pytest.raises(ContractError, match=r"masks are \(23, 32\).*working size is \(24, 32\)"):
        propose(world.clip(), proposer, 0, ProposeSettings())


def test_score_columns_must_be_the_categories_and_the_background():
    world = World((CAT,))
    proposer = FakeProposer(replace(world, categories=("cat", "dog", "cow")))
    proposer.propose = FakeProposer(world).propose
    with pytest.raises(ContractError, match="gives 3 class scores, expected 4"):
        propose(world.clip(), proposer, 0, ProposeSettings())


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), max_size=6))
def test_mask_nms_keeps_the_first_and_no_overlapping_two(spans):
    masks = bars(*[slice(start, start + length) for start, length in spans])
    kept = mask_nms(masks, 0.2).tolist()
    assert kept == sorted(kept)
    assert kept[:1] == [0][: len(spans)]
    for row, one in enumerate(kept):
        for other in kept[:row]:
            shared, union = masks[one] & masks[other], masks[one] | masks[other]
            assert shared.sum() / union.sum() < 0.2
