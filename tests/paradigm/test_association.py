"""Proposals of several key frames that are one object are followed once."""

from dataclasses import dataclass, replace

import pytest
import torch
from fakes import FakePropagator, FakeProposer, FakeScorer, Thing, World
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from windows_found import proposals_found

from propose_reduce.paradigm.association import associated, separate
from propose_reduce.paradigm.propose import select
from propose_reduce.settings import InferenceSettings
from propose_reduce.structures import Detections, FrameMasks

CAT = Thing("cat", 0.9, (2, 2, 10, 10))
DOG = Thing("dog", 0.8, (5, 14, 12, 22))
LATE = replace(DOG, absent=frozenset({0, 1}))
EARLY = replace(CAT, absent=frozenset({2, 3, 4}))


@dataclass
class ReadsMore(FakePropagator):
    """Follows what it is shown on any key frame; remembers the seeds of each call."""

    reads_more = True

    def __post_init__(self) -> None:
        self.calls = []

    def propagate(self, clip, seeds):
        self.calls.append(list(seeds))
        for index, seed in enumerate(seeds):
            things = [
                next(
                    self.world.shown_by(masks[row], frame)
                    for frame, masks in seed.key_frames.items()
                    if masks[row].any()
                )
                for row in range(len(seed.masks))
            ]
            for frame in filter(seed.wanted, range(len(clip.frames))):
                masks = torch.stack([self.world.mask(thing, frame) for thing in things])
                slip = self.shift * (frame - seed.frame)
                yield FrameMasks(index, frame, masks.roll(slip, dims=2))


class Sees(FakeProposer):
    """Sees what is there, without empty masks."""

    def propose(self, clip, frame):
        seen = super().propose(clip, frame)
        return select(seen, seen.masks.flatten(1).any(dim=1).nonzero()[:, 0])


def run(world: World, propagator: FakePropagator, proposer=None, **propagate):
    settings = {"propose": {"key_frames": 3}, "propagate": {"schedule": "associate", **propagate}}
    return proposals_found(
        world.clip(),
        proposer or Sees(world),
        propagator,
        FakeScorer(world),
        InferenceSettings.model_validate(settings),
    )


def starts_of(world: World, propagator: FakePropagator, min_iou: float = 0.5):
    seen = {frame: Sees(world).propose(world.clip(), frame) for frame in (0, 2, 4)}
    return associated(world.clip(), propagator, seen, min_iou=min_iou)


def test_each_object_is_followed_once_and_is_right_everywhere():
    world = World((CAT, LATE))
    propagator = ReadsMore(world)
    found = run(world, propagator)
    assert len(found) == 2
    for row, thing in enumerate((CAT, LATE)):
        for frame in range(5):
            assert torch.equal(found.masks.mask(row, frame), world.mask(thing, frame))
    near, whole = propagator.calls
    assert [sorted(seed.frames) for seed in near] == [[0, 2], [0, 2, 4], [2, 4]]
    assert [seed.frames for seed in whole] == [None]  # cat and dog were seen side by side


def test_a_start_holds_all_key_frames_and_a_row_without_a_pixel_says_nothing():
    world = World((CAT, LATE))
    (start,) = starts_of(world, ReadsMore(world))
    assert [*start.seed.key_frames] == [0, 2, 4]
    assert torch.equal(start.seed.masks, torch.stack([world.mask(CAT, 0), world.mask(LATE, 0)]))
    assert not start.seed.masks[1].any()
    assert torch.equal(start.seed.more[2], torch.stack([world.mask(CAT, 2), world.mask(LATE, 2)]))
    assert {frame: list(rows) for frame, (rows, _) in start.seen.items()} == {
        0: [0],
        2: [0, 1],
        4: [0, 1],
    }


def test_objects_never_seen_side_by_side_travel_apart():
    world = World((EARLY, LATE))
    starts = starts_of(world, ReadsMore(world))
    assert [(start.seed.frame, len(start.origins)) for start in starts] == [(2, 1), (0, 1)]


