"""From whatever a picture is stored as to uint8 RGB (H, W, 3)."""

from __future__ import annotations

import numpy as np

from propose_reduce.errors import InputError

MAX_PIXELS = 8192 * 8192
"""Largest picture taken: twice the pixels of 8K video; a frame beyond needs over 200 MB as RGB."""


def check_size(name: str, height: int, width: int) -> None:
    """Raise InputError for a picture too large to be meant."""
    if height * width > MAX_PIXELS:
        raise InputError(
            f"'{name}' is {width} x {height} pixels, more than the limit of {MAX_PIXELS}: "
            "scale it down first"
        )


def on_black(rgba: np.ndarray) -> np.ndarray:
    """Return uint8 RGB of uint8 RGBA (H, W, 4), straight alpha, composited on black."""
    opacity = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * opacity + 127) // 255).astype(np.uint8)
