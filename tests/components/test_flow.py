from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import torch
from fakes import GivenMasks

from propose_reduce.components.flow import FlowPropagator
from propose_reduce.paradigm.propagate import propagate
from propose_reduce.structures import Clip, Seed

SIZE = (96, 128)


def textured_square(steps: Sequence[int], zoom: int = 1) -> tuple[Clip, torch.Tensor]:
    """A bright patterned square that moves to the right by the given columns, and where it is."""
    random = np.random.default_rng(0)
    ground = cv2.GaussianBlur(random.integers(0, 120, (*SIZE, 3)).astype(np.uint8), (0, 0), 2)
    square = cv2.GaussianBlur(random.integers(90, 255, (30, 30, 3)).astype(np.uint8), (0, 0), 2)
    frames, masks = [], torch.zeros(len(steps), *SIZE, dtype=torch.bool)
    for index, step in enumerate(steps):
        frame = ground.copy()
        frame[30:60, 20 + step : 50 + step] = square
        masks[index, 30:60, 20 + step : 50 + step] = True
        frames.append(frame.repeat(zoom, axis=0).repeat(zoom, axis=1))
    return Clip(frames, SIZE, (zoom * SIZE[0], zoom * SIZE[1])), masks


def iou(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one & other).sum() / (one | other).sum())


def followed(clip: Clip, seeds: Sequence[Seed], **settings: float) -> dict:
    """Masks by seed and frame; each pair is checked to come once."""
    component = FlowPropagator(**settings)
    return {(found.seed, found.frame): found.masks for found in propagate(clip, component, seeds)}


@pytest.mark.parametrize("key_frame", [0, 5, 9])
def test_a_moving_square_is_followed_in_both_directions(key_frame):
    clip, truth = textured_square(range(0, 30, 3))
    found = followed(clip, [Seed(key_frame, truth[key_frame, None])])
    assert min(iou(found[0, frame][0], truth[frame]) for frame in range(10)) > 0.8
    assert torch.equal(found[0, key_frame][0], truth[key_frame])


def presences(clip: Clip, seed: Seed) -> list[float]:
    found = {one.frame: one for one in FlowPropagator().propagate(clip, [seed])}
    assert all(one.presence.shape == (len(seed.masks),) for one in found.values())
    return [float(found[frame].presence[0]) for frame in range(len(clip.frames))]


def test_presence_is_1_on_the_key_frame_and_falls_with_the_distance():
    clip, truth = textured_square(range(0, 30, 3))
    sure = presences(clip, Seed(4, truth[4, None]))
    assert sure[4] == 1
    assert sure[:5] == sorted(sure[:5])
    assert sure[4:] == sorted(sure[4:], reverse=True)
    assert min(sure) > 0.8


def test_presence_says_when_the_object_is_gone():
    clip, truth = textured_square((0, 3, 6))
    (nothing,) = textured_square((75,))[0].frames  # the ground, but for the other end of it
    gone = Clip([*clip.frames, nothing, nothing], SIZE, SIZE)
    sure = presences(gone, Seed(0, truth[0, None]))
    assert min(sure[:3]) > 0.8
    assert max(sure[3:]) < 0.1


def test_a_seed_without_objects_has_presence_of_none():
    clip = textured_square((0, 3))[0]
    nothing = Seed(0, torch.zeros(0, *SIZE, dtype=torch.bool))
    assert all(one.presence.shape == (0,) for one in FlowPropagator().propagate(clip, [nothing]))


def test_a_seed_is_followed_alike_alone_and_beside_others():
    clip, truth = textured_square(range(0, 18, 3))
    middle, end = Seed(3, truth[3, None]), Seed(5, truth[5, None])
    nothing = Seed(2, torch.zeros(0, *SIZE, dtype=torch.bool))
    together = followed(clip, [middle, nothing, end])
    for index, seed in ((0, middle), (2, end)):
        alone = followed(clip, [seed])
        assert all(torch.equal(together[index, t], alone[0, t]) for t in range(6))
    assert all(together[1, t].shape == (0, *SIZE) for t in range(6))


