"""Frames that are in memory already."""

from __future__ import annotations

from typing import Any

import numpy as np

from propose_reduce.errors import InputError


class ArrayFrames:
    """The frames of one uint8 array (T, H, W, 3), RGB.

    Raises:
        InputError: another dtype or shape, or nothing in it.
    """

    def __init__(self, array: Any) -> None:
        if not isinstance(array, np.ndarray):
            raise InputError(
                f"frames must be a uint8 RGB array (T, H, W, 3), got {type(array).__name__}"
            )
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[-1] != 3 or not array.size:
            raise InputError(
                f"frames must be a uint8 RGB array (T, H, W, 3), got {array.dtype} {array.shape}"
            )
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int, /) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} is not among 0..{len(self) - 1}")
        frame: np.ndarray = self._array[index]
        return frame
