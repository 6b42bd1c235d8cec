"""Faults of a data set: found one by one, told together, and the checks all formats share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from propose_reduce.data.videos import VideoSet
from propose_reduce.errors import InputError
from propose_reduce.files import read_json


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a data set.

    Attributes:
        place: where, as ``annotations[3].bboxes[0]`` or as a file.
        text: what, with the value.
    """

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What could be read of a data set, and what is wrong with the rest."""

    videos: VideoSet
    faults: list[Fault]


def sound(scan: Scan) -> VideoSet:
    """Return the data set, or raise InputError with its first fault."""
    if scan.faults:
        others = len(scan.faults) - 1
        more = f" (and {others} more: 'propose-reduce data check' lists them)" if others else ""
        raise InputError(f"'{scan.videos.name}': {scan.faults[0]}{more}")
    return scan.videos


class Record(BaseModel):
    """An entry of an annotation file; what is not needed is not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class CategoryRecord(Record):
    """A category."""

    id: int
    name: str


class _Numbered(Protocol):
    @property
    def id(self) -> int: ...


Entry = TypeVar("Entry", bound=Record)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an entry stands in its file."""

    part: str
    index: int

    def at(self, field: str = "") -> str:
        """Return the place of the entry, or of one of its fields."""
        return f"{self.part}[{self.index}]{'.' * bool(field)}{field}"


def load_json(path: Path) -> dict[str, Any]:
    """Return the object a JSON file holds.

    Raises:
        InputError: the file cannot be read, is no JSON, or holds something else.
    """
    data = read_json(path)
    if not isinstance(data, dict):
        raise InputError(f"'{path}' must hold a JSON object, got {type(data).__name__}")
    return data


def entries(
    kind: type[Entry], data: dict[str, Any], part: str, faults: list[Fault]
) -> list[tuple[Placed, Entry]]:
    """Return the entries of one part of a file that can be read; faults of the others are noted."""
    items = data.get(part)
    if not isinstance(items, list):
        faults.append(Fault(part, f"must be a list, got {type(items).__name__}"))
        return []
    readable = []
    for index, item in enumerate(items):
        place = Placed(part, index)
        try:
            readable.append((place, kind.model_validate(item)))
        except ValidationError as error:
            faults += [
                Fault(place.at(_field(fault["loc"])), f"{fault['msg']}, got {fault['input']!r:.60}")
                for fault in error.errors()[:3]
            ]
    return readable


def _field(location: Iterable[int | str]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return text.removeprefix(".")


def unique(
    found: Sequence[tuple[Placed, _Numbered]], faults: list[Fault]
) -> dict[int, tuple[Placed, Any]]:
    """Return the entries by id; a duplicate id is noted and the first entry counts."""
    by_id: dict[int, tuple[Placed, Any]] = {}
    for place, entry in found:
        if entry.id in by_id:
            first = by_id[entry.id][0].at()
            faults.append(Fault(place.at("id"), f"{entry.id} is also the id of {first}"))
        else:
            by_id[entry.id] = (place, entry)
    return by_id


def categories_by_id(data: dict[str, Any], faults: list[Fault]) -> dict[int, str]:
    """Return the categories' names, rising by id; duplicate ids and names are noted."""
    found = unique(entries(CategoryRecord, data, "categories", faults), faults)
    names = {number: found[number][1].name for number in sorted(found)}
    for name, count in Counter(names.values()).items():
        if count > 1:
            faults.append(Fault("categories", f"{count} of them are called '{name}'"))
    return names


def file_fault(place: str, name: str) -> Fault | None:
    """Return the fault of a file name that is none or leads out of the images' folder, if any.

    Such a file must not be opened.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or PureWindowsPath(name).drive:
        return Fault(place, f"'{name}' points outside the images' folder")
    if not name or "\0" in name:
        return Fault(place, f"{name!r} is no file name")
    return None
