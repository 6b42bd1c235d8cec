"""Sequences that meet are composed; cases small enough for a pencil."""

from dataclasses import replace

import pytest
import torch
from fakes import FakePropagator, FakeProposer, FakeScorer, Thing, World
from hypothesis import given
from hypothesis import strategies as st
from windows_found import proposals_found

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.compose import agreement, compose, meeting
from propose_reduce.paradigm.pipeline import reduce_sequences
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.settings import InferenceSettings, ReduceSettings

SIZE = (4, 16)
NAN = float("nan")


def bars(*sequences: list[tuple[int, int] | None]) -> PackedMasks:
    """Sequences of columns from, to; None where absent."""
    masks = torch.zeros(len(sequences), len(sequences[0]), *SIZE, dtype=torch.bool)
    for row, sequence in enumerate(sequences):
        for frame, bar in enumerate(sequence):
            if bar is not None:
                masks[row, frame, :, slice(*bar)] = True
    return PackedMasks.pack(masks)


def proposals(key_frames: tuple[int, ...], scores: list[list[float]], *sequences) -> Proposals:
    """One class; its score by sequence and frame, the rest is background."""
    foreground = torch.tensor(scores)
    return Proposals(
        ("cat",), key_frames, bars(*sequences), torch.stack([1 - foreground, foreground], dim=2)
    )


def columns(found: Proposals, row: int) -> list[tuple[int, int] | None]:
    """The bar of each frame."""
    bars = []
    for frame in range(found.masks.num_frames):
        on = found.masks.mask(row, frame)[0].nonzero()[:, 0].tolist()
        bars.append((on[0], on[-1] + 1) if on else None)
    return bars


def test_sequences_are_compared_from_one_key_frame_to_the_other_only():
    found = proposals(
        (1, 2),
        [[1.0] * 4] * 2,
        [(0, 1), (0, 4), (0, 4), (8, 9)],  # where both were just proposed they are alike
        [(15, 16), (0, 4), (2, 6), (0, 4)],
    )
    assert agreement(found)[0, 1] == pytest.approx((4 + 2) / (4 + 6))


def test_each_is_right_near_its_key_frame_and_the_composed_one_everywhere():
    there = (0, 8)
    found = proposals(
        (0, 4),
        [[0.9] * 5] * 2,
        [there, there, there, (2, 10), (3, 11)],  # drifts away from its key frame
        [(3, 11), (2, 10), there, there, there],
    )
    whole = compose(found, min_iou=0.5)
    assert len(whole) == 1
    assert columns(whole, 0) == [there] * 5
    assert whole.class_scores[0, 1] == pytest.approx(0.9)


def test_what_only_touches_stays_apart():
    found = proposals((0, 2), [[0.9] * 3] * 2, [(0, 8)] * 3, [(6, 14)] * 3)  # IoU 2 / 14
    apart = compose(found, min_iou=0.5)
    assert [columns(apart, row) for row in (0, 1)] == [[(0, 8)] * 3, [(6, 14)] * 3]


def test_two_of_one_key_frame_are_two_objects_whatever_they_became():
    found = proposals((0, 0), [[0.9] * 3] * 2, [(0, 4), (8, 12), (8, 12)], [(8, 12)] * 3)
    assert len(compose(found, min_iou=0.5)) == 2
    agree = torch.tensor([[1, 0.7, 0.9], [0.7, 1, 0.8], [0.9, 0.8, 1]])
    assert meeting(agree, (0, 0, 2), min_iou=0.5) == [[0, 2], [1]]


def test_sequences_meet_over_others_between_them():
    agree = torch.tensor([[1, 0.8, 0.1], [0.8, 1, 0.7], [0.1, 0.7, 1]])
    assert meeting(agree, (0, 2, 4), min_iou=0.5) == [[0, 1, 2]]
    assert meeting(agree, (0, 2, 4), min_iou=0.75) == [[0, 1], [2]]


