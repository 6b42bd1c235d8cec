import pytest

from fakes import FakePropagator, FakeProposer, FakeScorer, World
from propose_reduce.errors import InputError
from propose_reduce.paradigm.paradigms import doors_needed, find_sequences
from propose_reduce.settings import InferenceSettings

WORLD = World(num_frames=4)


def settings(paradigm: str) -> InferenceSettings:
    return InferenceSettings.model_validate({"paradigm": paradigm, "propose": {"key_frames": 2}})


def test_the_settings_choose_what_is_asked():
    proposer, propagator, scorer = FakeProposer(WORLD), FakePropagator(WORLD), FakeScorer(WORLD)
    chosen = settings("propose-reduce")
    found = find_sequences(WORLD.clip(), proposer, propagator, scorer, chosen)
    assert (len(found), proposer.asked) == (2, [0, 3])
    proposer.asked.clear()
    found = find_sequences(WORLD.clip(), proposer, None, None, settings("track-by-detect"))
    assert (len(found), proposer.asked) == (1, [0, 1, 2, 3])


def test_a_part_that_the_paradigm_needs_is_named():
    assert doors_needed(settings("track-by-detect")) == ("proposer",)
    assert doors_needed(settings("propose-reduce")) == ("proposer", "propagator", "scorer")
    propagator = FakePropagator(WORLD)
    for parts, missing in (((None, None), "propagator"), ((propagator, None), "scorer")):
        with pytest.raises(InputError, match=f"'propose-reduce' needs a {missing}"):
            find_sequences(WORLD.clip(), FakeProposer(WORLD), *parts, settings("propose-reduce"))
