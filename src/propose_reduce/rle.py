"""Run-length encoded masks, the form of the COCO and YouTube-VIS files, through pycocotools.

An encoding is ``{"size": [height, width], "counts": "..."}`` with the compressed counts as text,
as JSON holds it: runs down each column, then the next column, starting with zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from pycocotools import mask as coco

from propose_reduce.errors import InputError


class Rle(TypedDict):
    """One compressed mask; ``size`` is [height, width]."""

    size: list[int]
    counts: str


def encode(mask: np.ndarray) -> Rle:
    """Return the encoding of a bool mask (H, W)."""
    encoded = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in encoded["size"]], "counts": encoded["counts"].decode()}


def decode(encoding: Rle) -> np.ndarray:
    """Return the bool mask (H, W) of an encoding."""
    mask: np.ndarray = coco.decode(encoding)
    return mask.astype(bool)


def area(encoding: Rle) -> int:
    """Return the number of pixels inside the mask."""
    return int(coco.area(encoding))


def box(encoding: Rle) -> list[float]:
    """Return the tight box [x, y, width, height] in pixels; zeros for an empty mask."""
    return [float(side) for side in coco.toBbox(encoding)]


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> Rle:
    """Return the union of polygons [x0, y0, x1, y1, ...] by COCO's own rasterisation rule."""
    merged = coco.merge(coco.frPyObjects([list(ring) for ring in polygons], height, width))
    return {"size": [height, width], "counts": merged["counts"].decode()}


def from_counts(counts: Sequence[int], height: int, width: int) -> Rle:
    """Return the compressed encoding of plain run lengths."""
    encoded = coco.frPyObjects({"size": [height, width], "counts": list(counts)}, height, width)
    return {"size": [height, width], "counts": encoded["counts"].decode()}


def run_lengths(counts: str) -> np.ndarray:
    """Return the run lengths (int64, zeros first) that compressed counts stand for.

    Each number is 5 bits per character, low bits first, and from the fourth on the difference to
    the number two before it (the COCO interface's own packing).

    Raises:
        InputError: characters that no encoder writes, a cut number, or a negative run.
    """
    digits = np.frombuffer(counts.encode("utf-8"), dtype=np.uint8).astype(np.int64) - 48
    ends = np.flatnonzero((digits & 32) == 0)
    if digits.size and (digits.min() < 0 or digits.max() > 63 or ends.size == 0):
        raise InputError(f"'{counts[:20]}' are no compressed run lengths")
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    places = np.arange(digits.size) - np.repeat(starts, np.diff(starts, append=digits.size))
    if digits.size and (ends[-1] != digits.size - 1 or places.max() > 6):
        raise InputError(f"'{counts[:20]}' are no compressed run lengths")
    runs = np.add.reduceat((digits & 31) << (5 * places), starts) if digits.size else places
    lengths = ends - starts + 1
    runs = np.where(digits[ends] & 16, runs - (np.int64(1) << (5 * lengths)), runs)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    if (runs < 0).any():
        raise InputError(f"'{counts[:20]}' hold a negative run length")
    return runs


def check(encoding: Rle) -> None:
    """Raise InputError unless the runs fill the mask exactly; pycocotools itself never looks."""
    height, width = encoding["size"]
    filled = int(run_lengths(encoding["counts"]).sum())
    if filled != height * width:
        raise InputError(f"runs fill {filled} pixels of a {height} x {width} mask")
