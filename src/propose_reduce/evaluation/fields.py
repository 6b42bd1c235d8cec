"""Single fields of YouTube-VIS entries, checked; every message names the entry and the field."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.structures import Size

MOST_PIXELS = 2**32
"""A mask has fewer: pycocotools counts them in 32 bits."""


def field(entry: Any, name: str, where: str) -> Any:
    """Return a field that must be there.

    Args:
        entry: what should be an object with fields.
        name: the field.
        where: how messages call the entry.
    """
    if not isinstance(entry, Mapping):
        raise InputError(f"{where} must be an object with fields, got {entry!r:.40}")
    if name not in entry:
        fields = ", ".join(map(str, entry)) or "no fields"
        raise InputError(f"{where}: '{name}' is missing; it has {fields}")
    return entry[name]


def list_field(entry: Any, name: str, where: str) -> list[Any]:
    """Return a field that must be a list."""
    value = field(entry, name, where)
    if not isinstance(value, list | tuple):
        raise InputError(f"{where}: '{name}' must be a list, got {value!r:.40}")
    return list(value)


def whole_number(entry: Any, name: str, where: str) -> int:
    """Return a field that must be a whole number."""
    value = field(entry, name, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{where}: '{name}' must be a whole number, got {value!r:.40}")
    return value


def positive(entry: Any, name: str, where: str) -> int:
    """Return a field that must be a whole number of at least 1."""
    value = whole_number(entry, name, where)
    if value < 1:
        raise InputError(f"{where}: '{name}' must be at least 1, got {value}")
    return value


def flag(entry: Any, name: str, where: str) -> bool:
    """Return a field that must be 0 or 1, as number or truth value."""
    value = field(entry, name, where)
    if not isinstance(value, int) or value not in (0, 1):
        raise InputError(f"{where}: '{name}' must be 0 or 1, got {value!r:.40}")
    return bool(value)


def listed_id(entry: Any, name: str, known: Mapping[int, Any], where: str) -> int:
    """Return a field that must be an id of the ground truth."""
    value = field(entry, name, where)
    if not isinstance(value, int) or value not in known:
        ids = ", ".join(str(id_) for id_ in list(known)[:5]) + (", ..." if len(known) > 5 else "")
        raise InputError(
            f"{where}: {name} {value!r:.40} is not in the ground truth ({ids or 'none'})"
        )
    return value


def score(prediction: Any, where: str) -> float:
    """Return the score, which must be a finite number."""
    value = field(prediction, "score", where)
    if not _is_number(value):
        raise InputError(f"{where}: its score must be a finite number, got {value!r:.40}")
    return float(value)


def areas(annotation: Any, where: str) -> tuple[float | None, ...]:
    """Return the areas in pixels, one per frame, None where the object is absent."""
    values = list_field(annotation, "areas", where)
    for frame, value in enumerate(values):
        if value is not None and not _is_number(value):
            raise InputError(
                f"{where}, frame {frame}: its area must be a number, got {value!r:.40}"
            )
    return tuple(values)


def _is_number(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def segmentations(entry: Any, size: Size, where: str) -> tuple[rle.Rle | None, ...]:
    """Return compressed encodings, whatever form the file has them in, None where absent.

    Args:
        entry: an annotation or a prediction.
        size: (height, width) of the video, for polygons.
        where: how messages call the entry.
    """
    frames = list_field(entry, "segmentations", where)
    return tuple(
        _encoding(mask, size, where, frame) if mask else None for frame, mask in enumerate(frames)
    )


def _encoding(mask: Any, size: Size, where: str, frame: int) -> rle.Rle:
    try:
        if isinstance(mask, list):
            return _polygons(mask, size)
        height, width = mask["size"]
        counts = mask["counts"]
        if not isinstance(height, int) or not isinstance(width, int):
            raise TypeError("size")
        if height < 1 or width < 1 or height * width >= MOST_PIXELS:
            raise ValueError("size")
        if isinstance(counts, str):
            return mask
        if isinstance(counts, bytes):
            return {"size": [height, width], "counts": counts.decode()}
        return rle.from_counts(counts, height, width)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{where}, frame {frame}: its mask must be null, polygons or a run-length encoding "
            f"with 'size' and 'counts', got {mask!r:.60}"
        ) from error


def _polygons(rings: Sequence[Sequence[float]], size: Size) -> rle.Rle:
    # two corners: pycocotools takes four numbers for a box
    if any(len(ring) < 4 or len(ring) % 2 for ring in rings):
        raise ValueError("polygons")
    return rle.from_polygons(rings, *size)
