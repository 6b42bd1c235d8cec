"""Boxes and points that the user gives: objects to follow, without a detector.

On the command line a box is ``FRAME:X1,Y1,X2,Y2[:LABEL]`` and a point ``FRAME:X,Y[:+/-][:ID]``. A
JSON file holds a list of both, or such a list for each video by its name::

    [
        {"frame": 0, "box": [12, 30, 90, 140], "label": "dog", "id": 1},
        {"frame": 4, "point": [40, 60], "positive": true, "id": 1}
    ]

What has one id is one object, on all frames. A box without an id is an object of its own, numbered
in order; a point without one is about object 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from propose_reduce import rle
from propose_reduce.components.published_weights import prepare_downloads
from propose_reduce.components.registry import MASK_MAKERS, Request
from propose_reduce.data.label_maps import FrameNames
from propose_reduce.errors import ContractError, InputError, cut
from propose_reduce.files import read_json
from propose_reduce.paradigm.given import GivenObject
from propose_reduce.protocols import MaskMaker
from propose_reduce.settings import category_set, validate
from propose_reduce.settings.base import Settings
from propose_reduce.structures import Box, Clip, Point, Prompt


def read_box(text: str) -> Prompt:
    """Return the box that ``FRAME:X1,Y1,X2,Y2[:LABEL]`` says.

    Raises:
        InputError: it says something else.
    """
    frame, _, rest = text.partition(":")
    corners, _, label = rest.partition(":")
    try:
        x1, y1, x2, y2 = map(float, corners.split(","))
        number = int(frame)
    except ValueError as error:
        raise InputError(
            f"a box reads FRAME:X1,Y1,X2,Y2[:LABEL], as 0:12,30,90,140:dog; got {cut(text)}"
        ) from error
    return Box(number, x1, y1, x2, y2, label or None)


def read_point(text: str) -> Prompt:
    """Return the point that ``FRAME:X,Y[:+/-][:ID]`` says.

    Raises:
        InputError: it says something else.
    """
    try:
        frame, place, *rest = text.split(":")
        x, y = map(float, place.split(","))
        sign = rest.pop(0) if rest and rest[0] in ("+", "-") else "+"
        (number,) = rest or ["1"]
        return Point(int(frame), x, y, sign == "+", int(number))
    except InputError:
        raise
    except ValueError as error:
        raise InputError(
            f"a point reads FRAME:X,Y[:+/-][:ID], as 0:40,60 or 0:40,60:-:2; got {cut(text)}"
        ) from error


class _Entry(Settings):
    """A box or a point in a JSON file."""

    frame: int
    box: tuple[float, float, float, float] | None = None
    point: tuple[float, float] | None = None
    positive: bool = True
    label: str | None = None
    id: int | None = None

    def prompt(self) -> Prompt:
        """Return it."""
        if self.box is not None and self.point is None:
            return Box(self.frame, *self.box, self.label, self.id)
        if self.point is not None and self.box is None:
            return Point(self.frame, *self.point, self.positive, 1 if self.id is None else self.id)
        raise InputError("an entry needs one of 'box' and 'point'")


def read_prompts(path: Path, video: str) -> list[Prompt]:
    """Return the boxes and points of a video in a JSON file.

    Raises:
        InputError: the file cannot be read, an entry is neither, or there are none for the video.
    """
    content = read_json(path)
    where = str(path)
    if isinstance(content, dict):
        if video not in content:
            raise InputError(f"'{path}' holds no boxes or points of '{video}'")
        content, where = content[video], f"{path}: {video}"
    if not isinstance(content, list):
        raise InputError(f"'{where}' must hold a list of boxes and points, got {cut(content)}")
    prompts = []
    for index, entry in enumerate(content):
        place = f"'{where}', entry {index}"
        marked = validate(_Entry, entry, place)
        try:
            prompts.append(marked.prompt())
        except InputError as error:
            raise InputError(f"{place}: {error}") from error
    return prompts


@dataclass(frozen=True, eq=False)
class GivenPrompts:
    """Boxes and points, and who makes masks of them.

    Attributes:
        prompts: they, for every video; a path is that of a JSON file.
        mask_maker: by name (docs/components.md), or one of one's own; None: SAM 2 where it
            follows the masks, with the same weights, and else ``grabcut``.
        name: the mask maker's, once it is built.
    """

    prompts: Sequence[Prompt | Path]
    mask_maker: MaskMaker | str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        for source in self._files:
            if not source.is_file():
                raise InputError(f"'{source}' is no file: give boxes and points as JSON")

    @property
    def settings(self) -> dict[str, Any]:
        """Return the boxes and points, and the mask maker's name."""
        return {
            "prompts": [*map(asdict, self._marks), *map(str, self._files)],
            "mask_maker": self.name or type(self.mask_maker).__name__,
        }

    @cached_property
    def _files(self) -> list[Path]:
        return [source for source in self.prompts if isinstance(source, Path)]

    @cached_property
    def _marks(self) -> list[Prompt]:
        return [source for source in self.prompts if not isinstance(source, Path)]

    def prepared(self, propagator: object, request: Request) -> GivenPrompts:
        """Return them with the mask maker built, its weights loaded.

        Raises:
            InputError: it cannot be had.
        """
        maker = self.mask_maker
        if maker is None:
            sam = isinstance(propagator, str) and propagator.startswith("sam2:")
            maker = propagator if isinstance(propagator, str) and sam else "grabcut"
        if not isinstance(maker, str):
            MASK_MAKERS.check(maker, "the mask maker given")
            return self
        published = MASK_MAKERS.published(maker)
        if published is not None:
            prepare_downloads([published], published.name)
        return replace(self, mask_maker=MASK_MAKERS.build(maker, request), name=maker)

    def objects(self, clip: Clip, request: Request) -> tuple[GivenObject, ...]:
        """Return the objects that are marked in a video, by rising number.

        Raises:
            InputError: a box or point lies outside of the video, or says too little.
        """
        maker = self.mask_maker
        if maker is None or isinstance(maker, str):
            raise TypeError("objects are asked for before 'prepared' has built the mask maker")
        marks = [*self._marks, *(p for f in self._files for p in read_prompts(f, request.video))]
        frames = FrameNames(request.frames)
        by_frame: dict[int, dict[int, list[Prompt]]] = defaultdict(lambda: defaultdict(list))
        labels: dict[int, str] = {}
        for number, mark in _numbered(marks):
            index = frames.index(str(mark.frame))
            if index is None or index >= len(clip.frames):
                names = request.frames or ("0", str(len(clip.frames) - 1))
                raise InputError(
                    f"{_said(mark)} lies on frame {mark.frame}, and the frames are called "
                    f"'{names[0]}' to '{names[-1]}'"
                )
            _check_place(mark, clip)
            by_frame[index][number].append(mark)
            if isinstance(mark, Box) and mark.label is not None:
                labels.setdefault(number, mark.label)
        masks: dict[int, dict[int, rle.Rle]] = defaultdict(dict)
        for index in sorted(by_frame):
            objects = by_frame[index]
            for number, own in objects.items():
                _check_enough(number, own)
            made = maker.make_masks(clip, index, list(objects.values()))
            if tuple(made.shape) != (len(objects), *clip.original_size):
                raise ContractError(
                    f"a mask maker must give {(len(objects), *clip.original_size)}, got "
                    f"{tuple(made.shape)}"
                )
            for number, mask in zip(objects, made.cpu().bool().numpy(), strict=True):
                if mask.any():
                    masks[number][index] = rle.encode(mask)
                else:
                    request.warn(
                        f"no mask was found for object {number} on frame {index}: draw its box "
                        "or points again"
                    )
        (otherwise,) = category_set("davis")
        return tuple(
            GivenObject(number, labels.get(number, otherwise), masks[number])
            for number in sorted(masks)
        )


