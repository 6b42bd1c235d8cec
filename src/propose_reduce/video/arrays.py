"""Frames that are in memory already: arrays, tensors, pictures."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from propose_reduce.errors import InputError

FORM = "frames must be RGB, (T, H, W, 3) or (T, 3, H, W), uint8 or floats of 0 to 1"


class ArrayFrames:
    """Frames from memory, each turned into uint8 RGB (H, W, 3) when it is asked for.

    Taken are one array or tensor (T, H, W, 3) or (T, 3, H, W), or a list, tuple or generator of
    pictures: arrays or tensors (H, W, 3) or (3, H, W), or Pillow images. Channels are RGB; where
    the last axis and the first of a picture are both 3 the last one is the channels. Numbers are
    uint8, or floats of 0 to 1. A generator is read to its end.

    Raises:
        InputError: nothing in it, another kind, dtype or shape, floats beyond 0 to 1, or pictures
            of different sizes.
    """

    def __init__(self, frames: Any) -> None:
        self._frames = _single_pictures(frames)
        if len(self._frames) == 0:
            raise InputError(f"{FORM}: got none")
        for index, frame in enumerate(self._frames):
            _check_picture(_array(frame), index)
        sizes = {_channels_last(_array(frame)).shape[:2] for frame in self._frames}
        if len(sizes) > 1:
            raise InputError(f"frames must have one size, got (H, W) of {sorted(sizes)[:3]}")

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int, /) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} is not among 0..{len(self) - 1}")
        frame = _channels_last(_array(self._frames[index]))
        return frame if frame.dtype == np.uint8 else np.rint(frame * 255).astype(np.uint8)


def _single_pictures(frames: Any) -> Sequence[Any]:
    """Return the single pictures of what was given."""
    if isinstance(frames, Image.Image):
        return [frames]
    if isinstance(frames, np.ndarray) or _is_tensor(frames):
        if frames.ndim != 4:
            raise InputError(f"{FORM}: got {_array_kind(frames)}")
        return list(_array(frames))
    if isinstance(frames, Iterable) and not isinstance(frames, (str, bytes, dict)):
        return list(frames)
    raise InputError(f"{FORM}: got {type(frames).__name__}")


def _is_tensor(value: Any) -> bool:
    """Tell whether something is a tensor, without importing torch."""
    return all(hasattr(value, name) for name in ("detach", "cpu", "numpy", "ndim"))


def _array(picture: Any) -> np.ndarray:
    """Return a picture's numbers; a tensor's memory is shared where it is on the CPU."""
    if isinstance(picture, np.ndarray):
        return picture
    if isinstance(picture, Image.Image):
        return np.asarray(picture.convert("RGB"))
    if _is_tensor(picture):
        numbers = picture.detach().cpu()
        # NumPy has no bfloat16
        array: np.ndarray = (numbers.float() if numbers.is_floating_point() else numbers).numpy()
        return array
    raise InputError(f"{FORM}: got {type(picture).__name__}")


def _channels_last(picture: np.ndarray) -> np.ndarray:
    return picture if picture.shape[-1] == 3 else np.moveaxis(picture, 0, -1)


def _check_picture(picture: np.ndarray, index: int) -> None:
    """Raise InputError unless an array is a picture."""
    shape = picture.shape
    if picture.ndim != 3 or 3 not in {shape[0], shape[-1]} or not picture.size:
        raise InputError(f"{FORM}: frame {index} is {_array_kind(picture)}")
    if picture.dtype == np.uint8:
        return
    if not np.issubdtype(picture.dtype, np.floating):
        raise InputError(
            f"{FORM}: frame {index} is {_array_kind(picture)}; scale it and convert it"
        )
    low, high = float(picture.min()), float(picture.max())
    if not (low >= 0 and high <= 1):
        raise InputError(
            f"frame {index} has floats of {low:g} to {high:g}, they must lie in 0 to 1: divide "
            "them by the largest value, or convert them to uint8"
        )


def _array_kind(array: Any) -> str:
    return f"{str(array.dtype).removeprefix('torch.')} {tuple(array.shape)}"
