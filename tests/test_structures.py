import numpy as np
import pytest
import torch

from propose_reduce import rle
from propose_reduce.errors import ContractError, InputError
from propose_reduce.structures import (
    Clip,
    Detections,
    FrameMasks,
    InstanceSequence,
    Seed,
    SelectedFrames,
    fitted_size,
    frame_of,
)

MASKS = torch.zeros(2, 4, 6, dtype=torch.bool)
FULL = rle.encode(np.ones((4, 6), dtype=bool))


def sequence(**changes):
    """Return a sequence of two frames, present on the first, with some fields changed."""
    fields = {
        "id": 1,
        "category": "cat",
        "score": 0.5,
        "class_scores": {"cat": 0.5},
        "key_frame": 0,
        "size": (4, 6),
        "segmentations": (FULL, None),
        "frame_scores": (0.5, None),
    }
    return InstanceSequence(**(fields | changes))


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((720, 1280), (360, 640)),
        ((480, 854), (360, 640)),  # 640 / 854 = 0.7494.., and 480 of it is 359.7
        ((1280, 720), (640, 360)),  # upright: the long side is the height
        ((100, 100), (360, 360)),
        ((1, 1000), (1, 640)),
    ],
)
def test_frames_fit_into_the_long_and_the_short_side(size, fitted):
    assert fitted_size(size, long_side=640, short_side=360) == fitted


def test_a_clip_needs_a_frame_and_sizes():
    with pytest.raises(InputError, match="0 frames"):
        Clip(np.zeros((0, 4, 6, 3), np.uint8), (4, 6), (4, 6))
    with pytest.raises(InputError, match=r"working_size .* got \(0, 6\)"):
        Clip(np.zeros((1, 4, 6, 3), np.uint8), (0, 6), (4, 6))


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((1, 4, 6, 3), np.float32),
        np.zeros((1, 4, 6), np.uint8),
        np.zeros((1, 4, 6, 4), np.uint8),
        np.zeros((1, 5, 6, 3), np.uint8),
        [[0, 1]],
    ],
    ids=["float", "grey", "with alpha", "another size", "no array"],
)
def test_a_frame_that_is_no_rgb_image_of_the_clips_size_is_refused(frames):
    with pytest.raises(InputError, match=r"frame 0 must be uint8 RGB \(4, 6, 3\), got"):
        frame_of(Clip(frames, (4, 6), (4, 6)), 0)


def test_frames_with_their_channels_turned_around_fit_torch():
    bgr = np.arange(72, dtype=np.uint8).reshape(1, 4, 6, 3)
    frame = frame_of(Clip(bgr[..., ::-1], (4, 6), (4, 6)), 0)
    assert torch.from_numpy(frame)[0, 0].tolist() == [2, 1, 0]


def test_detections_check_what_they_hold():
    scores = torch.full((2, 3), 1 / 3)
    assert len(Detections(MASKS, scores)) == 2
    with pytest.raises(ContractError, match=r"masks must be bool .* float32 \(2, 4, 6\)"):
        Detections(MASKS.float(), scores)
    with pytest.raises(ContractError, match="2 masks but scores for 1"):
        Detections(MASKS, scores[:1])
    with pytest.raises(ContractError, match="NaN"):
        Detections(MASKS, scores * torch.nan)


def test_seeds_and_frame_masks_check_what_they_hold():
    with pytest.raises(ContractError, match="got -1"):
        Seed(-1, MASKS)
    with pytest.raises(ContractError, match="3 dimensions"):
        Seed(0, MASKS[0])
    with pytest.raises(ContractError, match="2 values"):
        FrameMasks(0, 0, MASKS, torch.ones(3))
    with pytest.raises(ContractError, match=r"on frame 4, got \(1, 4, 6\)"):
        Seed(0, MASKS, {4: MASKS[:1]})
    with pytest.raises(ContractError, match="must have the key frame 0"):
        Seed(0, MASKS, frames=frozenset({1}))


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_presence_is_a_probability(wrong):
    assert FrameMasks(0, 0, MASKS, torch.tensor([0.0, 1.0])).presence is not None
    with pytest.raises(ContractError, match=r"presence must lie in \[0, 1\]"):
        FrameMasks(0, 0, MASKS, torch.tensor([0.5, wrong]))
    with pytest.raises(ContractError, match="presence must be float32"):
        FrameMasks(0, 0, MASKS, torch.ones(2, dtype=torch.float64))


def test_masks_of_a_sequence_are_decoded_when_asked_for():
    masks = sequence().masks
    assert masks.shape == (2, 4, 6)
    assert masks[0].all()
    assert not masks[1].any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"category": "dog"}, "category 'dog' has no score"),
        ({"score": 1.5}, "got 1.5"),
        ({"score": float("nan")}, "got nan"),
        ({"frame_scores": (0.5,)}, "2 segmentations but 1 frame scores"),
        ({"key_frame": 2}, "0..1, got 2"),
        ({"size": (4, 7)}, "frame 0: its mask must be"),
    ],
)
def test_a_sequence_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        sequence(**changes)


def test_selected_frames_are_those_of_others_in_their_order_and_no_others():
    frames = SelectedFrames(
        [np.full((1, 1, 3), index, np.uint8) for index in range(9)], range(8, 0, -3)
    )
    assert [int(frames[index].max()) for index in range(len(frames))] == [8, 5, 2]
    for index in (-1, 3):
        with pytest.raises(IndexError, match=rf"frame {index} is not among 0\.\.2"):
            frames[index]


@pytest.mark.parametrize(("size", "fitted"), [((240, 432), (240, 432)), ((720, 1280), (360, 640))])
def test_frames_need_not_grow_to_the_size_they_fit(size, fitted):
    assert fitted_size(size, long_side=640, short_side=360, grow=False) == fitted
