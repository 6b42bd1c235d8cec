import numpy as np
import pytest
import torch
from PIL import Image

from propose_reduce.errors import InputError
from propose_reduce.video import ArrayFrames

FILM = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)


@pytest.mark.parametrize(
    "given",
    [
        FILM,
        FILM.transpose(0, 3, 1, 2),
        FILM / 255,
        (FILM / 255).astype(np.float16),
        torch.from_numpy(FILM),
        torch.from_numpy(FILM).permute(0, 3, 1, 2),
        torch.from_numpy(FILM).float().div(255).requires_grad_(),
        list(FILM),
        (frame for frame in FILM),
        [Image.fromarray(frame) for frame in FILM],
        [torch.from_numpy(FILM[0]).permute(2, 0, 1), Image.fromarray(FILM[1])],
    ],
    ids=lambda given: type(given).__name__,
)
def test_frames_in_every_form_are_the_same_pictures(given):
    frames = ArrayFrames(given)
    assert len(frames) == 2
    for index in range(2):
        assert frames[index].dtype == np.uint8
        assert np.array_equal(frames[index], FILM[index])


def test_one_picture_is_a_video_of_one_frame():
    frames = ArrayFrames(Image.fromarray(FILM[0]).convert("RGBA"))
    assert len(frames) == 1
    assert np.array_equal(frames[0], FILM[0])


def test_frames_end_where_the_array_ends():
    frames = ArrayFrames(FILM)
    assert len(list(frames)) == 2
    with pytest.raises(IndexError):
        frames[-1]


def test_an_array_is_not_copied():
    assert np.shares_memory(ArrayFrames(FILM)[0], FILM)


@pytest.mark.parametrize(
    ("frames", "fault"),
    [
        (np.zeros((2, 4, 5, 4), np.uint8), r"frame 0 is uint8 \(4, 5, 4\)"),
        (np.zeros((4, 5, 3), np.uint8), r"got uint8 \(4, 5, 3\)"),
        (torch.zeros(4, 5, 3), r"got float32 \(4, 5, 3\)"),
        (np.zeros((0, 4, 5, 3), np.uint8), "got none"),
        (np.zeros((1, 0, 5, 3), np.uint8), r"frame 0 is uint8 \(0, 5, 3\)"),
        ([], "got none"),
        ([[1]], "got list"),
        (7, "got int"),
        ("clip.mp4", "got str"),
        (FILM.astype(np.int32), r"int32 \(4, 5, 3\); scale it and convert it"),
        (FILM.astype(np.float32), "floats of 0 to 59, they must lie in 0 to 1"),
        (np.full((1, 4, 5, 3), np.nan), "floats of nan to nan"),
        ([FILM[0], FILM[0, :3]], r"one size, got \(H, W\) of \[\(3, 5\), \(4, 5\)\]"),
    ],
)
def test_anything_else_is_refused_with_what_it_is(frames, fault):
    with pytest.raises(InputError, match=fault):
        ArrayFrames(frames)
