"""The masks and boxes of annotation files, in all the forms tools write them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, cast

import numpy as np

from propose_reduce import rle
from propose_reduce.data.faults import Fault, Notes, Placed
from propose_reduce.errors import InputError, cut
from propose_reduce.structures import Size

OUTSIDE = 1.0  # pixels a polygon may reach beyond the image: tools round their corners
CUT_OFF = "polygons that reach out of their frame, cut off there"
BOX_SLACK = 5.0  # pixels a mask may stick out of its box: tools shrink and round boxes


def read_segmentations(values: Sequence[Any], size: Size) -> list[rle.Rle | InputError | None]:
    """Return masks as compressed run lengths, None where an object is absent.

    Args:
        values: masks in any form that :func:`read_mask` knows.
        size: (height, width) every mask must have.

    Returns:
        In the place of one that is none of these, damaged, or of another size: the error that says
        so.
    """
    read: list[rle.Rle | InputError | None] = []
    for value in values:
        try:
            mask = read_mask(value, size)
        except InputError as error:
            read.append(error)
        else:
            fault = damage(mask) if mask is not None and is_packed(value) else None
            read.append(fault or mask)
    return [None if isinstance(mask, dict) and not rle.area(mask) else mask for mask in read]


@dataclass(frozen=True, slots=True, eq=False)
class TrackMasks:
    """The masks of one object through a video.

    Attributes:
        segmentations: T sound masks, none of them empty; None where the object is absent.
        areas: int64 (T,), their pixels; 0 where it is absent.
        empty: frames on which the file has a mask without a pixel: the object is absent, but
            trackers have made a detection there.
    """

    segmentations: tuple[rle.Rle | None, ...]
    areas: np.ndarray
    empty: tuple[int, ...] = ()

    def fitted(self, frames: int) -> TrackMasks:
        """Return them with an entry for each frame: those beyond the end go or are absent."""
        missing = max(0, frames - len(self.segmentations))
        return TrackMasks(
            (*self.segmentations[:frames], *[None] * missing),
            np.pad(self.areas[:frames], (0, missing)),
            tuple(frame for frame in self.empty if frame < frames),
        )


def read_tracks(
    tracks: Sequence[tuple[Placed, Sequence[Any], Size]],
    faults: list[Fault],
    notes: Notes,
    *,
    any_size: bool = False,
) -> list[TrackMasks]:
    """Return the masks of many objects, which are checked together.

    Args:
        tracks: where each stands, its masks in any form, and the (height, width) of its video.
        faults: get the masks that cannot be read.
        notes: get polygons that reach out of their frame.
        any_size: see :func:`read_mask`.
    """
    masks: list[rle.Rle | None] = []
    packed: list[int] = []
    areas = np.zeros(sum(len(values) for _, values, _ in tracks), dtype=np.int64)
    ends = list(accumulate(len(values) for _, values, _ in tracks))

    def place(position: int) -> str:
        number = bisect_right(ends, position)
        start = ends[number] - len(tracks[number][1])
        return tracks[number][0].at(f"segmentations[{position - start}]")

    for _, values, size in tracks:
        for value in values:
            try:
                mask = read_mask(value, size, any_size=any_size)
            except InputError as error:
                faults.append(Fault(place(len(masks)), str(error)))
                mask = None
            if mask is not None and is_packed(value):
                packed.append(len(masks))
            elif mask is not None:
                areas[len(masks)] = rle.area(mask)
                if leaves_frame(value, size):
                    notes.add(CUT_OFF, place(len(masks)))
            masks.append(mask)
    areas[packed] = rle.sound_areas([mask for n in packed if (mask := masks[n]) is not None])
    for position in np.flatnonzero(areas < 0).tolist():
        mask = masks[position]
        faults.append(Fault(place(position), str(mask and damage(mask))))
    areas = np.maximum(areas, 0)
    read = []
    for (_, values, _), end in zip(tracks, ends, strict=True):
        own = areas[end - len(values) : end]
        kept = list(zip(masks[end - len(values) : end], own.tolist(), strict=True))
        empty = tuple(t for t, (mask, area) in enumerate(kept) if mask is not None and not area)
        read.append(TrackMasks(tuple(mask if area else None for mask, area in kept), own, empty))
    return read


def is_packed(value: Any) -> bool:
    """Return whether a mask comes as compressed counts, which nobody has looked at yet."""
    return isinstance(value, dict) and isinstance(value.get("counts"), str | bytes)


def damage(encoding: rle.Rle) -> InputError | None:
    """Return the error that says how a mask is damaged, if it is."""
    try:
        rle.check_mask(encoding)
    except InputError as error:
        return error
    return None


def read_mask(value: Any, size: Size, *, any_size: bool = False) -> rle.Rle | None:
    """Return one mask as compressed run lengths, or None where the object is absent.

    Args:
        value: run lengths with compressed or plain counts, one polygon, or several; a polygon is
            [x0, y0, x1, y1, ...] or [[x0, y0], [x1, y1], ...]. None, an empty list and an empty
            object mean that the object is absent.
        size: (height, width) of the frame.
        any_size: take run lengths of any size, as predictions may have them.

    Raises:
        InputError: it is none of these or of another size. Whether compressed counts make sense is
            not yet known.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        return _from_runs(value, size, any_size=any_size) if value else None
    if isinstance(value, list | tuple):
        rings = _rings(value)
        return rle.from_polygons(rings, *size) if rings else None
    raise InputError(f"a mask is run lengths or a list of polygons, got {cut(value)}")