def test_what_does_not_meet_travels_by_itself():
    world = World((CAT,))
    apart = starts_of(world, ReadsMore(world, shift=4))  # 16 columns off at the next key frame
    assert [start.seed.frame for start in apart] == [0, 2, 4]
    assert all(not start.seed.more for start in apart)
    # 2 of 8 columns off: IoU 48 / 80 either way
    assert len(starts_of(world, ReadsMore(world, shift=1), min_iou=0.6)) == 1
    assert len(starts_of(world, ReadsMore(world, shift=1), min_iou=0.61)) == 3


@dataclass
class Surer(Sees):
    """Is surer on frame 2."""

    def propose(self, clip, frame):
        seen = super().propose(clip, frame)
        sure = torch.tensor([[0.01, 0.99, 0.0]])
        return Detections(seen.masks, sure if frame == 2 else seen.class_scores)


def test_the_surest_detection_gives_the_key_frame_and_all_give_the_class():
    world = World((CAT,))
    found = run(world, ReadsMore(world), Surer(world))
    assert found.key_frames == (2,)
    seen = {frame: Surer(world).propose(world.clip(), frame) for frame in (0, 2, 4)}
    (start,) = associated(world.clip(), ReadsMore(world), seen, min_iou=0.5)
    assert start.origins.class_scores[0, 1] == pytest.approx((0.9 + 0.99 + 0.9) / 3)


def test_a_mask_without_doubt_stands_on_each_of_its_key_frames():
    world = World((replace(CAT, score=1.0),))
    found = run(world, ReadsMore(world, shift=1))
    right = [torch.equal(found.masks.mask(0, t), world.mask(CAT, t)) for t in range(5)]
    assert right == [True, False, True, False, True]


def test_a_propagator_that_reads_one_key_frame_follows_all_and_that_is_said():
    world = World((CAT, DOG))
    with pytest.warns(UserWarning, match="FakePropagator follows from one key frame at a time"):
        found = run(world, FakePropagator(world))
    assert found.key_frames == (0, 0, 2, 2, 4, 4)


def test_one_key_frame_has_nothing_to_associate():
    world = World((EARLY,))
    propagator = ReadsMore(world)
    assert run(world, propagator).key_frames == (0,)
    assert [len(seeds) for seeds in propagator.calls] == [1]


def test_nothing_seen_is_no_sequence():
    assert len(run(World(()), ReadsMore(World(())))) == 0


def test_key_frames_one_by_one_cannot_be_associated():
    both = {"propose": {"skip_covered": True}, "propagate": {"schedule": "associate"}}
    with pytest.raises(ValidationError, match=r"skip_covered.*schedule"):
        InferenceSettings.model_validate(both)


@given(st.lists(st.sets(st.sampled_from([0, 2, 4])), max_size=4))
def test_every_detection_is_one_row_of_one_start(absences):
    boxes = [(1, 5 * row, 6, 5 * row + 4) for row in range(4)]
    things = [
        Thing("cat", 0.9 - row / 10, boxes[row], absent=frozenset(absent))
        for row, absent in enumerate(absences)
    ]
    world = World(tuple(things))
    seen = {frame: Sees(world).propose(world.clip(), frame) for frame in (0, 2, 4)}
    seen = {frame: found for frame, found in seen.items() if len(found)}
    starts = associated(world.clip(), ReadsMore(world), seen, min_iou=0.5) if seen else []
    shown = [
        (frame, mask.tolist())
        for start in starts
        for frame, masks in start.seed.key_frames.items()
        for mask in masks
        if mask.any()
    ]
    expected = [(frame, mask.tolist()) for frame, found in seen.items() for mask in found.masks]
    assert sorted(shown) == sorted(expected)
    alone = [(start.seed.frame, len(start.origins)) for start in separate(seen)]
    assert alone == [(frame, len(found)) for frame, found in seen.items()]
