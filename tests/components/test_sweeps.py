"""The way through a clip of six frames, with key frames 1 and 3."""

import torch

from propose_reduce.components.sweeps import Step, sweeps, without_masks
from propose_reduce.structures import Seed


def seed(frame, objects=1, frames=None):
    return Seed(frame, torch.ones(objects, 2, 3, dtype=torch.bool), frames=frames)


def test_every_seed_is_carried_to_every_frame_once():
    forward, backward = sweeps([seed(3), seed(1)], 6)
    assert [(step.frame, step.seeds) for step in forward] == [
        (1, (1,)),
        (2, (1,)),
        (3, (0, 1)),
        (4, (0, 1)),
        (5, (0, 1)),
    ]
    assert [(step.frame, step.seeds) for step in backward] == [(2, (0,)), (1, (0,)), (0, (0, 1))]


def test_the_next_frame_is_known_beyond_the_turn_and_not_at_the_end():
    forward, backward = sweeps([seed(3), seed(1)], 6)
    frames = [step.frame for step in (*forward, *backward)]
    assert [step.next_frame for step in (*forward, *backward)] == [*frames[1:], None]


def test_a_single_key_frame_at_the_start_has_no_way_back():
    assert sweeps([seed(0)], 2) == ([Step(0, 1, (0,)), Step(1, None, (0,))], [])


def test_seeds_without_masks_have_nothing_everywhere():
    seeds = [seed(1, objects=0), seed(0)]
    assert [(found.seed, found.frame) for found in without_masks(seeds, 3)] == [
        (0, 0),
        (0, 1),
        (0, 2),
    ]
    assert all(step.seeds == (1,) for step in sweeps(seeds, 3)[0])
    assert sweeps(seeds[:1], 3) == ([], [])


def test_frames_that_no_seed_wants_are_left_out():
    seeds = [seed(1, frames=frozenset({1, 4})), seed(4, frames=frozenset({1, 4}))]
    forward, backward = sweeps(seeds, 6)
    assert forward == [Step(1, 4, (0,)), Step(4, 1, (0, 1))]
    assert backward == [Step(1, None, (1,))]
    nothing = seed(2, objects=0, frames=frozenset({2, 3}))
    assert [found.frame for found in without_masks([nothing], 6)] == [2, 3]
