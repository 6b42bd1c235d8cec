"""Run-length encoded masks, the form of the COCO and YouTube-VIS files, through pycocotools.

An encoding is ``{"size": [height, width], "counts": "..."}`` with the compressed counts as text,
as JSON holds it: runs down each column, then the next column, starting with zeros.
"""

from __future__ import annotations

import re
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


FARTHEST = 100_000
"""Pixels from 0 to a polygon's corner at most: pycocotools walks every edge in fifths of a pixel,
and fills the memory for a corner at 1e12 or NaN."""


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> Rle:
    """Return the union of polygons [x0, y0, x1, y1, ...] by COCO's own rasterisation rule.

    Raises:
        InputError: a coordinate that is no number or farther from 0 than any image reaches.
    """
    for number in (number for ring in polygons for number in ring):
        if not -FARTHEST <= number <= FARTHEST:
            raise InputError(
                f"polygon coordinate {number:g} must be a number of -{FARTHEST} to {FARTHEST}"
            )
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
    characters = counts.encode("utf-8", "surrogatepass")  # what no encoder writes gives big bytes
    digits = np.frombuffer(characters, dtype=np.uint8).astype(np.int64) - 48
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


FIRST_NUMBERS = re.compile(3 * "([P-o]*[0-O])")
"""Three packed numbers: characters that say that more follow, and one that ends the number."""

AREA_BATCH = 128
"""Most masks per call: ``pycocotools.mask.area`` fails from 256 on with numpy 2."""


def areas(encodings: Sequence[Rle]) -> np.ndarray:
    """Return the numbers of pixels inside N masks: int64 (N,)."""
    batches = [encodings[i : i + AREA_BATCH] for i in range(0, len(encodings), AREA_BATCH)]
    parts = [np.asarray(coco.area(batch), dtype=np.int64) for batch in batches]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)


def complement_areas(encodings: Sequence[Rle]) -> np.ndarray:
    """Return the numbers of pixels outside N masks: int64 (N,), -1 for counts that do not decode.

    Together with :func:`areas` a quick form of :func:`check`: the two sum to height x width unless
    the mask is damaged, and pycocotools never returns from the overlap of such a mask.
    """
    inverted = [_inverted(encoding["counts"]) for encoding in encodings]
    readable = [counts is not None for counts in inverted]
    outside = np.full(len(encodings), -1, dtype=np.int64)
    outside[readable] = areas(
        [
            {"size": encoding["size"], "counts": counts}
            for encoding, counts in zip(encodings, inverted, strict=True)
            if counts is not None
        ]
    )
    return outside


def sound_areas(encodings: Sequence[Rle]) -> np.ndarray:
    """Return the numbers of pixels inside N masks: int64 (N,), -1 for damaged masks.

    Damaged are those whose runs do not fill height x width exactly.
    """
    outside = complement_areas(encodings)
    readable = outside >= 0  # the others must not reach pycocotools
    inside = np.full(len(encodings), -1, dtype=np.int64)
    inside[readable] = areas([e for e, good in zip(encodings, readable, strict=True) if good])
    sizes = np.array([encoding["size"] for encoding in encodings], dtype=np.int64)
    return np.where(inside + outside == sizes.reshape(-1, 2).prod(1), inside, -1)


def _inverted(counts: str) -> str | None:
    """Return the counts of the mask's complement, or None where they do not decode.

    A run of 0 goes in front. Every run then stands one place later, and of the numbers only the
    third changes: it becomes a difference (see :func:`run_lengths`).
    """
    if not counts or not counts.isascii() or (ord(counts[-1]) - 48) & 32:
        return None
    head = FIRST_NUMBERS.match(counts)
    if head is None:  # fewer than three
        return "0" + counts
    first, third = _unpacked(head[1]), _unpacked(head[3])
    return "0" + head[1] + head[2] + _packed(third - first) + counts[head.end() :]


def _unpacked(text: str) -> int:
    """Return one number from its 5 bits per character, low bits first."""
    number = 0
    for character in reversed(text):
        number = number << 5 | (ord(character) - 48) & 31
    return number - (1 << 5 * len(text) if (ord(text[-1]) - 48) & 16 else 0)


def _packed(number: int) -> str:
    """Return one number as 5 bits per character, low bits first."""
    text = ""
    while True:
        digit = number & 31
        number >>= 5
        more = number != (-1 if digit & 16 else 0)
        text += chr(digit + 48 + 32 * more)
        if not more:
            return text


def iou(first: Sequence[Rle], second: Sequence[Rle]) -> np.ndarray:
    """Return the overlaps of N and M masks: float64 (N, M); -1 where sizes differ, 0 if empty."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    ratios = np.asarray(coco.iou(first, second, [0] * len(second)), dtype=np.float64)
    if len({tuple(encoding["size"]) for encoding in (*first, *second)}) > 1:
        # pycocotools says so only where the boxes touch
        sizes = [np.array([encoding["size"] for encoding in side]) for side in (first, second)]
        ratios[(sizes[0][:, None] != sizes[1][None, :]).any(axis=2)] = -1
    return ratios
