"""Starting sequences: all key frames at once, or one after the other without what is covered."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from fakes import FakePropagator, FakeProposer, FakeScorer, Thing, World
from windows_found import proposals_found

from propose_reduce import rle
from propose_reduce.paradigm.pipeline import segment_clip
from propose_reduce.settings import InferenceSettings
from propose_reduce.structures import Detections

CAT = Thing("cat", 0.9, (2, 2, 10, 10))
DOG = Thing("dog", 0.8, (5, 14, 12, 22))
LATE = replace(DOG, absent=frozenset({0, 1}))


@dataclass
class Counting(FakePropagator):
    """Remembers the key frames of each call."""

    def __post_init__(self) -> None:
        self.calls: list[list[int]] = []

    def propagate(self, clip, seeds):
        self.calls.append([seed.frame for seed in seeds])
        return super().propagate(clip, seeds)


def run(world: World, propagator: FakePropagator, proposer=None, scorer=None, **propose):
    settings = InferenceSettings.model_validate({"propose": {"key_frames": 3, **propose}})
    told = []
    found = proposals_found(
        world.clip(),
        proposer or FakeProposer(world),
        propagator,
        scorer or FakeScorer(world),
        settings,
        progress=lambda *step: told.append(step),
    )
    return found, told


def test_all_key_frames_travel_together():
    world = World((CAT, LATE))
    propagator = Counting(world)
    found, _ = run(world, propagator)
    assert found.key_frames == (0, 2, 2, 4, 4)
    assert propagator.calls == [[0, 2, 4]]


def test_what_a_sequence_covers_starts_no_other():
    world = World((CAT, LATE))
    propagator = Counting(world)
    found, _ = run(world, propagator, skip_covered=True)
    assert found.key_frames == (0, 2)  # the dog when it comes; on frame 4 both are known
    assert propagator.calls == [[0], [2]]
    for row, thing in enumerate((CAT, LATE)):
        for frame in range(5):
            assert torch.equal(found.masks.mask(row, frame), world.mask(thing, frame))


def test_a_mask_that_has_slipped_covers_less():
    world = World((CAT,))
    # 2 of 8 columns off on the second key frame: IoU 48 / 80; 4 off on the third, 2 from the second
    slipping, _ = run(world, FakePropagator(world, shift=1), skip_covered=True)
    assert slipping.key_frames == (0, 2, 4)
    covering, _ = run(world, FakePropagator(world, shift=1), skip_covered=True, covered_iou=0.6)
    assert covering.key_frames == (0, 4)


@dataclass
class Surer(FakeProposer):
    """Is sure on the last frame."""

    def propose(self, clip, frame):
        seen = super().propose(clip, frame)
        sure = torch.tensor([[0.01, 0.99, 0.0]]).repeat(len(seen), 1)
        return Detections(seen.masks, sure if frame == 4 else seen.class_scores)


def test_a_covered_detection_may_raise_the_scores_of_its_frame():
    world = World((CAT,))
    found, _ = run(world, FakePropagator(world), proposer=Surer(world), skip_covered=True)
    assert found.frame_scores[0, :, 1].tolist() == pytest.approx([0.9, 0.9, 0.9, 0.9, 0.99])
    assert found.class_scores[0, 1] == pytest.approx((4 * 0.9 + 0.99) / 5)


class Silent(FakeScorer):
    """Has no opinion."""

    def score(self, clip, frame, masks, origins):
        return torch.full_like(super().score(clip, frame, masks, origins), torch.nan)


def test_where_the_scorer_has_no_opinion_the_detection_has():
    world = World((CAT,))
    found, _ = run(world, FakePropagator(world), scorer=Silent(world), skip_covered=True)
    assert found.frame_scores[0, :, 1].isnan().tolist() == [True, True, False, True, False]
    assert found.class_scores[0, 1] == pytest.approx(0.9)


def test_progress_of_either_way_ends_at_its_total():
    world = World((CAT, LATE))
    _, told = run(world, FakePropagator(world))
    assert [step for step in told if step[0] == "propagate"][-1] == ("propagate", 15, 15)
    _, told = run(world, FakePropagator(world), skip_covered=True)
    assert {stage for stage, _, _ in told} == {"propagate"}
    done = [step for _, step, _ in told]
    assert (done, told[-1][1:]) == (sorted(done), (15, 15))


def test_nothing_seen_is_no_sequence_either_way():
    world = World(())
    for skip in (False, True):
        found, _ = run(world, FakePropagator(world), skip_covered=skip)
        assert (len(found), found.frame_scores.shape) == (0, (0, 5, 3))


class Given(FakeProposer):
    """Knows one frame's mask in the pixels of the video."""

    def propose(self, clip, frame):
        seen = super().propose(clip, frame)
        mask = np.zeros((48, 64), dtype=bool)
        mask[5:19, 5:19] = True  # no edge of it falls on one of the working size
        return Detections(seen.masks, seen.class_scores, (rle.encode(mask),))


@pytest.mark.parametrize("kind", ["hard", "compose"])
def test_a_given_mask_stands_on_its_key_frame_and_comes_back_unscaled(kind):
    world = World((Thing("cat", 0.5),), zoom=2)
    settings = {"propose": {"key_frames": 1}, "reduce": {"kind": kind}}
    parts = (Given(world), FakePropagator(world, shift=1), FakeScorer(world))
    (cat,) = segment_clip(world.clip(), *parts, InferenceSettings.model_validate(settings))
    assert cat.key_frame == 2
    assert cat.masks[2].sum() == 14 * 14
    assert cat.masks[2, 5:19, 5:19].all()
    assert cat.masks[1].sum() != 14 * 14


@pytest.mark.parametrize(("score", "stands"), [(1.0, True), (0.99, False)])
def test_a_mask_without_doubt_is_not_replaced_by_the_propagators_version(score, stands):
    world = World((Thing("cat", score),))
    empty = FakePropagator(World((Thing("cat", absent=frozenset({2})),)))  # sees nothing there
    found = proposals_found(
        world.clip(),
        FakeProposer(world),
        empty,
        FakeScorer(world),
        InferenceSettings.model_validate({"propose": {"key_frames": 1}}),
    )
    assert bool(found.masks.areas[0, 2]) == stands