def test_the_flow_of_two_frames_is_computed_once_for_all_seeds(monkeypatch):
    calls = []
    real = cv2.DISOpticalFlow.create

    class Counting:
        def __init__(self, preset):
            self.estimator = real(preset)

        def calc(self, *images):
            calls.append(1)
            return self.estimator.calc(*images)

    monkeypatch.setattr(cv2.DISOpticalFlow, "create", Counting)
    clip, truth = textured_square(range(0, 15, 3))
    followed(clip, [Seed(frame, truth[frame, None]) for frame in (0, 2, 4)])
    assert len(calls) == 2 * 2 * 4  # there and back, two sweeps, four pairs


def test_objects_of_a_seed_share_no_pixel():
    clip, truth = textured_square(range(0, 15, 3))
    seed = Seed(0, torch.stack([truth[0], ~truth[0]]))
    assert all(not (m[0] & m[1]).any() for m in followed(clip, [seed]).values())


def test_what_is_newly_seen_behind_an_object_is_not_added_to_it():
    clip, truth = textured_square((0, 12, 24))
    sure = followed(clip, [Seed(0, truth[0, None])], doubt=1.0, colour_weight=0.0)
    wary = followed(clip, [Seed(0, truth[0, None])], doubt=0.5, colour_weight=0.0)
    beside = ~truth[2]
    assert (wary[0, 2][0] & beside).sum() < (sure[0, 2][0] & beside).sum()


def test_one_frame_and_small_frames_do():
    clip, truth = textured_square((0,))
    assert torch.equal(followed(clip, [Seed(0, truth[:1])])[0, 0], truth[:1])
    frames = np.zeros((3, 6, 8, 3), dtype=np.uint8)
    mask = torch.zeros(1, 6, 8, dtype=torch.bool)
    mask[0, 1:5, 2:6] = True
    found = followed(Clip(frames, (6, 8), (6, 8)), [Seed(0, mask)])
    assert found[0, 2].shape == (1, 6, 8)


def test_masks_have_the_working_size_whatever_the_size_of_the_flow():
    clip, truth = textured_square(range(0, 12, 3), zoom=2)
    found = followed(clip, [Seed(0, truth[:1])], long_side=64)
    assert iou(found[0, 3][0], truth[3]) > 0.75


def test_many_objects_are_followed():
    clip = textured_square((0, 2))[0]
    many = torch.zeros(40, *SIZE, dtype=torch.bool)
    for index in range(40):
        many[index, 2 * index : 2 * index + 2] = True
    assert followed(clip, [Seed(0, many)])[0, 1].shape == (40, *SIZE)


def test_a_corrected_mask_is_yielded_and_carried_on():
    clip, truth = textured_square(range(0, 30, 3))
    wrong = truth[4].roll(8, dims=1)  # beside the square: IoU 22 / 38
    seed = Seed(4, wrong[None])
    lost = {one.frame: one.masks[0] for one in FlowPropagator().propagate(clip, [seed])}
    given = GivenMasks({frame: truth[frame, None] for frame in (2, 6)})
    kept = {
        one.frame: one.masks[0] for one in FlowPropagator().propagate(clip, [seed], corrector=given)
    }
    for frame in (3, 4, 5):
        assert torch.equal(kept[frame], lost[frame])
    for frame in (2, 6):
        assert torch.equal(kept[frame], truth[frame])
    for frame in (0, 1, 7, 8, 9):
        assert iou(kept[frame], truth[frame]) > 0.8 > iou(lost[frame], truth[frame])


def test_a_mask_that_was_put_right_is_sure_again():
    clip, truth = textured_square(range(0, 30, 3))
    seed, given = Seed(0, truth[:1]), GivenMasks({5: truth[5, None]})
    sure = {
        found.frame: float(found.presence[0])
        for found in FlowPropagator().propagate(clip, [seed], corrector=given)
    }
    assert sure[4] < sure[5]
    assert sure[5] > 0.9
