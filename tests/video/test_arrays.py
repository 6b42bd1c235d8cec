import numpy as np
import pytest

from propose_reduce.errors import InputError
from propose_reduce.video import ArrayFrames


def test_frames_are_those_of_the_array_and_end_where_it_ends():
    array = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    frames = ArrayFrames(array)
    assert [(frame == array[i]).all() for i, frame in enumerate(frames)] == [True, True]
    with pytest.raises(IndexError):
        frames[-1]


@pytest.mark.parametrize(
    ("array", "got"),
    [
        (np.zeros((2, 4, 5, 3), np.float32), r"float32 \(2, 4, 5, 3\)"),
        (np.zeros((2, 3, 4, 5), np.uint8), r"uint8 \(2, 3, 4, 5\)"),
        (np.zeros((4, 5, 3), np.uint8), r"uint8 \(4, 5, 3\)"),
        (np.zeros((0, 4, 5, 3), np.uint8), r"uint8 \(0, 4, 5, 3\)"),
        ([[1]], "list"),
    ],
)
def test_anything_else_is_refused_with_what_it_is(array, got):
    with pytest.raises(InputError, match=rf"uint8 RGB array \(T, H, W, 3\), got {got}$"):
        ArrayFrames(array)
