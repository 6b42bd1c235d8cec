"""Masks that the user gives: label maps on the first frame, or on any.

For the video ``walk`` the folder ``DIR`` holds ``DIR/walk/00000.png`` and so on, or is a root of
DAVIS or YouTube-VOS (``DIR/Annotations/480p/walk``, ``DIR/Annotations/walk``), or holds
``DIR/walk/Annotations``; of a single video the maps may lie in ``DIR`` itself. Pixel values are the
objects' numbers, 0 is background; in maps of 8 bits 255 is void, or object 1 where 0 and 255 are
all. A file belongs to the frame of its name. ``categories.json`` names the objects, as
``{"1": "person"}``. So does the ``meta.json`` of YouTube-VOS, which also says on which frame each
object comes in: before that it is nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import BaseModel, ValidationError

from propose_reduce import rle
from propose_reduce.components.detection_files import category_names
from propose_reduce.components.registry import Request
from propose_reduce.data.faults import load_json
from propose_reduce.data.label_maps import (
    VOID,
    FrameNames,
    frame_files,
    object_numbers,
    read_labels,
)
from propose_reduce.errors import InputError
from propose_reduce.files import check_regular, is_folder
from propose_reduce.paradigm.given import GivenObject
from propose_reduce.settings import category_set
from propose_reduce.structures import Clip

META = "meta.json"
"""Of YouTube-VOS, beside its folder of label maps."""

PLACES = ("{}", "{}/Annotations", "Annotations/480p/{}", "Annotations/{}", "Annotations", ".")
"""Where the label maps of a video may lie; the first folder with any is taken."""


class ObjectSource(Protocol):
    """Says which objects of a video are to be followed."""

    def prepared(self, propagator: object, request: Request) -> ObjectSource:
        """Return it with what it needs of networks loaded; called once, before any video.

        Args:
            propagator: the name, or else the object, of what will follow the objects.
            request: what is known without a video.

        Raises:
            InputError: something cannot be had.
        """

    def objects(self, clip: Clip, request: Request) -> tuple[GivenObject, ...]:
        """Return the objects of a video.

        Args:
            clip: the video.
            request: what is known of it: name, frames, and whom to warn.

        Raises:
            InputError: they cannot be had.
        """

    @property
    def settings(self) -> dict[str, Any]:
        """What the result depends on, as plain JSON values."""


@dataclass(frozen=True, slots=True, eq=False)
class GivenMasks:
    """Label maps of any video: files, or arrays.

    Attributes:
        source: a folder (see the head of this file), the file of the first frame's map, an array
            (H, W) for the first frame, or such arrays by 0-based frame; bool ones are object 1.
        first_only: take each object's first mask alone, and not those of later frames.
    """

    source: str | Path | np.ndarray | Mapping[int, np.ndarray]
    first_only: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.source, str | Path) and not Path(self.source).exists():
            raise InputError(f"the given masks '{self.source}' do not exist")

    @property
    def settings(self) -> dict[str, Any]:
        """Return where the masks come from."""
        named = isinstance(self.source, str | Path)
        return {
            "masks": str(self.source) if named else "arrays",
            "first_only": self.first_only,
        }

    def prepared(self, propagator: object, request: Request) -> GivenMasks:
        """Return it: no network is needed."""
        return self

    def objects(self, clip: Clip, request: Request) -> tuple[GivenObject, ...]:
        """Return the objects of a video by rising number.

        Raises:
            InputError: there are no maps for it, or one cannot be read or has another size.
        """
        frames = FrameNames(request.frames)
        entries: Mapping[str, _MetaObject] = {}
        names: Mapping[int, str] = {}
        if not isinstance(self.source, str | Path):
            maps = _arrays(self.source, len(clip.frames))
        elif is_folder(Path(self.source)):
            source = Path(self.source)
            place = _place(source, request.video)
            maps = _files(place, frames, request)
            entries, names = _meta(source, place, request.video), category_names(place, source)
        else:
            check_regular(Path(self.source))
            maps = {0: _read(Path(self.source))}
        masks: dict[int, dict[int, rle.Rle]] = defaultdict(dict)
        for frame in sorted(maps):
            for number, mask in _masks(maps[frame], frame, clip).items():
                if not (self.first_only and number in masks):
                    masks[number][frame] = mask
        if not masks:
            request.warn("the given label maps show no object: nothing is followed")
        elif min(map(len, masks.values())) == len(clip.frames) > 1:
            request.warn(
                f"masks are given on all {len(clip.frames)} frames, so the result repeats them: "
                "--given-first (given_first=True) takes the first of each object alone"
            )
        (otherwise,) = category_set("davis")
        found = []
        for number in sorted(masks):
            entry = entries.get(str(number))
            named = names.get(number, otherwise)
            found.append(
                GivenObject(number, named, masks[number])
                if entry is None
                else entry.of(number, masks[number], frames)
            )
        return tuple(found)


class _MetaObject(BaseModel):
    """An object in the meta.json of YouTube-VOS."""

    category: str
    frames: list[str] = []

    def of(self, number: int, masks: dict[int, rle.Rle], frames: FrameNames) -> GivenObject:
        """Return it with its masks; a mask before the frame on which it comes in goes."""
        listed = [index for name in self.frames if (index := frames.index(name)) is not None]
        first = min(listed, default=0)
        kept = {frame: mask for frame, mask in masks.items() if frame >= first} or masks
        return GivenObject(number, self.category, kept, enters=True)


class _MetaVideo(BaseModel):
    """A video there."""

    objects: dict[str, _MetaObject]


class _Meta(BaseModel):
    """The meta.json of YouTube-VOS."""

    videos: dict[str, _MetaVideo]


def _place(source: Path, video: str) -> Path:
    """Return the folder of a video's label maps."""
    places = [source / place.format(video) for place in PLACES if video or "{}" not in place]
    for place in places:
        if place.is_dir() and frame_files(place):
            return place
    raise InputError(
        f"'{source}' holds no label maps of '{video}': expected '{video}/00000.png' or, of one "
        "video, '00000.png'"
    )


