"""Scorers that ask the proposer, in a scripted world where the pencil knows every overlap."""

import pytest
import torch
from fakes import FakePropagator, FakeProposer, Thing, World

from propose_reduce.components.scorers import KeyFrameScorer, RedetectScorer
from propose_reduce.errors import InputError
from propose_reduce.paradigm.pipeline import segment_clip
from propose_reduce.paradigm.windows import window_of
from propose_reduce.settings import InferenceSettings
from propose_reduce.structures import Detections

CAT = Thing("cat", 0.9, (2, 2, 10, 10))
DOG = Thing("dog", 0.6, (12, 12, 20, 20), absent=frozenset({1}))
WORLD = World((CAT, DOG))
UNSURE = torch.tensor([[0.5, 0.25, 0.25], [0.4, 0.3, 0.3]])  # what the key frame's detector said


def scored(scorer, frame, masks=None, clip=None):
    masks = WORLD.masks(0) if masks is None else masks
    origins = Detections(masks, UNSURE[: len(masks)])
    return scorer.score(clip or WORLD.clip(), frame, masks, origins)


def test_the_key_frames_scores_hold_on_every_frame():
    assert torch.equal(scored(KeyFrameScorer(), 3), UNSURE)


def test_a_mask_gets_the_scores_of_the_detection_that_overlaps_it():
    found = scored(RedetectScorer(FakeProposer(WORLD)), 2)
    torch.testing.assert_close(found, torch.tensor([[0.1, 0.9, 0.0], [0.4, 0.0, 0.6]]))


ELSEWHERE = torch.zeros(1, 24, 32, dtype=torch.bool)
ELSEWHERE[:, 2:10, 20:28] = True


@pytest.mark.parametrize(
    ("missed", "expected"),
    [(0.0, [1, 0, 0]), (0.5, [0.75, 0.125, 0.125]), (1.0, [0.5, 0.25, 0.25])],
)
def test_a_mask_that_nothing_overlaps_is_background_but_for_a_share_of_what_was_said(
    missed, expected
):
    scorer = RedetectScorer(FakeProposer(WORLD), missed=missed)
    assert scored(scorer, 0, ELSEWHERE)[0].tolist() == pytest.approx(expected)


def test_where_missed_frames_are_ignored_it_has_no_opinion_of_them():
    scorer = RedetectScorer(FakeProposer(WORLD), missed=None)
    assert scored(scorer, 0, ELSEWHERE).isnan().all()
    assert not scored(scorer, 0).isnan().any()


@pytest.mark.parametrize(("min_iou", "cat"), [(0.5, 0.9), (0.51, 0.0)])
def test_half_an_overlap_is_enough(min_iou, cat):
    half = WORLD.masks(0)[:1]
    half[:, 6:] = False  # 4 of 8 rows
    scorer = RedetectScorer(FakeProposer(WORLD), min_iou=min_iou)
    assert scored(scorer, 0, half)[0, 1] == pytest.approx(cat)


def test_where_nothing_is_detected_everything_is_missed():
    scorer = RedetectScorer(FakeProposer(World(())))
    assert scored(scorer, 0).tolist() == [[1, 0, 0], [1, 0, 0]]


def test_only_the_frames_asked_for_are_looked_at():
    proposer = FakeProposer(WORLD)
    scorer = RedetectScorer(proposer, frames=lambda count: range(0, count, 2))
    clip = WORLD.clip()
    silent = [bool(scored(scorer, frame, clip=clip).isnan().all()) for frame in range(5)]
    assert silent == [False, True, False, True, False]
    assert proposer.asked == [0, 2, 4]


def test_every_so_many_frames_of_the_video_are_looked_at_besides_these():
    proposer = FakeProposer(WORLD)
    scorer = RedetectScorer(proposer, lambda count: [0, count - 1], every=2)
    window = window_of(WORLD.clip(), range(1, 5))
    silent = [bool(scored(scorer, frame, clip=window).isnan().all()) for frame in range(4)]
    assert silent == [False, False, True, False]  # its first, the second, the last of the video
    assert proposer.asked == [1, 2, 4]


def test_a_frame_is_looked_at_once_however_often_it_is_asked_about():
    proposer = FakeProposer(WORLD)
    scorer, clip = RedetectScorer(proposer), WORLD.clip()
    for frame in (0, 1, 0, 1, 2):
        scored(scorer, frame, clip=clip)
    assert proposer.asked == [0, 1, 2]


def test_a_sequence_that_drifts_away_scores_less_than_one_that_is_seen_again():
    cat = Thing("cat", 0.9, (2, 2, 10, 10))
    world = World((cat,), num_frames=4)
    propagator = FakePropagator(world, shift=2)  # 2 of 8 columns a frame: IoU 0.6, then 1/3
    scores = {
        missed: segment_clip(
            world.clip(),
            FakeProposer(world),
            propagator,
            RedetectScorer(FakeProposer(world), missed=missed),
            InferenceSettings.model_validate({"propose": {"key_frames": 1}}),
        )[0].score
        for missed in (None, 0.0)
    }
    # From frame 1 it is found again on frames 0 to 2 of 4.
    assert scores == {None: pytest.approx(0.9), 0.0: pytest.approx(0.9 * 3 / 4)}


def test_another_detectors_classes_are_refused():
    scorer = RedetectScorer(FakeProposer(World(categories=("cat",))))
    with pytest.raises(
        InputError, match=r"knows 1 classes and the proposer 2 .*scorer=\"key-frame\""
    ):
        scored(scorer, 0)


@pytest.mark.parametrize("min_iou", [0, 1.5])
def test_an_overlap_that_cannot_be_is_refused(min_iou):
    with pytest.raises(InputError, match=f"min_iou must be .* got {min_iou}"):
        RedetectScorer(FakeProposer(WORLD), min_iou=min_iou)


@pytest.mark.parametrize("missed", [-0.1, 1.5])
def test_a_share_that_cannot_be_is_refused(missed):
    with pytest.raises(InputError, match=f"missed must lie in .* got {missed}"):
        RedetectScorer(FakeProposer(WORLD), missed=missed)


@pytest.mark.parametrize("make", [lambda _: KeyFrameScorer(), RedetectScorer])
def test_the_whole_pipeline_runs_with_it(make):
    proposer = FakeProposer(WORLD)
    sequences = segment_clip(
        WORLD.clip(), proposer, FakePropagator(WORLD), make(proposer), InferenceSettings()
    )
    assert [(s.category, round(s.score, 3)) for s in sequences] == [("cat", 0.9), ("dog", 0.6)]
