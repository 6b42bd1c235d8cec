"""Annotated videos as the files of other tools tell them, and what all their readers share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from pydantic import ValidationError

from propose_reduce import rle
from propose_reduce.data.faults import Notes, Record
from propose_reduce.data.segmentations import read_segmentations
from propose_reduce.errors import InputError, cut
from propose_reduce.files import read_json
from propose_reduce.structures import Size

BOXES = "boxes without a mask, left out"
"""A note of several readers: the method and its data are of masks."""

UNNAMED = "object"
"""The category where a format has none and the user names none."""


class FramePictures(Protocol):
    """The pictures of a video's annotated frames."""

    def size(self, t: int) -> Size:
        """Return (height, width) of frame ``t`` in pixels."""

    def write(self, t: int, folder: Path, stem: str) -> str:
        """Write frame ``t`` as an image into a folder and return its file name."""

    def only(self, t: int) -> "FramePictures":
        """Return the pictures of frame ``t`` alone."""


FindPictures: TypeAlias = Callable[[str, Sequence[str]], FramePictures | None]
"""Finds the pictures of a video by its name and what its annotated frames are called; None: none
are there. A frame is called by its file, or by a number from 0."""


@dataclass(frozen=True, slots=True, eq=False)
class ForeignObject:
    """One object.

    Attributes:
        id: what the file calls it.
        category: its class.
        masks: by index into the video's annotated frames; none is empty.
        crowd: a region that is neither right nor wrong.
    """

    id: int | str
    category: str
    masks: Mapping[int, rle.Rle]
    crowd: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ForeignVideo:
    """One video.

    Attributes:
        name: what the file calls it.
        size: (height, width) in pixels; None where no object has a mask to tell.
        frames: what the annotated frames are called: a file name, or the frame's number from 0.
        objects: what is annotated.
        pictures: of the frames, where the reader has needed them; else they are found later.
    """

    name: str
    size: Size | None
    frames: tuple[str, ...]
    objects: tuple[ForeignObject, ...]
    pictures: FramePictures | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What a reader has to work with.

    Attributes:
        path: the file or folder.
        find: finds the pictures of a video.
        category: of objects where the format has none.
        notes: gets what was left out or is odd.
    """

    path: Path
    find: FindPictures
    category: str = UNNAMED
    notes: Notes = field(default_factory=Notes)


@dataclass(slots=True, eq=False)
class TrackMasks:
    """Masks that come one by one, of one object; parts on one frame become one mask."""

    category: str
    crowd: bool = False
    parts: dict[int, list[rle.Rle]] = field(default_factory=dict)

    def add(self, frame: int, mask: rle.Rle | None) -> None:
        """Take a mask, or None for none."""
        if mask is not None:
            self.parts.setdefault(frame, []).append(mask)

    def whole(self, number: int | str) -> ForeignObject:
        """Return the object."""
        masks = {
            frame: parts[0] if len(parts) == 1 else rle.union(parts)
            for frame, parts in sorted(self.parts.items())
        }
        return ForeignObject(number, self.category, masks, self.crowd)


def objects_of(tracks: Mapping[Any, TrackMasks]) -> tuple[ForeignObject, ...]:
    """Return the objects that have a mask anywhere, by what they are called."""
    return tuple(track.whole(number) for number, track in tracks.items() if track.parts)


def sound_mask(value: Any, size: Size, place: str) -> rle.Rle | None:
    """Return a mask in any form that annotation files have; None for an empty one.

    Raises:
        InputError: it is damaged, of another size, or none; the message begins with ``place``.
    """
    (mask,) = read_segmentations([value], size)
    if isinstance(mask, InputError):
        raise InputError(f"{place}: {mask}")
    return mask


Entry = TypeVar("Entry", bound=Record)


def checked(kind: type[Entry], value: Any, place: str) -> Entry:
    """Return an entry of a file.

    Raises:
        InputError: a field is missing or is not what it should be.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "it"
        said = "is missing" if fault["type"] == "missing" else fault["msg"]
        raise InputError(f"{place}: {where}: {said}, got {cut(fault['input'])}") from error


def json_files(path: Path) -> Iterable[tuple[Path, Any]]:
    """Yield the content of a JSON file, or of every one directly in a folder.

    Raises:
        InputError: the folder has none, or one cannot be read.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"folder '{path}' has no .json file")
    return ((file, read_json(file)) for file in files)
