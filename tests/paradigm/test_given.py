"""Given objects followed: who is who, in both directions, with what was given standing."""

import numpy as np
import pytest
import torch
from fakes import FakePropagator, Thing, World

from propose_reduce import rle
from propose_reduce.components.flow import FlowPropagator
from propose_reduce.errors import InputError
from propose_reduce.paradigm.given import GivenObject, follow
from propose_reduce.structures import Clip, FrameMasks

CAT = Thing("cat", box=(2, 2, 10, 10), velocity=(1, 0))
DOG = Thing("dog", box=(12, 12, 20, 20), absent=frozenset({1}))
WORLD = World((CAT, DOG), num_frames=6, zoom=2)


def mask(thing, frame, world=WORLD):
    """Where a thing is, in the video's own pixels."""
    whole = world.mask(thing, frame).numpy().repeat(world.zoom, 0).repeat(world.zoom, 1)
    return rle.encode(whole)


def given(number, thing, *frames, **facts):
    return GivenObject(number, thing.category, {t: mask(thing, t) for t in frames}, **facts)


def test_each_object_becomes_one_sequence_with_its_own_id_and_pixels():
    objects = [given(7, CAT, 2), given(300, DOG, 0)]
    found = {one.id: one for one in follow(WORLD.clip(), FakePropagator(WORLD), objects)}
    assert set(found) == {7, 300}
    assert [found[7].category, found[7].key_frame, found[7].score] == ["cat", 2, 1.0]
    assert list(found[7].segmentations) == [mask(CAT, t) for t in range(6)]
    assert found[300].segmentations[1] is None
    assert found[300].frame_scores == (1.0, None, 1.0, 1.0, 1.0, 1.0)


def test_what_enters_is_nowhere_before_its_first_mask():
    (found,) = follow(WORLD.clip(), FakePropagator(WORLD), [given(1, CAT, 3, enters=True)])
    assert [one is None for one in found.segmentations] == [True] * 3 + [False] * 3


def test_presence_is_the_score_of_frames_that_were_not_given():
    sure = FakePropagator(WORLD, presences=[torch.tensor([0.25])])
    (found,) = follow(WORLD.clip(), sure, [given(1, CAT, 0)])
    assert found.frame_scores == (1.0, *[0.25] * 5)
    assert found.score == pytest.approx((1 + 5 * 0.25) / 6)


def test_what_was_given_stands_and_no_other_object_has_its_pixels():
    class Everywhere:
        def propagate(self, clip, seeds, *, corrector=None):
            for index, seed in enumerate(seeds):
                for frame in range(len(clip.frames)):
                    yield FrameMasks(index, frame, torch.ones_like(seed.masks))

    objects = [given(1, CAT, 0), given(2, DOG, 4)]
    cat, dog = follow(WORLD.clip(), Everywhere(), objects)
    assert dog.segmentations[4] == mask(DOG, 4)
    assert (cat.masks[4] == ~rle.decode(mask(DOG, 4))).all()
    assert (dog.masks[0] == ~rle.decode(mask(CAT, 0))).all()
    assert cat.masks[2].all()
    assert dog.masks[2].all()


def test_a_propagator_goes_on_from_later_masks():
    still = World((CAT,), num_frames=6)  # flow sees a still picture: only what is given moves
    frames = [still.image(0)] * 6
    clip = Clip(frames, still.size, still.size)
    later = GivenObject(1, "cat", {0: mask(CAT, 0, still), 3: mask(CAT, 3, still)})
    (found,) = follow(clip, FlowPropagator(colour_weight=0.0), [later])
    assert (found.masks[2] == found.masks[0]).all()
    assert found.segmentations[3] == mask(CAT, 3, still)
    assert (found.masks[5] == found.masks[3]).all()


def test_a_propagator_without_corrector_is_warned_of():
    with pytest.warns(UserWarning, match="masks given on later frames"):
        (found,) = follow(WORLD.clip(), FakePropagator(WORLD), [given(1, CAT, 0, 2)])
    assert found.segmentations[2] == mask(CAT, 2)


def test_an_object_of_one_pixel_is_not_lost_at_the_working_size():
    dot = np.zeros((48, 64), bool)
    dot[30, 40] = True
    seen = []

    class Watching(FakePropagator):
        def propagate(self, clip, seeds):
            seen.extend(seeds)
            return super().propagate(clip, seeds)

    follow(WORLD.clip(), Watching(WORLD), [GivenObject(1, "dot", {0: rle.encode(dot)})])
    assert seen[0].masks.nonzero().tolist() == [[0, 15, 20]]


def test_no_objects_ask_nothing_and_one_frame_is_enough():
    assert follow(WORLD.clip(), FakePropagator(WORLD), []) == []
    one = World((CAT,), num_frames=1, zoom=2)
    (found,) = follow(one.clip(), FakePropagator(one), [given(5, CAT, 0)])
    assert (found.id, len(found.segmentations)) == (5, 1)


@pytest.mark.parametrize(
    ("number", "masks", "message"),
    [(0, {0: mask(CAT, 0)}, "numbered from 1, got 0"), (3, {}, "object 3 needs a mask")],
)
def test_a_faulty_object_is_refused(number, masks, message):
    with pytest.raises(InputError, match=message):
        GivenObject(number, "cat", masks)
