"""The whole paradigm on a scripted world."""

from dataclasses import replace

import pytest
import torch
from fakes import FakePropagator, FakeProposer, FakeScorer, Thing, World
from windows_found import proposals_found, windows_found

from propose_reduce.errors import ContractError, InputError
from propose_reduce.paradigm.pipeline import (
    components_needed,
    reduce_sequences,
    segment_clip,
)
from propose_reduce.settings import InferenceSettings, ReduceSettings

CAT = Thing("cat", 0.9, (2, 2, 10, 10), velocity=(1, 0))
DOG = Thing("dog", 0.8, (5, 14, 12, 22), absent=frozenset({2}))


def settings(**propose: object) -> InferenceSettings:
    return InferenceSettings.model_validate({"propose": propose})


def segment(world: World, inference: InferenceSettings | None = None, **propagator: object):
    return segment_clip(
        world.clip(),
        FakeProposer(world),
        FakePropagator(world, **propagator),
        FakeScorer(world),
        inference or settings(),
    )


def test_each_thing_is_one_sequence_though_every_key_frame_sees_it():
    world = World((CAT, DOG))
    cat, dog = segment(world)
    assert [(cat.id, cat.category), (dog.id, dog.category)] == [(1, "cat"), (2, "dog")]
    for sequence, thing in ((cat, CAT), (dog, DOG)):
        expected = torch.stack([world.mask(thing, frame) for frame in range(world.num_frames)])
        assert torch.equal(torch.from_numpy(sequence.masks), expected)
        assert sequence.score == pytest.approx(thing.score)


def test_an_absent_thing_has_no_mask_and_no_frame_score():
    _, dog = segment(World((CAT, DOG)))
    assert [mask is None for mask in dog.segmentations] == [False, False, True, False, False]
    assert dog.frame_scores == pytest.approx([0.8, 0.8, None, 0.8, 0.8])


def test_masks_come_in_the_pixels_of_the_video():
    world = World((CAT,), zoom=3)
    (cat,) = segment(world)
    assert cat.size == (72, 96)
    at_working_size = cat.masks[:, 1::3, 1::3]
    assert at_working_size.tolist() == [world.mask(CAT, t).tolist() for t in range(5)]


def test_a_thing_that_one_key_frame_misses_is_found_on_another():
    late = replace(DOG, absent=frozenset({0, 1, 2}))
    (dog,) = segment(World((late,)))
    assert dog.key_frame == 3


def test_nothing_to_see_is_no_sequence():
    assert segment(World(())) == []


def test_a_video_of_one_frame():
    (cat,) = segment(World((CAT,), num_frames=1))
    assert cat.key_frame == 0
    assert len(cat.segmentations) == 1


def test_the_order_in_which_a_propagator_yields_does_not_matter():
    world = World((CAT, DOG))
    forwards, backwards = segment(world), segment(world, backwards=True)
    assert [s.segmentations for s in forwards] == [s.segmentations for s in backwards]
    assert [s.frame_scores for s in forwards] == [s.frame_scores for s in backwards]


def test_the_scorer_is_asked_once_per_frame_and_seed_and_never_about_empty_masks():
    world = World((CAT, DOG), num_frames=3)
    scorer = FakeScorer(world)
    segment_clip(
        world.clip(), FakeProposer(world), FakePropagator(world), scorer, settings(key_frames=1)
    )
    assert scorer.asked == [(0, 2), (1, 2), (2, 1)]


def test_proposals_hold_every_sequence_and_reduce_again_without_the_components():
    world = World((CAT, DOG), num_frames=3)
    proposals = proposals_found(
        world.clip(), FakeProposer(world), FakePropagator(world), FakeScorer(world), settings()
    )
    assert proposals.key_frames == (0, 0, 1, 1, 2)  # the dog is absent on frame 2
    assert proposals.frame_scores.shape == (5, 3, 3)
    sizes = [
        len(reduce_sequences(proposals, (24, 32), ReduceSettings(kind=kind)))
        for kind in ("hard", "soft", "category-aware")
    ]
    assert sizes == [2, 5, 2]


def test_sequences_that_differ_are_both_kept():
    world = World((replace(CAT, velocity=(0, 0)),))
    # Two pixels of 8 per frame away: neighbouring key frames have IoU 30 / 50, next ones 24 / 56.
    slipping = segment(world, shift=2)
    assert [sequence.key_frame for sequence in slipping] == [0, 2, 4]


def test_of_two_alike_the_one_that_is_surely_there_is_kept():
    world = World((CAT,))
    first, last = torch.tensor([0.5]), torch.tensor([1.0])
    (cat,) = segment(world, settings(key_frames=2), presences=(first, last))
    assert cat.key_frame == 4
    assert cat.score == pytest.approx(0.9)
    (cat,) = segment(world, settings(key_frames=2), presences=(first, first))
    assert cat.key_frame == 0
    assert cat.score == pytest.approx(0.45)
    assert cat.frame_scores == pytest.approx([0.45] * 5)


def test_progress_counts_the_steps_of_every_stage():
    world = World((CAT, DOG), num_frames=3)
    told = []
    segment_clip(
        world.clip(),
        FakeProposer(world),
        FakePropagator(world),
        FakeScorer(world),
        settings(key_frames=2),
        progress=lambda *step: told.append(step),
    )
    assert told == [
        *[("propose", done, 2) for done in (1, 2)],
        *[("propagate", done, 6) for done in range(1, 7)],
        *[("report", done, 2) for done in (1, 2)],
    ]


def test_a_component_that_breaks_its_contract_is_named():
    with pytest.raises(ContractError, match="seed 0, frame 4 came twice"):
        segment(World((CAT, DOG)), repeat=(0, 4))


def by(paradigm: str) -> InferenceSettings:
    return InferenceSettings.model_validate({"paradigm": paradigm, "propose": {"key_frames": 2}})


def test_the_settings_choose_what_is_asked():
    world = World(num_frames=4)
    proposer, propagator, scorer = FakeProposer(world), FakePropagator(world), FakeScorer(world)
    chosen = by("propose-reduce")
    (found,) = windows_found(world.clip(), proposer, propagator, scorer, chosen)
    assert (len(found.proposals), proposer.asked, found.frames) == (2, [0, 3], range(4))
    proposer.asked.clear()
    (found,) = windows_found(world.clip(), proposer, None, None, by("track-by-detect"))
    assert (len(found.proposals), proposer.asked) == (1, [0, 1, 2, 3])
    proposer.asked.clear()
    chosen = by("clip-match")
    (found,) = windows_found(world.clip(), proposer, propagator, scorer, chosen)
    assert (len(found.proposals), proposer.asked) == (1, [0, 1, 2, 3])


def test_a_component_that_the_paradigm_needs_is_named():
    world = World(num_frames=4)
    assert components_needed(by("track-by-detect")) == ("proposer",)
    assert components_needed(by("clip-match")) == components_needed(by("propose-reduce"))
    assert components_needed(by("propose-reduce")) == ("proposer", "propagator", "scorer")
    propagator = FakePropagator(world)
    for components, missing in (((None, None), "propagator"), ((propagator, None), "scorer")):
        with pytest.raises(InputError, match=f"'propose-reduce' needs a {missing}"):
            segment_clip(world.clip(), FakeProposer(world), *components, by("propose-reduce"))
