"""Pictures of more than 8 bits: their numbers as they are, and how 8 bits are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from propose_reduce.errors import InputError

FEW_LEVELS = 0.25
"""Deep pictures that use less than this share of their values are scaled by what they use: below,
fewer than 64 of the 256 levels would be left of them."""

WHITE = {"16 bits": (65535,), "integers": (255, 65535), "floats": (1, 255, 65535)}
"""What may stand for white in pictures of more than 8 bits; the smallest that holds all values."""


def on_black(rgba: np.ndarray) -> np.ndarray:
    """Return uint8 RGB of uint8 RGBA (H, W, 4), straight alpha, composited on black."""
    opacity = rgba[..., 3:].astype(np.uint16)
    return ((rgba[..., :3] * opacity + 127) // 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Extent:
    """Which values pictures of more than 8 bits use.

    Attributes:
        kind: a key of ``WHITE``.
        low: the smallest value.
        high: the largest.
    """

    kind: str
    low: float
    high: float

    @property
    def white(self) -> int | None:
        """Return the value that stands for white by convention; None where the values fit none."""
        fitting = (white for white in WHITE[self.kind] if self.high <= white)
        white = next(fitting, None) if self.low >= 0 else None
        if white is None or 0 < self.high - self.low < FEW_LEVELS * white:
            return None
        return white

    @property
    def ends(self) -> tuple[float, float]:
        """Return the values that become 0 and 255."""
        return (self.low, self.high) if self.white is None else (0.0, float(self.white))

    @staticmethod
    def of_all(extents: Iterable[Extent | None]) -> Extent | None:
        """Return the extent of several pictures; None where all have 8 bits."""
        deep = [extent for extent in extents if extent is not None]
        if not deep:
            return None
        kind = max((extent.kind for extent in deep), key=list(WHITE).index)
        return Extent(kind, min(e.low for e in deep), max(e.high for e in deep))


def values_of(image: Image.Image, path: Path) -> tuple[np.ndarray, str | None]:
    """Return an image's pixels, and where they are deep a key of ``WHITE``.

    Those are grey (H, W), or colours (H, W, 3 or 4), of which Pillow itself keeps 8 bits. What is
    not deep is as Pillow has it.

    Args:
        image: just opened from the file, at one of its pictures.
        path: the file.

    Raises:
        InputError: colours of 16 bits in a form that is not read.
    """
    if len(image.getbands()) > 1 and _is_deep(image, path):
        return _deep_colours(image, path), "16 bits"
    values = np.asarray(image)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in {"PNG", "PPM"}):
        return values, "16 bits"
    return values, {"I": "integers", "F": "floats"}.get(image.mode)


BLOCK = 2**20
"""Numbers that are scaled together."""

BITS_PER_SAMPLE, PLANAR_CONFIGURATION, EXTRA_SAMPLES = 258, 284, 338
"""Tags of TIFF."""

STRAIGHT_ALPHA = 2
"""Among the values of ``EXTRA_SAMPLES``; 0 is something else, 1 alpha multiplied in already."""


def _is_deep(image: Image.Image, path: Path) -> bool:
    """Tell whether an image of colours has more than 8 bits per channel."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[24:] == b"\x10"
    if isinstance(image, TiffImageFile):
        return bool(max(image.tag_v2.get(BITS_PER_SAMPLE, (8,))) > 8)
    if image.format == "PPM":
        tiles = getattr(image, "tile", ())
        options = tiles[0].args if tiles else None
        return isinstance(options, tuple) and isinstance(options[-1], int) and options[-1] > 255
    return False


def _deep_colours(image: Image.Image, path: Path) -> np.ndarray:
    """Return colours of 16 bits as uint16 (H, W, 3), or with straight alpha (H, W, 4).

    Of a TIFF they come turned, as Pillow does it too.
    """
    import cv2
    from cv2.utils import logging

    extra = (STRAIGHT_ALPHA,)
    pages: Sequence[np.ndarray] = ()
    plain = image.mode in {"RGB", "RGBA", "LA"}
    if isinstance(image, TiffImageFile):
        extra = image.tag_v2.get(EXTRA_SAMPLES, extra)
        plain = plain and image.tag_v2.get(PLANAR_CONFIGURATION, 1) == 1
    if plain:
        content, level = np.fromfile(path, dtype=np.uint8), logging.getLogLevel()
        logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # it tells of odd tags on stderr
        try:
            _, pages = cv2.imdecodemulti(
                content, cv2.IMREAD_UNCHANGED, range=(image.tell(), image.tell() + 1)
            )
        finally:
            logging.setLogLevel(level)
    pixels: np.ndarray = np.asarray(pages[0]) if pages else np.empty(0)
    if pixels.dtype != np.uint16 or pixels.ndim != 3 or pixels.shape[:2] != image.size[::-1]:
        raise InputError(
            f"'{path}' is damaged, or has colours of more than 8 bits in a form that is not read "
            f"({image.mode}): convert it to PNG of 16 bits"
        )
    straight = pixels.shape[2] == 4 and extra[0] == STRAIGHT_ALPHA
    return pixels[..., [2, 1, 0, 3] if straight else [2, 1, 0]]


def extent_of(values: np.ndarray, kind: str, path: Path) -> Extent:
    """Return which values a deep picture uses.

    Raises:
        InputError: it holds no number.
    """
    colours = values[..., :3] if values.ndim == 3 else values
    numbers = colours[np.isfinite(colours)] if colours.dtype.kind == "f" else colours
    if not numbers.size:
        raise InputError(f"'{path}' holds no number but NaN or infinity")
    return Extent(kind, float(numbers.min()), float(numbers.max()))


def scaled(values: np.ndarray, extent: Extent) -> np.ndarray:
    """Return deep pixels as uint8 RGB (H, W, 3)."""
    pixels: np.ndarray = np.empty(values.shape, np.uint8)
    rows = max(1, BLOCK // max(1, values[:1].size))
    for top in range(0, len(values), rows):  # what is computed in between takes 16 bytes a pixel
        pixels[top : top + rows] = _levels(values[top : top + rows], extent)
    if pixels.ndim == 2:
        return np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] == 3:
        return pixels
    alpha = (values[..., 3:] >> 8).astype(np.uint8)
    return on_black(np.concatenate([pixels[..., :3], alpha], axis=2))


def _levels(values: np.ndarray, extent: Extent) -> np.ndarray:
    """Return numbers as levels of 0 to 255."""
    low, high = extent.ends
    if values.dtype.kind == "f":
        share = (np.nan_to_num(values.astype(np.float64), nan=low) - low) / (high - low or 1.0)
        return np.rint(share.clip(0, 1) * 255)
    # 65535 becomes a shift by 8 bits
    return ((values.astype(np.int64) - int(low)) * 256 // int(high - low + 1)).clip(0, 255)
