"""Matching short propagated clips, on a scripted world: what it bridges and where it breaks."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from fakes import DriftingPropagator, FakePropagator, FakeProposer, FakeScorer, Thing, World

from propose_reduce.components.scorers import KeyFrameScorer
from propose_reduce.errors import ContractError
from propose_reduce.paradigm.clip_match import clip_match
from propose_reduce.paradigm.windows import window_of
from propose_reduce.settings import InferenceSettings
from propose_reduce.structures import Detections

CAT = Thing("cat", 0.9, (2, 2, 10, 10), velocity=(1, 0))
DOG = Thing("dog", 0.8, (5, 14, 12, 22))


@dataclass
class Blind(FakeProposer):
    """Sees nothing on some frames, and calls everything a dog on others."""

    blind: frozenset[int] = frozenset()
    moody: frozenset[int] = frozenset()

    def propose(self, clip, frame):
        seen = super().propose(clip, frame)
        rows = slice(0, 0 if clip.start + frame in self.blind else None)
        scores = seen.class_scores[:, [0, 2, 1]] if frame in self.moody else seen.class_scores
        return Detections(seen.masks[rows], scores[rows])


def matched(world, proposer=None, propagator=None, scorer=None, clip=None, **linking):
    settings = InferenceSettings.model_validate({"link": linking, "propose": {"mask_nms": None}})
    return clip_match(
        clip or world.clip(),
        proposer or FakeProposer(world),
        propagator or FakePropagator(world),
        scorer or FakeScorer(world),
        settings,
    )


def frames_of(found):
    return [np.flatnonzero(areas).tolist() for areas in found.masks.areas]


def test_one_object_is_one_sequence_of_all_frames():
    world = World((CAT, DOG), num_frames=9)
    found = matched(world, reach=2)
    assert (len(found), found.key_frames, found.categories) == (2, (0, 0), ("cat", "dog"))
    for row, thing in enumerate((CAT, DOG)):
        for frame in range(9):
            assert torch.equal(found.masks.mask(row, frame), world.mask(thing, frame))
    assert found.class_scores[0].tolist() == pytest.approx([0.1, 0.9, 0])


def test_a_detection_is_carried_to_the_frames_within_reach_and_no_further():
    world = World((CAT,), num_frames=9)
    proposer = Blind(world, blind=frozenset(range(9)) - {4})
    found = matched(world, proposer, reach=2)
    assert frames_of(found) == [[2, 3, 4, 5, 6]]
    assert found.key_frames == (4,)
    assert proposer.asked == list(range(9))


@pytest.mark.parametrize(("second", "reach", "count"), [(5, 2, 1), (6, 2, 1), (6, 1, 2), (8, 2, 2)])
def test_clips_that_share_a_frame_are_one_object_and_others_are_not(second, reach, count):
    """Something is seen on frame 2 and on a second one."""
    world = World((CAT,), num_frames=12)
    blind = frozenset(range(12)) - {2, second}
    assert len(matched(world, Blind(world, blind=blind), reach=reach)) == count


def test_objects_that_cross_keep_their_sequences():
    right = Thing("cat", 0.9, (0, 2, 12, 12), velocity=(2, 0))
    left = Thing("dog", 0.8, (18, 4, 30, 14), velocity=(-2, 0))
    world = World((right, left), num_frames=9)
    found = matched(world, reach=2)
    assert len(found) == 2
    for row, thing in enumerate((right, left)):
        assert torch.equal(found.masks.mask(row, 5), world.mask(thing, 5))


def test_a_mask_is_what_half_of_the_clips_have():
    """Of the clips around frames 0, 1 and 2 each says of frame 1 what it carried there."""
    world = World((Thing("cat", 0.9, (4, 2, 12, 10)),), num_frames=3)
    found = matched(world, propagator=DriftingPropagator(), reach=1)
    # clips 0 and 2 slip by a column, clip 1 does not: columns 5 to 12 by two of three
    assert found.masks.mask(0, 1)[5].nonzero()[:, 0].tolist() == list(range(5, 13))
    # on frame 0 clip 0 has columns 4 to 11, clip 1 has 5 to 12: half is enough
    assert found.masks.mask(0, 0)[5].nonzero()[:, 0].tolist() == list(range(4, 13))


def test_class_scores_are_the_mean_over_the_clips():
    world = World((CAT,), num_frames=3)
    proposer = Blind(world, moody=frozenset({2}))
    found = matched(world, proposer, scorer=KeyFrameScorer(), reach=1)
    assert len(found) == 1  # a class that flips does not cut it
    assert found.frame_scores[0, 0].tolist() == pytest.approx([0.1, 0.9, 0])  # clips 0 and 1
    assert found.frame_scores[0, 1].tolist() == pytest.approx([0.1, 0.6, 0.3])  # and 2
    assert found.frame_scores[0, 2].tolist() == pytest.approx([0.1, 0.45, 0.45])


def test_frames_on_which_nothing_is_left_are_absent():
    gone = replace(CAT, absent=frozenset({1, 2}))
    found = matched(World((gone,), num_frames=5), reach=1)
    areas = [frames_of(found), found.frame_scores.isnan().any(dim=2).nonzero()[:, 1].tolist()]
    assert areas == [[[0], [3, 4]], [1, 2, 3, 4, 0, 1, 2]]


def test_a_video_without_an_object_gives_none():
    found = matched(World((), num_frames=3))
    assert (len(found), found.masks.num_frames) == (0, 3)


def test_a_window_of_a_video_is_matched_as_a_video_of_its_own():
    world = World((CAT,), num_frames=9)
    found = matched(world, clip=window_of(world.clip(), range(3, 8)), reach=1)
    assert torch.equal(found.masks.mask(0, 2), world.mask(CAT, 5))
    assert found.masks.num_frames == 5


def test_a_component_that_breaks_its_contract_is_named():
    world = World((CAT,), num_frames=3)
    with pytest.raises(ContractError, match="seed 0, frame 1 came twice"):
        matched(world, propagator=FakePropagator(world, repeat=(0, 1)))
