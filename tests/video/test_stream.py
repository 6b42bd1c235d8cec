import av
import numpy as np
import pytest
from films import film

from propose_reduce import images
from propose_reduce.deep_images import on_black
from propose_reduce.errors import InputError
from propose_reduce.video.stream import Stream, ToRgb, turned

ONE = 1 << 16
CORNERS = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)[..., None].repeat(3, axis=2)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), [[1, 2, 3], [4, 5, 6]]),
        ((0, 1, -1, 0), [[4, 1], [5, 2], [6, 3]]),  # a quarter clockwise
        ((-1, 0, 0, -1), [[6, 5, 4], [3, 2, 1]]),
        ((0, -1, 1, 0), [[3, 6], [2, 5], [1, 4]]),
        ((-1, 0, 0, 1), [[3, 2, 1], [6, 5, 4]]),  # mirrored
        ((0, 1, 1, 0), [[1, 4], [2, 5], [3, 6]]),
        ((0.96, 0.28, -0.28, 0.96), [[1, 2, 3], [4, 5, 6]]),  # 16 degrees: the nearest is none
    ],
)
def test_a_display_matrix_turns_and_mirrors(matrix, expected):
    a, b, c, d = (round(value * ONE) for value in matrix)
    full = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32)
    assert turned(CORNERS, full)[..., 0].tolist() == expected


def test_a_picture_without_a_matrix_stays_as_it_is():
    assert turned(CORNERS, None) is CORNERS


def test_alpha_is_composited_on_black():
    rgba = np.array([[[200, 100, 50, 255], [200, 100, 50, 128], [200, 100, 50, 0]]], np.uint8)
    assert on_black(rgba).tolist() == [[[200, 100, 50], [100, 50, 25], [0, 0, 0]]]


@pytest.mark.parametrize("stored", ["yuv420p", "yuvj420p", "yuv444p12le", "rgb24", "gbrp10le"])
def test_colours_come_out_as_they_went_in_from_any_pixel_format(stored):
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [128, 128, 128]], np.uint8)
    picture = colours.repeat(4, axis=0)[None].repeat(8, axis=0)
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=stored)
    centres = ToRgb(frame)(frame)[4, 1::4]
    assert np.abs(centres.astype(int) - colours).max() <= 3


def test_a_grey_frame_has_three_equal_channels():
    grey = av.VideoFrame.from_ndarray(np.full((4, 6), 90, np.uint8), format="gray")
    assert ToRgb(grey)(grey).tolist() == np.full((4, 6, 3), 90).tolist()


def test_a_frame_of_another_size_is_scaled_to_the_first_ones():
    first, other = (
        av.VideoFrame.from_ndarray(np.full((*size, 3), 90, np.uint8), format="rgb24")
        for size in ((4, 6), (8, 8))
    )
    assert ToRgb(first)(other).tolist() == np.full((4, 6, 3), 90).tolist()


def test_an_absurd_size_is_refused_with_the_limit(tmp_path, monkeypatch):
    path = film(tmp_path / "a.mp4", 1)
    monkeypatch.setattr(images, "MAX_PIXELS", 3071)
    with pytest.raises(InputError, match=r"64 x 48 pixels, more than the limit of 3071"):
        Stream(path)
