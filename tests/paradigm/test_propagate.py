"""A propagator is held to its contract."""

import pytest
import torch
from fakes import FakePropagator, Thing, World

from propose_reduce.errors import ContractError
from propose_reduce.paradigm.propagate import propagate
from propose_reduce.structures import FrameMasks, Seed

WORLD = World((Thing("cat"), Thing("dog", box=(5, 14, 12, 22))), num_frames=3)
SEEDS = [Seed(0, WORLD.masks(0)), Seed(2, WORLD.masks(2)[:1])]


class Telling:
    """Yields what it was told to."""

    def __init__(self, *found: FrameMasks) -> None:
        self.found = found

    def propagate(self, clip, seeds):
        yield from self.found


@pytest.mark.parametrize("backwards", [False, True])
def test_every_frame_of_every_seed_passes_in_the_order_it_comes(backwards):
    found = propagate(WORLD.clip(), FakePropagator(WORLD, backwards), SEEDS)
    pairs = [(masks.seed, masks.frame) for masks in found]
    expected = [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)]
    assert pairs == (expected[::-1] if backwards else expected)


def test_without_seeds_the_propagator_is_not_asked():
    never_asked = object()
    assert list(propagate(WORLD.clip(), never_asked, [])) == []


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"skip": (1, 2)}, r"no masks for seed 1, frame 2 \(and 0 other pairs\)"),
        ({"repeat": (0, 1)}, "seed 0, frame 1 came twice"),
        ({"size": (23, 32)}, r"seed 0, frame 0 must be \(2, 24, 32\), got \(2, 23, 32\)"),
    ],
)
def test_what_is_missing_repeated_or_of_another_size_is_named(broken, message):
    with pytest.raises(ContractError, match=message):
        list(propagate(WORLD.clip(), FakePropagator(WORLD, **broken), SEEDS))


@pytest.mark.parametrize(("seed", "frame"), [(2, 0), (-1, 0), (0, 3), (0, -1)])
def test_a_pair_that_does_not_exist_is_named(seed, frame):
    stranger = FrameMasks(seed, frame, WORLD.masks(0))
    with pytest.raises(ContractError, match=f"seed {seed}, frame {frame}: there are only 2 seeds"):
        list(propagate(WORLD.clip(), Telling(stranger), SEEDS))


def test_an_object_too_few_is_named():
    one_of_two = FrameMasks(0, 0, torch.zeros(1, 24, 32, dtype=torch.bool))
    with pytest.raises(ContractError, match=r"must be \(2, 24, 32\), got \(1, 24, 32\)"):
        list(propagate(WORLD.clip(), Telling(one_of_two), SEEDS))


def test_frames_that_are_not_wanted_need_not_come_and_do_not_pass():
    seeds = [Seed(0, WORLD.masks(0), frames=frozenset({0, 2})), SEEDS[1]]
    found = propagate(WORLD.clip(), FakePropagator(WORLD, skip=(0, 1)), seeds)
    assert [(masks.seed, masks.frame) for masks in found if masks.seed == 0] == [(0, 0), (0, 2)]
    found = propagate(WORLD.clip(), FakePropagator(WORLD), seeds)
    assert [(masks.seed, masks.frame) for masks in found if masks.seed == 0] == [(0, 0), (0, 2)]
