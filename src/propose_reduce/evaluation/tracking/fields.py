"""Single fields of BURST and TAO entries, checked; every message names the entry and the field."""

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from propose_reduce.errors import InputError, cut


def field(entry: Any, name: str, where: str) -> Any:
    """Return a field that must be there.

    Args:
        entry: what should be an object with fields.
        name: the field.
        where: how messages call the entry.
    """
    known = mapping(entry, where)
    if name not in known:
        fields = cut(list(known)) if known else "no fields"
        raise InputError(f"{where}: '{name}' is missing; it has {fields}")
    return known[name]


def mapping(entry: Any, where: str) -> Mapping[str, Any]:
    """Return what must be an object with fields."""
    if not isinstance(entry, Mapping):
        raise InputError(f"{where} must be an object with fields, got {cut(entry)}")
    return entry


def list_field(entry: Any, name: str, where: str) -> list[Any]:
    """Return a field that must be a list."""
    value = field(entry, name, where)
    if not isinstance(value, list | tuple):
        raise InputError(f"{where}: '{name}' must be a list, got {cut(value)}")
    return list(value)


def whole_number(entry: Any, name: str, where: str) -> int:
    """Return a field that must be a whole number."""
    value = field(entry, name, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{where}: '{name}' must be a whole number, got {cut(value)}")
    return value


def positive(entry: Any, name: str, where: str) -> int:
    """Return a field that must be a whole number of at least 1."""
    value = whole_number(entry, name, where)
    if value < 1:
        raise InputError(f"{where}: '{name}' must be at least 1, got {value}")
    return value


def listed_id(entry: Any, name: str, known: Mapping[int, Any], where: str) -> int:
    """Return a field that must be an id of the ground truth."""
    value = field(entry, name, where)
    if not isinstance(value, int) or value not in known:
        ids = ", ".join(str(id_) for id_ in list(known)[:5]) + (", ..." if len(known) > 5 else "")
        raise InputError(
            f"{where}: {name} {cut(value)} is not in the ground truth ({ids or 'none'})"
        )
    return value


def score(prediction: Any, where: str) -> float:
    """Return the score, which must be a finite number."""
    value = field(prediction, "score", where)
    if not _is_number(value):
        raise InputError(f"{where}: its score must be a finite number, got {cut(value)}")
    return float(value)


def _is_number(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False