def test_half_way_the_one_with_the_better_score_decides():
    for scores in ((0.9, 0.1), (0.1, 0.9)):
        found = proposals(
            (0, 4),
            [[0.9, 0.9, score, 0.9, 0.9] for score in scores],
            [(0, 8), (0, 8), (0, 8), (0, 8), (0, 8)],
            [(0, 8), (0, 8), (4, 12), (0, 8), (0, 8)],
        )
        whole = compose(found, min_iou=0.5)
        assert columns(whole, 0)[2] == ((0, 8) if scores[0] > scores[1] else (4, 12))


def test_the_score_of_a_frame_is_that_of_those_whose_mask_it_is():
    found = proposals(
        (0, 4),
        [[0.8, 0.8, 0.8, 0.0, 0.0], [0.6] * 5],
        [(0, 8), (0, 8), (0, 8), (12, 16), (12, 16)],
        [(0, 8)] * 5,
    )
    whole = compose(found, min_iou=0.5)
    scores = whole.frame_scores[0, :, 1]
    assert columns(whole, 0) == [(0, 8)] * 5
    assert 0.6 < scores[0] < 0.8
    assert scores[3:].tolist() == pytest.approx([0.6, 0.6])  # nothing of the one that drifted


def test_a_member_that_sees_nothing_near_its_key_frame_leaves_the_frame_empty():
    found = proposals(
        (0, 4), [[0.9, 0.9, 0.9, NAN, NAN], [0.9] * 5], [(0, 8)] * 3 + [None] * 2, [(0, 8)] * 5
    )
    found = replace(found, key_frames=(0, 4))
    assert columns(compose(found, min_iou=0.5), 0) == [(0, 8)] * 5
    gone = proposals(
        (0, 4),
        [[0.9, 0.9, 0.9, NAN, NAN]] * 2,
        [(0, 8)] * 3 + [None] * 2,
        [(0, 8)] * 3 + [None] * 2,
    )
    whole = compose(gone, min_iou=0.5)
    assert columns(whole, 0) == [(0, 8)] * 3 + [None] * 2
    assert whole.frame_scores[0, 3:].isnan().all()


def test_the_best_member_gives_its_key_frame():
    found = proposals((0, 2), [[0.5] * 3, [0.9] * 3], [(0, 8)] * 3, [(0, 8)] * 3)
    assert compose(found, min_iou=0.5).key_frames == (2,)


def test_nothing_is_composed_of_nothing():
    nothing = Proposals(("cat",), (), PackedMasks(0, 3, SIZE), torch.zeros(0, 3, 2))
    assert len(compose(nothing, min_iou=0.5)) == 0


@given(st.data())
def test_every_sequence_is_in_one_group_and_no_group_has_a_key_frame_twice(data):
    count = data.draw(st.integers(0, 7))
    key_frames = tuple(data.draw(st.integers(0, 3)) for _ in range(count))
    seed = data.draw(st.integers(0, 1000))
    agree = torch.rand(count, count, generator=torch.Generator().manual_seed(seed))
    groups = meeting(agree.maximum(agree.T), key_frames, min_iou=0.5)
    assert sorted(member for group in groups for member in group) == list(range(count))
    assert all(len({key_frames[m] for m in group}) == len(group) for group in groups)


def test_of_drifting_sequences_the_whole_way_gives_one_that_is_right_on_every_key_frame():
    cat = Thing("cat", 0.9, (2, 2, 18, 10))
    world = World((cat,))
    found = proposals_found(
        world.clip(),
        FakeProposer(world),
        FakePropagator(world, shift=2),
        FakeScorer(world),
        InferenceSettings(),
    )
    size = world.size
    (whole,) = reduce_sequences(found, size, ReduceSettings(kind="compose"))
    assert whole.masks[:].tolist() == [world.mask(cat, t).tolist() for t in range(5)]
    (best,) = reduce_sequences(found, size, ReduceSettings())
    assert best.masks[4].tolist() != world.mask(cat, 4).tolist()
