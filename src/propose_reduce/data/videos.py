"""Annotated videos, whatever files they come from.

Letters: T frames, N objects, H and W the video's own pixels. Frame indices count from 0. A data
set of images is one of videos of a single frame.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.images import Pictures
from propose_reduce.images import read_image as read_image  # one picture, as a video has it
from propose_reduce.structures import Size

EVERYTHING_ELSE = "*"
"""In a category map: every category that is not named."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledFrame:
    """One frame with what is known about it.

    Attributes:
        image: uint8 RGB (H, W, 3).
        masks: bool (N, H, W), the visible pixels of each object; none of them empty.
        ids: int64 (N,), the same on every frame of the video.
        labels: int64 (N,), 1-based index into the categories.
        crowd: bool (N,), regions that are neither right nor wrong.
    """

    image: np.ndarray
    masks: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray

    def __post_init__(self) -> None:
        counts = {len(self.masks), len(self.ids), len(self.labels), len(self.crowd)}
        if len(counts) != 1 or self.masks.shape[1:] != self.image.shape[:2]:
            raise InputError(
                f"LabelledFrame: masks {self.masks.shape} must fit {len(self.ids)} objects on an "
                f"image of {self.image.shape[:2]}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class VideoObject:
    """One annotated object.

    Attributes:
        id: as in the file.
        category: 0-based index into the set's categories; 0 for a crowd without one.
        crowd: a region that is neither right nor wrong.
        segmentations: T compressed run-length encodings; None where it is absent.
        occlusions: T shares of the object inside the picture that something hides, None where all
            of it is outside; or None: not known.
    """

    id: int
    category: int
    crowd: bool
    segmentations: tuple[rle.Rle | None, ...]
    occlusions: tuple[float | None, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedVideo:
    """A video whose frames lie in image files.

    Attributes:
        id: as in the file.
        name: for messages.
        size: (height, width) of every frame.
        frames: T image files.
        annotated: which frames the annotations speak of, rising.
        objects: what is annotated.
        licence: of the pictures, as the file words it; empty where it says nothing.
    """

    id: int
    name: str
    size: Size
    frames: tuple[Path, ...]
    annotated: tuple[int, ...]
    objects: tuple[VideoObject, ...]
    licence: str = ""

    def frame(self, t: int) -> LabelledFrame:
        """Return frame ``t``; only its own image and masks are decoded.

        Raises:
            InputError: the image is missing, unreadable or of another size.
        """
        there = [(obj, mask) for obj in self.objects if (mask := obj.segmentations[t]) is not None]
        masks = [rle.decode(mask) for _, mask in there]
        return LabelledFrame(
            image=self.image(t),
            masks=np.stack(masks) if masks else np.zeros((0, *self.size), dtype=bool),
            ids=np.array([obj.id for obj, _ in there], dtype=np.int64),
            labels=np.array([obj.category + 1 for obj, _ in there], dtype=np.int64),
            crowd=np.array([obj.crowd for obj, _ in there], dtype=bool),
        )

    def image(self, t: int) -> np.ndarray:
        """Return the picture of frame ``t``, uint8 RGB (H, W, 3), as the masks were drawn on it.

        A picture whose EXIF tag asks for a turn is turned, unless it has the annotated size only
        as it is stored.

        Raises:
            InputError: it is missing, unreadable or of another size.
        """
        image = _pictures(self.frames, self.size)[t]
        if image.shape[:2] != self.size:
            got, expected = (f"{side[1]}x{side[0]}" for side in (image.shape, self.size))
            raise InputError(f"'{self.frames[t]}' is {got} pixels, its annotations say {expected}")
        return image


@dataclass(frozen=True, slots=True)
class AnnotatedFrames:
    """The frames of an annotated video, uint8 RGB (H, W, 3), decoded when asked for."""

    video: AnnotatedVideo

    def __len__(self) -> int:
        return len(self.video.frames)

    def __getitem__(self, index: int, /) -> np.ndarray:
        return self.video.image(index)


@dataclass(frozen=True, slots=True, eq=False)
class VideoSet:
    """Annotated videos with their categories.

    Attributes:
        name: for messages.
        categories: in the order of the file's ids.
        videos: in the order of the file.
    """

    name: str
    categories: tuple[str, ...]
    videos: tuple[AnnotatedVideo, ...]


@cache
def _pictures(files: tuple[Path, ...], size: Size) -> Pictures:
    """Return the pictures of a video, by which all readers of deep pictures scale them alike."""
    return Pictures(files, annotated=size)


def shown(video: AnnotatedVideo) -> np.ndarray:
    """Return which object is seen where: bool (N, T); crowds are nowhere seen."""
    table = [
        [segmentation is not None and not obj.crowd for segmentation in obj.segmentations]
        for obj in video.objects
    ]
    return np.array(table, dtype=bool).reshape(len(video.objects), len(video.frames))


def with_categories(
    videos: VideoSet, categories: Sequence[str], renamed: Mapping[str, str | None] | None = None
) -> VideoSet:
    """Return the set told in other categories; objects of a category without a counterpart go.

    Args:
        videos: the set.
        categories: the new categories.
        renamed: old name -> new name, or ``*`` for all others; None drops; without an entry the
            same name counts, where case and the difference of space, ``-`` and ``_`` do not matter.

    Raises:
        InputError: the map names a category that one of the sides does not have.
    """
    renamed = dict(renamed or {})
    for old, new in renamed.items():
        if old != EVERYTHING_ELSE and old not in videos.categories:
            raise unknown_name(f"category of '{videos.name}':", old, videos.categories)
        if new is not None and new not in categories:
            raise unknown_name("category", new, categories)
    by_name = {_plain_name(name): name for name in categories}
    places: dict[int, int] = {}
    for index, old in enumerate(videos.categories):
        same = by_name.get(_plain_name(old), renamed.get(EVERYTHING_ELSE))
        told = renamed.get(old, same)
        if told is not None:
            places[index] = list(categories).index(told)
    return VideoSet(
        videos.name,
        tuple(categories),
        tuple(replace(video, objects=_retold(video.objects, places)) for video in videos.videos),
    )


def _retold(objects: Sequence[VideoObject], places: Mapping[int, int]) -> tuple[VideoObject, ...]:
    """Return the objects whose category has a new place, there."""
    return tuple(
        replace(obj, category=places[obj.category]) for obj in objects if obj.category in places
    )


def _plain_name(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")
