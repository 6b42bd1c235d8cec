import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propose_reduce.data.clips import PairSettings
from propose_reduce.data.shapes.pairs import ShapesPairs
from propose_reduce.errors import InputError
from propose_reduce.training.data import Mixture


class Source:
    """As much of a source of pairs as the order of samples needs."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size


def mixture(sizes, weights=None, seed=0):
    names = [chr(97 + place) for place in range(len(sizes))]
    given_weights = weights or [None] * len(sizes)
    sources = {name: Source(size) for name, size in zip(names, sizes, strict=True)}
    return Mixture(sources, dict(zip(names, given_weights, strict=True)), seed)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(0, 3), st.integers(0, 9))
def test_without_weights_an_epoch_shows_every_pair_once(sizes, epoch, seed):
    mixed = mixture(sizes, seed=seed)
    shown = [mixed.sample(epoch * len(mixed) + place) for place in range(len(mixed))]
    assert len(set(shown)) == len(shown) == sum(sizes)


def test_the_order_changes_with_epoch_and_seed():
    mixed = mixture([30])
    first = [mixed.sample(n).index for n in range(30)]
    assert [mixed.sample(n).index for n in range(30, 60)] != first
    assert [mixture([30], seed=1).sample(n).index for n in range(30)] != first
    assert [mixed.sample(n).index for n in range(30)] == first  # also after another epoch


def test_samples_go_to_workers_however_these_are_started():
    source = ShapesPairs(PairSettings(long_side=96, short_side=64), samples=5)
    own = Mixture({"shapes": source}, {"shapes": None}, 0)
    own.sample(3)
    sent = pickle.loads(pickle.dumps(own))  # as spawn and forkserver do
    assert [sent.sample(n) for n in range(10)] == [own.sample(n) for n in range(10)]


def test_weights_share_out_the_samples_and_repeat_a_small_source_evenly():
    mixed = mixture([10, 30], weights=[3.0, 1.0])
    samples = [mixed.sample(n) for n in range(len(mixed))]
    assert Counter(sample.source for sample in samples) == {"a": 30, "b": 10}
    assert set(Counter(s.index for s in samples if s.source == "a").values()) == {3}


def test_rendered_shapes_are_new_in_every_epoch():
    shapes = ShapesPairs(PairSettings(long_side=96, short_side=64), samples=5)
    mixed = Mixture({"shapes": shapes}, {"shapes": None}, seed=0)
    assert sorted(mixed.sample(n).index for n in range(15)) == list(range(15))


@pytest.mark.parametrize("weights", [[1.0, None], [0.0, 0.0]])
def test_weights_that_say_nothing_are_refused(weights):
    with pytest.raises(InputError, match="weights must be given to all sources"):
        mixture([2, 2], weights)


def test_no_source_is_refused():
    with pytest.raises(InputError, match="at least one source"):
        mixture([])
