"""The masks and boxes of annotation files, in all the forms tools write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.structures import Size

OUTSIDE = 1.0  # pixels a polygon may reach beyond the image: tools round their corners
BOX_SLACK = 5.0  # pixels a mask may stick out of its box: tools shrink and round boxes


def read_segmentations(values: Sequence[Any], size: Size) -> list[rle.Rle | InputError | None]:
    """Return masks as compressed run lengths, None where an object is absent.

    Args:
        values: run lengths with compressed or plain counts, or polygons [x0, y0, x1, y1, ...];
            None, an empty list and an empty mask mean that the object is absent.
        size: (height, width) every mask must have.

    Returns:
        In the place of one that is none of these, damaged, of another size, or outside the image:
        the error that says so.
    """
    read: list[rle.Rle | InputError | None] = []
    for value in values:
        try:
            read.append(_encoding(value, size))
        except InputError as error:
            read.append(error)
    places = [place for place, encoding in enumerate(read) if isinstance(encoding, dict)]
    encodings = [encoding for encoding in read if isinstance(encoding, dict)]
    for place, encoding, area in zip(places, encodings, rle.sound_areas(encodings), strict=True):
        if area == 0:
            read[place] = None
        elif area < 0:
            read[place] = _damage(encoding)
    return read


def _damage(encoding: rle.Rle) -> InputError:
    try:
        rle.check(encoding)
    except InputError as error:
        return error
    return InputError(f"'{encoding['counts'][:20]}' are no run lengths of such a mask")


def _encoding(value: Any, size: Size) -> rle.Rle | None:
    """Return the mask as compressed run lengths; whether text makes sense is not yet known."""
    if value is None or value == []:
        return None
    if isinstance(value, list):
        return _from_polygons(value, size)
    if not isinstance(value, dict):
        raise InputError(f"a mask is run lengths or a list of polygons, got {value!r:.40}")
    stated, counts = value.get("size"), value.get("counts")
    if stated != list(size):
        raise InputError(f"mask of size {stated} on frames of {list(size)}")
    if isinstance(counts, str):
        return {"size": list(size), "counts": counts}
    if not isinstance(counts, list):
        raise InputError(f"counts must be text or a list, got {type(counts).__name__}")
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise InputError("run lengths must be whole numbers of at least 0")
    if sum(counts) != size[0] * size[1]:
        raise InputError(f"runs fill {sum(counts)} pixels of a {size[0]} x {size[1]} mask")
    return rle.from_counts(counts, *size)


def _from_polygons(rings: list[Any], size: Size) -> rle.Rle:
    for ring in rings:
        if not isinstance(ring, list) or not all(isinstance(n, int | float) for n in ring):
            raise InputError(f"a polygon is a list of numbers, got {ring!r:.40}")
        if len(ring) < 6 or len(ring) % 2:
            raise InputError(f"a polygon needs three or more x, y pairs, got {len(ring)} numbers")
        for name, numbers, side in (("x", ring[::2], size[1]), ("y", ring[1::2], size[0])):
            if not -OUTSIDE <= min(numbers) <= max(numbers) <= side + OUTSIDE:
                raise InputError(
                    f"polygon with {name} in {min(numbers)}..{max(numbers)} outside the image, "
                    f"0..{side}"
                )
    return rle.from_polygons(rings, *size)


def box_fault(box: Sequence[float], mask: rle.Rle | None, size: Size) -> str | None:
    """Return what is wrong with a box [x, y, width, height] of an object's mask, if anything."""
    if len(box) != 4:
        return f"a box is [x, y, width, height], got {list(box)}"
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return f"empty or inverted box {list(box)}"
    if x >= size[1] or y >= size[0] or x + width <= 0 or y + height <= 0:
        return f"box {list(box)} outside the image of {size[1]} x {size[0]}"
    if mask is not None:
        left, top, wide, high = rle.box(mask)
        out = max(x - left, y - top, left + wide - x - width, top + high - y - height)
        if out > BOX_SLACK:
            return f"the mask, in {[left, top, wide, high]}, reaches {out:g} pixels out of its box"
    return None