def _numbered(marks: Sequence[Prompt]) -> list[tuple[int, Prompt]]:
    """Return every mark with its object's number; boxes without one take the free ones."""
    taken = {mark.id for mark in marks if isinstance(mark, Box) and mark.id is not None}
    free = (number for number in count(1) if number not in taken)
    return [(next(free) if mark.id is None else mark.id, mark) for mark in marks]


def _said(mark: Prompt) -> str:
    """Return a mark for a message."""
    if isinstance(mark, Box):
        return f"the box {mark.x1:g},{mark.y1:g},{mark.x2:g},{mark.y2:g}"
    return f"the point {mark.x:g},{mark.y:g}"


def _check_place(mark: Prompt, clip: Clip) -> None:
    """Raise InputError for a mark that lies outside of the pictures."""
    height, width = clip.original_size
    if isinstance(mark, Box):
        inside = mark.x1 < width and mark.y1 < height and mark.x2 > 0 and mark.y2 > 0
    else:
        inside = 0 <= mark.x <= width and 0 <= mark.y <= height
    if not inside:
        raise InputError(f"{_said(mark)} lies outside of the pictures, {width} x {height} pixels")


def _check_enough(number: int, marks: Sequence[Prompt]) -> None:
    """Raise InputError where the marks of an object on one frame do not make sense together."""
    boxes = [mark for mark in marks if isinstance(mark, Box)]
    if len(boxes) > 1:
        raise InputError(f"object {number} has {len(boxes)} boxes on frame {marks[0].frame}: one")
    if not boxes and not any(isinstance(mark, Point) and mark.positive for mark in marks):
        raise InputError(
            f"object {number} has only points beside it on frame {marks[0].frame}: give one on it, "
            "or a box"
        )
