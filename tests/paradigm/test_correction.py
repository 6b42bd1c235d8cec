"""Carried masks are put right by detections, in a scripted world."""

import pytest
import torch
from fakes import DriftingPropagator, FakePropagator, FakeProposer, FakeScorer, Thing, World
from windows_found import proposals_found

from propose_reduce.paradigm.pipeline import segment_clip
from propose_reduce.paradigm.propagate import DetectionCorrector
from propose_reduce.paradigm.windows import window_of
from propose_reduce.settings import InferenceSettings, PropagateSettings
from propose_reduce.structures import Detections

CAT = Thing("cat", 0.9, (2, 2, 10, 10))


def corrector(world: World, start: int = 0, **settings: object) -> DetectionCorrector:
    proposer, clip = FakeProposer(world), world.clip()
    origins = [proposer.propose(clip, 0)]
    window = window_of(clip, range(start, world.num_frames))
    return DetectionCorrector(window, proposer, origins, PropagateSettings(**settings))


def slipped(masks: torch.Tensor, pixels: int) -> torch.Tensor:
    return masks.roll(pixels, dims=2)


def carried(world: World, propagator: object, **propagate: object):
    settings = {"propose": {"key_frames": 1}, "propagate": propagate}
    return proposals_found(
        world.clip(),
        FakeProposer(world),
        propagator,
        FakeScorer(world),
        InferenceSettings.model_validate(settings),
    )


def overlaps(found, world: World) -> list[float]:
    """IoU of the first sequence with the first thing on each frame."""
    masks = [(found.masks.mask(0, t), world.mask(world.things[0], t)) for t in range(9)]
    return [float((a & b).sum() / (a | b).sum()) for a, b in masks]


def test_a_drifting_propagator_is_brought_back():
    world = World((CAT,), num_frames=9)  # the key frame is 4, the mask slips by 1 of 8 columns
    lost = carried(world, DriftingPropagator())
    assert overlaps(lost, world)[8] == pytest.approx(4 / 12)
    kept = carried(world, DriftingPropagator(), correct="detections", correct_every=2)
    assert overlaps(kept, world) == pytest.approx([1, 7 / 9, 1, 7 / 9, 1, 7 / 9, 1, 7 / 9, 1])


def test_the_frames_to_correct_on_are_counted_in_the_whole_video():
    world = World((CAT,), num_frames=9)
    masks = slipped(world.masks(0), 2)
    part = corrector(world, start=1, correct_every=3)
    corrected = [part.correct(frame, 0, masks) is not masks for frame in range(8)]
    assert corrected == [False, False, True, False, False, True, False, False]


@pytest.mark.parametrize(("correct_iou", "corrected"), [(0.33, True), (0.34, False)])
def test_a_mask_that_hardly_overlaps_stays(correct_iou, corrected):
    world = World((CAT,))
    far = slipped(world.masks(0), 4)  # IoU 4 / 12
    found = corrector(world, correct_iou=correct_iou).correct(1, 0, far)
    assert (found is not far) == corrected
    assert torch.equal(found, world.masks(1) if corrected else far)


def test_two_look_alikes_do_not_swap():
    left, right = Thing("cat", 0.9, (2, 2, 10, 10)), Thing("cat", 0.8, (11, 2, 19, 10))
    blind = World((left, right), num_frames=2)
    part = corrector(World((left, Thing("cat", 0.8, (11, 2, 19, 10)))), correct_iou=0.3)
    both = blind.masks(0)
    # The left mask has slipped so far that it overlaps the right cat more than its own: 5 / 11
    # against 4 / 12. The right one is where its cat is, and the best pairing of all gives it that.
    drifted = torch.stack([slipped(both[:1], 5)[0], both[1]])
    assert torch.equal(part.correct(1, 0, drifted)[1], both[1])
    assert not torch.equal(part.correct(1, 0, drifted)[0], both[1])


def test_a_mask_whose_object_is_not_detected_does_not_take_anothers_detection():
    left, right = Thing("cat", 0.9, (2, 2, 10, 10)), Thing("cat", 0.8, (11, 2, 19, 10))
    seen = World((left, right))
    missing = World((Thing("cat", 0.9, (2, 2, 10, 10), absent=frozenset({1})), right))
    origins = FakeProposer(seen).propose(seen.clip(), 0)
    part = DetectionCorrector(
        missing.clip(), FakeProposer(missing), [origins], PropagateSettings(correct_iou=0.3)
    )
    drifted = torch.stack([slipped(seen.masks(0)[:1], 5)[0], seen.masks(0)[1]])
    assert torch.equal(part.correct(1, 0, drifted), drifted)


def test_of_two_detections_that_fit_alike_the_one_of_its_class_is_taken():
    cat, dog = Thing("cat", 0.9, (2, 2, 10, 10)), Thing("dog", 0.9, (4, 2, 12, 10))
    world = World((dog, cat))
    origins = Detections(world.masks(0)[1:], world.probabilities(cat)[None])
    part = DetectionCorrector(world.clip(), FakeProposer(world), [origins], PropagateSettings())
    between = slipped(world.masks(0)[1:], 1)  # IoU 7 / 9 with both
    assert torch.equal(part.correct(1, 0, between)[0], world.mask(cat, 1))


def test_where_nothing_is_detected_nothing_is_corrected():
    world = World((Thing("cat", absent=frozenset({1})), Thing("dog", absent=frozenset({0, 1}))))
    masks = world.masks(0)[:1]
    part = DetectionCorrector(
        world.clip(),
        FakeProposer(world),
        [Detections(masks, torch.tensor([[0.1, 0.9, 0.0]]))],
        PropagateSettings(),
    )
    assert torch.equal(part.correct(1, 0, masks), masks)
    nothing = World(())
    part = DetectionCorrector(
        nothing.clip(),
        FakeProposer(nothing),
        [Detections(masks, torch.tensor([[0.1, 0.9, 0.0]]))],
        PropagateSettings(),
    )
    assert part.correct(1, 0, masks) is masks


def test_a_propagator_that_takes_no_corrector_runs_without_and_a_warning_says_so():
    world = World((CAT,), num_frames=9)
    with pytest.warns(UserWarning, match="FakePropagator takes no corrector"):
        found = carried(world, FakePropagator(world, shift=1), correct="detections")
    assert overlaps(found, world)[8] < 0.5


def test_detections_are_shared_by_key_frames_and_correction():
    world = World((CAT,), num_frames=9)
    proposer = FakeProposer(world)
    settings = {"propose": {"key_frames": 3}, "propagate": {"correct": "detections"}}
    segment_clip(
        world.clip(),
        proposer,
        DriftingPropagator(),
        FakeScorer(world),
        InferenceSettings.model_validate(settings),
    )
    assert sorted(proposer.asked) == list(range(9))
