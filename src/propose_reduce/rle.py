"""Run-length encoded masks, the form of the COCO and YouTube-VIS files, through pycocotools.

An encoding is ``{"size": [height, width], "counts": "..."}`` with the compressed counts as text,
as JSON holds it: runs down each column, then the next column, starting with zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from pycocotools import mask as coco


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