def _from_runs(value: dict[str, Any], size: Size, *, any_size: bool) -> rle.Rle:
    stated, counts = value.get("size"), value.get("counts")
    # equal also where the numbers have a point
    sides = list(size) if stated == list(size) else _sides(stated)
    if not any_size and sides != list(size):
        swapped = " (height and width swapped?)" if sides == [size[1], size[0]] else ""
        raise InputError(f"mask of size {sides} on frames of {list(size)}{swapped}")
    if isinstance(counts, bytes):
        counts = counts.decode("latin-1")
    if isinstance(counts, str):
        if counts.startswith(("b'", 'b"')):
            raise InputError(
                f"counts {cut(counts)} are Python's way to show bytes: write counts.decode()"
            )
        whole = isinstance(stated, list) and [*map(type, stated)] == [int, int]
        if value["counts"] is counts and len(value) == 2 and whole:
            return cast(rle.Rle, value)  # as it is: hundreds of thousands of copies take memory
        return {"size": sides, "counts": counts}
    if not isinstance(counts, list | tuple):
        raise InputError(f"counts must be text or a list, got {cut(counts)}")
    return rle.from_counts(counts, *sides)


def _sides(stated: Any) -> list[int]:
    """Return the size that run lengths state, or raise InputError."""
    sides = list(stated) if isinstance(stated, list | tuple) else []
    whole = [int(side) if isinstance(side, float) and side.is_integer() else side for side in sides]
    if len(whole) != 2:
        raise InputError(f"a mask's size is [height, width], got {cut(stated)}")
    rle.check_mask_size(*whole)
    return whole


def _rings(value: Sequence[Any]) -> list[Any]:
    """Return polygons as flat lists of numbers."""
    if value and all(isinstance(number, int | float) for number in value):
        return [value]  # one polygon without the list around it
    if len(value) > 2 and all(_is_point(point) for point in value):
        return [[number for point in value for number in point]]
    rings = []
    for ring in value:
        if isinstance(ring, dict):
            raise InputError(f"run lengths stand in no list, got {cut(value)}")
        if isinstance(ring, list | tuple) and ring and all(_is_point(point) for point in ring):
            rings.append([number for point in ring for number in point])
        elif not (isinstance(ring, list | tuple) and not ring):
            rings.append(ring)
    return rings


def _is_point(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(number, int | float) for number in value)
    )


def leaves_frame(value: Any, size: Size) -> bool:
    """Return whether polygons that can be read reach out of their frame; what does is cut off."""
    if not isinstance(value, list | tuple):
        return False
    with suppress(InputError, TypeError):  # what cannot be read is told elsewhere
        return _leaves(_rings(value), size)
    return False


def _leaves(rings: Sequence[Any], size: Size) -> bool:
    return any(
        not (min(numbers) >= -OUTSIDE and max(numbers) <= side + OUTSIDE)
        for ring in rings
        if len(ring) > 1
        for numbers, side in ((ring[::2], size[1]), (ring[1::2], size[0]))
    )


def box_fault(box: Any, mask: rle.Rle | None, size: Size) -> str | None:
    """Return what is wrong with a box [x, y, width, height] of an object's mask, if anything."""
    numbers = box if isinstance(box, list | tuple) else []
    try:
        x, y, width, height = (float(side) for side in numbers if isinstance(side, int | float))
    except (ValueError, OverflowError):  # not four, or a whole number beyond all floats
        return f"a box is [x, y, width, height], got {cut(box)}"
    if not (width > 0 and height > 0):  # NaN too
        return f"empty or inverted box {cut(box)}"
    if not (x < size[1] and y < size[0] and x + width > 0 and y + height > 0):
        return f"box {cut(box)} outside the image of {size[1]} x {size[0]}"
    if mask is not None:
        left, top, wide, high = rle.box(mask)
        out = max(x - left, y - top, left + wide - x - width, top + high - y - height)
        if out > BOX_SLACK:
            return f"the mask, in {[left, top, wide, high]}, reaches {out:g} pixels out of its box"
    return None
