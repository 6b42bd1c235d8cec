"""Linking detections, on a scripted world: what the baseline gets right and where it breaks."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from fakes import FakeProposer, Thing, World

from propose_reduce.paradigm.track_by_detect import link, track_by_detect
from propose_reduce.settings import InferenceSettings, LinkSettings
from propose_reduce.structures import Detections

CAT = Thing("cat", 0.9, (2, 2, 10, 10), velocity=(1, 0))
DOG = Thing("dog", 0.8, (5, 14, 12, 22))


@dataclass
class Moody(FakeProposer):
    """Calls everything a dog on some frames."""

    moody: frozenset[int] = frozenset()

    def propose(self, clip, frame):
        seen = super().propose(clip, frame)
        swapped = seen.class_scores[:, [0, 2, 1]]
        return Detections(seen.masks, swapped if frame in self.moody else seen.class_scores)


def tracks(world: World, proposer: FakeProposer | None = None, **linking: object):
    settings = InferenceSettings.model_validate({"link": linking})
    return track_by_detect(world.clip(), proposer or FakeProposer(world), settings)


def frames_of(found) -> list[list[int]]:
    return [np.flatnonzero(areas).tolist() for areas in found.masks.areas]


def test_one_object_is_one_track():
    world = World((CAT,))
    found = tracks(world)
    assert (len(found), found.key_frames, found.categories) == (1, (0,), ("cat", "dog"))
    for frame in range(5):
        assert torch.equal(found.masks.mask(0, frame), world.mask(CAT, frame))
    assert found.class_scores[0].tolist() == pytest.approx([0.1, 0.9, 0])


def test_every_frame_is_asked_once_in_order():
    world = World((CAT,), num_frames=4)
    proposer = FakeProposer(world)
    tracks(world, proposer)
    assert proposer.asked == [0, 1, 2, 3]


def test_two_objects_of_different_classes_cross_and_keep_their_tracks():
    right = Thing("cat", 0.9, (0, 2, 12, 12), velocity=(2, 0))
    left = Thing("dog", 0.8, (18, 4, 30, 14), velocity=(-2, 0))
    world = World((right, left), num_frames=9)
    proposing = InferenceSettings.model_validate({"propose": {"mask_nms": None}})
    found = track_by_detect(world.clip(), FakeProposer(world), proposing)
    assert len(found) == 2
    for row, thing in enumerate((right, left)):
        shown = torch.stack([found.masks.mask(row, t) for t in range(9)])
        assert torch.equal(shown, torch.stack([world.mask(thing, t) for t in range(9)]))


def test_a_gap_is_outlived_and_stays_empty():
    gone = replace(DOG, absent=frozenset({2, 3}))
    found = tracks(World((gone,), num_frames=6), max_gap=2)
    assert frames_of(found) == [[0, 1, 4, 5]]
    assert found.class_scores[0, 2] == pytest.approx(0.8 * 4 / 6)  # two of six were missed


def test_a_longer_gap_cuts_the_track():
    gone = replace(DOG, absent=frozenset({2, 3}))
    found = tracks(World((gone,), num_frames=6), max_gap=1)
    assert frames_of(found) == [[0, 1], [4, 5]]
    assert found.key_frames == (0, 4)


def test_a_leap_cuts_the_track():
    leaper = replace(CAT, velocity=(5, 0))  # 3 of 8 columns in common: IoU 3 / 13
    assert frames_of(tracks(World((leaper,), num_frames=3))) == [[0], [1], [2]]
    assert frames_of(tracks(World((leaper,), num_frames=3), iou=0.2)) == [[0, 1, 2]]


def test_a_class_that_flips_on_a_frame_does_not_cut_the_track():
    world = World((CAT,), num_frames=4)
    found = tracks(world, Moody(world, moody=frozenset({2})))
    assert frames_of(found) == [[0, 1, 2, 3]]
    assert found.class_scores[0].tolist() == pytest.approx([0.1, 0.9 * 3 / 4, 0.9 / 4])


def test_nothing_detected_is_no_track():
    found = tracks(World((), num_frames=3))
    assert (len(found), found.frame_scores.shape) == (0, (0, 3, 3))
    assert found.iou.shape == (0, 0)


def test_a_video_of_one_frame():
    assert frames_of(tracks(World((CAT, DOG), num_frames=1))) == [[0], [0]]


def test_progress_counts_frames():
    world, told = World((CAT,), num_frames=3), []
    track_by_detect(
        world.clip(), FakeProposer(world), InferenceSettings(), progress=lambda *s: told.append(s)
    )
    assert told == [("propose", done, 3) for done in (1, 2, 3)]


def bars(*bars_: tuple[slice, int]) -> Detections:
    """Masks of 1 x 10 pixels, true in some columns, of a class each."""
    masks = torch.zeros(len(bars_), 1, 10, dtype=torch.bool)
    scores = torch.zeros(len(bars_), 3)
    for row, (columns, category) in enumerate(bars_):
        masks[row, 0, columns] = True
        scores[row, category + 1] = 1.0
    return Detections(masks, scores)


def test_the_sum_of_all_links_counts_not_the_best_one():
    before = bars((slice(0, 6), 0), (slice(2, 8), 0))
    seen = bars((slice(1, 7), 0), (slice(0, 3), 0))  # IoU 5/7, 5/7 and 1/2, 1/8
    assert link(before, seen, LinkSettings(iou=0.1)) == {0: 1, 1: 0}


def test_the_class_decides_between_overlaps_but_not_without_one():
    before = bars((slice(0, 6), 0), (slice(2, 8), 1))
    assert link(before, bars((slice(0, 6), 1)), LinkSettings()) == {0: 1}  # IoU 1/2 against 1
    assert link(before, bars((slice(0, 6), 1)), LinkSettings(class_weight=0)) == {0: 0}
    assert link(before, bars((slice(9, 10), 1)), LinkSettings()) == {}


@pytest.mark.parametrize(
    ("missed", "score"), [("background", 0.9 * 3 / 5), ("ignored", 0.9), (0.5, 0.9 * 4 / 5)]
)
def test_a_frame_on_which_a_track_was_looked_for_in_vain_counts_against_it(missed, score):
    world = World((replace(CAT, absent=frozenset({1, 3})),))
    settings = InferenceSettings.model_validate({"score": {"missed": missed}})
    found = track_by_detect(world.clip(), FakeProposer(world), settings)
    assert found.class_scores[0, 1] == pytest.approx(score)
    assert frames_of(found) == [[0, 2, 4]]


def test_frames_before_a_track_begins_and_after_it_ends_do_not_count():
    world = World((replace(CAT, velocity=(0, 0), absent=frozenset({0, 4, 5})),), num_frames=6)
    found = tracks(world)
    assert found.class_scores[0, 1] == pytest.approx(0.9)
    assert found.frame_scores[0, [0, 4, 5]].isnan().all()