def _files(place: Path, frames: FrameNames, request: Request) -> dict[int, np.ndarray]:
    """Return the label maps in a folder by frame; those of no frame are told."""
    found: dict[int, Path] = {}
    strangers = []
    for path in frame_files(place):
        index = frames.index(path.stem)
        if index is None:
            strangers.append(path)
        elif index in found:
            raise InputError(f"'{path}' and '{found[index].name}' are one frame's")
        else:
            found[index] = path
    if strangers:
        names = request.frames
        fault = (
            f"'{strangers[0]}' belongs to no frame of this video, whose frames are called "
            f"'{names[0]}' to '{names[-1]}'"
        )
        if not found:
            raise InputError(fault)
        request.warn(f"{fault}; nor do {len(strangers) - 1} other files there")
    return {index: _read(path) for index, path in found.items()}


def _read(path: Path) -> np.ndarray:
    content = read_labels(path, binary=True, deep=True)
    kept: np.ndarray = np.where(np.isin(content, object_numbers(content, path)), content, 0)
    return kept


def _arrays(
    source: np.ndarray | Mapping[int, np.ndarray], num_frames: int
) -> dict[int, np.ndarray]:
    """Return label maps in memory by frame."""
    maps = {}
    for frame, content in (source if isinstance(source, Mapping) else {0: source}).items():
        labels = np.asarray(content)
        if not 0 <= frame < num_frames:
            raise InputError(f"masks are given on frame {frame}, but there are 0..{num_frames - 1}")
        if labels.ndim != 2 or labels.dtype.kind not in "bui" or (labels.size and labels.min() < 0):
            raise InputError(
                f"the masks given on frame {frame} must be a label map (H, W) of whole numbers "
                f"from 0, got {labels.dtype} {labels.shape}"
            )
        void = labels.dtype == np.uint8
        maps[frame] = np.where(labels == VOID, 0, labels) if void else labels.astype(np.int64)
    return maps


def _masks(labels: np.ndarray, frame: int, clip: Clip) -> dict[int, rle.Rle]:
    """Return the masks of a label map by number."""
    if labels.shape != clip.original_size:
        got, expected = (f"{side[1]} x {side[0]}" for side in (labels.shape, clip.original_size))
        raise InputError(
            f"the label map given on frame {frame} is {got} pixels and the video {expected}: "
            "give it in the video's own size"
        )
    return {number: rle.encode(labels == number) for number in np.unique(labels).tolist() if number}


def _meta(source: Path, place: Path, video: str) -> Mapping[str, _MetaObject]:
    """Return what a meta.json says of the objects of a video; nothing where there is none."""
    for folder in dict.fromkeys((source, source.resolve().parent, *place.resolve().parents[:2])):
        if (path := folder / META).is_file():
            try:
                known = _Meta.model_validate(load_json(path)).videos
            except ValidationError as error:
                fault = error.errors(include_url=False)[0]
                where = ".".join(map(str, fault["loc"]))
                raise InputError(
                    f"'{path}' is not the meta.json of YouTube-VOS: {where}: {fault['msg']}"
                ) from error
            return known[video].objects if video in known else {}
    return {}
