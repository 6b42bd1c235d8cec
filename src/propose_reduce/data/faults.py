"""Faults of a data set: found one by one, told together, and the checks all formats share."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import index as as_index
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from propose_reduce.data.videos import VideoSet
from propose_reduce.errors import InputError, cut, nearest, printable
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
class Notes:
    """What is odd about a file and can be read all the same: how often each, and where first."""

    places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, text: str, place: str) -> None:
        """Take note of one."""
        self.places.setdefault(text, []).append(place)

    def lines(self) -> tuple[str, ...]:
        """Return one line for each kind."""
        return tuple(
            f"{text}: {len(places)} (first: {places[0]})" for text, places in self.places.items()
        )


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """What could be read of a data set, and what is wrong with the rest.

    Attributes:
        videos: what could be read.
        faults: what could not.
        notes: what was read although it is odd, one line each.
        imageless: how many videos more name no image files: they can be evaluated alone.
    """

    videos: VideoSet
    faults: list[Fault]
    notes: tuple[str, ...] = ()
    imageless: int = 0


def sound(scan: Scan) -> VideoSet:
    """Return the data set, or raise InputError with its first fault."""
    check_sound(scan.faults, f"'{scan.videos.name}': ")
    return scan.videos


def check_sound(
    faults: Sequence[Fault], source: str = "", lister: str = "propose-reduce data check"
) -> None:
    """Raise InputError with the first fault if there is one.

    Args:
        faults: all of them.
        source: goes in front.
        lister: the command that lists them all; empty where there is none.
    """
    if faults:
        others = len(faults) - 1
        where = f": '{lister}' lists them" if lister else ""
        more = f" (and {others} more{where})" if others else ""
        raise InputError(f"{source}{faults[0]}{more}")


class Record(BaseModel):
    """An entry of an annotation file; what is not needed is not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


def _whole(value: Any) -> int:
    """Return a whole number that was written as text or with a point, as some tools do."""
    if isinstance(value, str) and len(value) < 20:
        value = float(value) if "." in value else int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool | str | float):
        raise ValueError("must be a whole number")
    try:
        number = as_index(value)  # numpy's too
    except TypeError as error:
        raise ValueError("must be a whole number") from error
    if not -(2**63) <= number < 2**63:
        raise ValueError("must be a whole number of 64 bits")
    return number


WholeNumber = Annotated[int, BeforeValidator(_whole)]
"""A whole number; ``"3"`` and ``3.0`` are taken for what they mean."""


class CategoryRecord(Record):
    """A category; without a name it is called by its id."""

    id: WholeNumber
    name: Annotated[str, BeforeValidator(lambda name: str(name)[:1000])] | None = None


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
    kind: type[Entry], data: Mapping[str, Any], part: str, faults: list[Fault]
) -> list[tuple[Placed, Entry]]:
    """Return the entries of one part of a file that can be read; faults of the others are noted."""
    items = data.get(part)
    if not isinstance(items, list | tuple):
        faults.append(Fault(part, f"must be a list, got {type(items).__name__}"))
        return []
    readable = []
    for index, item in enumerate(items):
        place = Placed(part, index)
        try:
            readable.append((place, kind.model_validate(item)))
        except ValidationError as error:
            faults += [
                Fault(place.at(_field(fault["loc"])), _said(fault)) for fault in error.errors()[:3]
            ]
    return readable


def _said(fault: ErrorDetails) -> str:
    """Return what pydantic says, in our words where its own are of programmers."""
    value, kind = fault["input"], fault["type"]
    if kind == "missing":
        field, known = str(fault["loc"][-1]), value if isinstance(value, dict) else {}
        like = nearest(field, map(str, known))
        return "is missing" + (f": is it what '{printable(like)[:60]}' holds?" if like else "")
    wanted = {"list_type": "must be a list", "string_type": "must be text"}
    message = wanted.get(kind, fault["msg"].removeprefix("Value error, "))
    return f"{message}, got {cut(value)}"


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


def categories_by_id(
    data: Mapping[str, Any], faults: list[Fault], notes: Notes | None = None
) -> dict[int, str]:
    """Return the categories' names, rising by id.

    Equal names are a fault, or a note where the caller can tell such categories apart.
    """
    found = unique(entries(CategoryRecord, data, "categories", faults), faults)
    names = {number: found[number][1].name or str(number) for number in sorted(found)}
    for name, count in Counter(names.values()).items():
        if count > 1 and notes is not None:
            notes.add("names of several categories, which training takes for one", cut(name))
        elif count > 1:
            faults.append(Fault("categories", f"{count} of them are called {cut(name)}"))
    return names


MOST_FRAMES = 1_000_000
"""Of a video that a file only claims to have; nine hours of film. A list of so many is made."""


def check_length(frames: int) -> None:
    """Raise InputError for a video that is too long to be meant."""
    if frames > MOST_FRAMES:
        raise InputError(f"a video of {cut(frames)} frames is too long: at most {MOST_FRAMES}")


def file_fault(place: str, name: str) -> Fault | None:
    """Return the fault of a file name that is none or leads out of the images' folder, if any.

    Such a file must not be opened.
    """
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or PureWindowsPath(name).drive:
        return Fault(place, f"{cut(name)} points outside the images' folder")
    if not name or "\0" in name:
        return Fault(place, f"{cut(name)} is not a file name")
    return None
