"""Checking a whole data set: everything it holds, its statistics, every fault with its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from propose_reduce import rle
from propose_reduce.data.coco import scan_coco
from propose_reduce.data.davis import scan_davis
from propose_reduce.data.faults import Fault, Scan
from propose_reduce.data.foreign import check_own_folder, read_document
from propose_reduce.data.turns import Turns
from propose_reduce.data.videos import AnnotatedVideo, VideoObject, VideoSet
from propose_reduce.data.youtube_vis import scan_youtube_vis
from propose_reduce.errors import InputError, printable
from propose_reduce.images import look

OCCLUDED = 0.2  # an object of which more than a fifth is hidden counts as occluded


@dataclass(frozen=True, slots=True)
class CategoryCount:
    """Objects, and frames that show one of them summed over objects."""

    objects: int
    object_frames: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a data set holds.

    Attributes:
        videos: how many. frames: how many are annotated.
        categories: by name, in the set's order; crowds are not counted.
        crowds: regions that are neither right nor wrong.
        sizes: how many videos have each (height, width), the most frequent first.
        lengths: smallest, median and largest number of annotated frames.
        objects_per_video: likewise.
        object_sides: likewise, the square root of an object's visible pixels.
        box_overlap: share of a frame's box pixels that lie in two or more boxes, mean over the
            frames with a box (the bounding-box overlap rate of OVIS).
        occluded: share of the object-frames inside the picture that are hidden by more than a
            fifth; None: not known.
        crossings: share of videos in which two objects of one category meet and swap sides.
        travellers: share of videos in which an object enters or leaves the picture.
    """

    videos: int
    frames: int
    categories: dict[str, CategoryCount]
    crowds: int
    sizes: dict[tuple[int, int], int]
    lengths: tuple[float, ...]
    objects_per_video: tuple[float, ...]
    object_sides: tuple[float, ...]
    box_overlap: float
    occluded: float | None
    crossings: float
    travellers: float

    def table(self) -> Table:
        """Return the numbers as a table of two columns."""
        table = Table(show_header=False, box=None)
        counted = sum(count.objects for count in self.categories.values())
        shown = sum(count.object_frames for count in self.categories.values())
        sizes = [f"{size[1]}x{size[0]} ({n})" for size, n in list(self.sizes.items())[:4]]
        more = len(self.sizes) - len(sizes)
        rows = [
            ("videos", str(self.videos)),
            ("annotated frames", str(self.frames)),
            ("objects", f"{counted}, on {shown} object-frames"),
            ("crowd regions", str(self.crowds)),
            ("sizes", ", ".join(sizes) + (f" and {more} more" if more else "")),
            ("frames per video", _three(self.lengths)),
            ("objects per video", _three(self.objects_per_video)),
            ("object side, pixels", _three(self.object_sides)),
            ("boxes overlap", f"{self.box_overlap:.1%}"),
            ("occluded > 20 %", "-" if self.occluded is None else f"{self.occluded:.1%}"),
            ("look-alikes cross", f"{self.crossings:.1%} of videos"),
            ("enter or leave", f"{self.travellers:.1%} of videos"),
        ]
        for row in rows:
            table.add_row(*row)
        return table

    def category_table(self) -> Table:
        """Return objects and object-frames by category."""
        table = Table("category", "objects", "object-frames", box=None)
        for name, count in self.categories.items():
            if count.objects:
                table.add_row(Text(name), str(count.objects), str(count.object_frames))
        if unused := sum(not count.objects for count in self.categories.values()):
            table.add_row(f"{unused} without objects", "", "")
        return table


def _three(values: Sequence[float]) -> str:
    return f"{values[0]:g} to {values[2]:g}, median {values[1]:g}" if values else "-"


def statistics(videos: VideoSet) -> Statistics:
    """Return what the set holds; no image is read."""
    objects = [obj for video in videos.videos for obj in video.objects]
    real = [obj for obj in objects if not obj.crowd]
    sizes = Counter(video.size for video in videos.videos)
    hidden = [share for obj in real for share in obj.occlusions or () if share is not None]
    masks = [mask for obj in real for mask in obj.segmentations if mask is not None]
    rates = [rate for video in videos.videos for rate in _overlap_rates(video)]
    return Statistics(
        videos=len(videos.videos),
        frames=sum(len(video.annotated) for video in videos.videos),
        categories={
            name: _count([obj for obj in real if obj.category == index])
            for index, name in enumerate(videos.categories)
        },
        crowds=len(objects) - len(real),
        sizes=dict(sizes.most_common()),
        lengths=_spread([len(video.annotated) for video in videos.videos]),
        objects_per_video=_spread(
            [sum(not obj.crowd for obj in video.objects) for video in videos.videos]
        ),
        object_sides=_spread(np.sqrt(rle.sound_areas(masks)).tolist()),
        box_overlap=float(np.mean(rates)) if rates else 0.0,
        occluded=float(np.mean(np.array(hidden) > OCCLUDED)) if hidden else None,
        crossings=_share([_look_alikes_cross(video) for video in videos.videos]),
        travellers=_share([_someone_travels(video) for video in videos.videos]),
    )


def _count(objects: Sequence[VideoObject]) -> CategoryCount:
    frames = sum(mask is not None for obj in objects for mask in obj.segmentations)
    return CategoryCount(len(objects), frames)


def _spread(values: Sequence[float]) -> tuple[float, ...]:
    """Return smallest, median and largest, rounded to a tenth; nothing of nothing."""
    return tuple(np.quantile(values, (0, 0.5, 1)).round(1).tolist()) if len(values) else ()


def _share(answers: Sequence[bool]) -> float:
    return sum(answers) / len(answers) if answers else 0.0


def _corners(obj: VideoObject) -> np.ndarray:
    """Return its boxes (x1, y1, x2, y2), float64 (T, 4), NaN where it is absent."""
    boxes = np.full((len(obj.segmentations), 4), np.nan)
    for t, mask in enumerate(obj.segmentations):
        if mask is not None:
            x, y, width, height = rle.box(mask)
            boxes[t] = x, y, x + width, y + height
    return boxes


def _overlap_rates(video: AnnotatedVideo) -> list[float]:
    """Return, for every frame with a box, the share of box pixels that lie in several boxes."""
    corners = [_corners(obj) for obj in video.objects if not obj.crowd]
    frames = np.stack(corners, axis=1) if corners else np.zeros((0, 0, 4))
    return [_overlap_rate(boxes) for boxes in frames if not np.isnan(boxes[:, 0]).all()]


def _overlap_rate(boxes: np.ndarray) -> float:
    """Return the share of the pixels in boxes (N, 4) that lie in several; NaN rows are none.

    The boxes' own sides cut the picture into cells, which lie in a box as a whole or not at all.
    """
    boxes = boxes[~np.isnan(boxes[:, 0])]
    x, y = np.unique(boxes[:, [0, 2]]), np.unique(boxes[:, [1, 3]])
    columns = (boxes[:, :1] <= x[:-1]) & (x[:-1] < boxes[:, 2:3])
    rows = (boxes[:, 1:2] <= y[:-1]) & (y[:-1] < boxes[:, 3:])
    layers = rows.T.astype(np.int64) @ columns
    pixels = np.outer(np.diff(y), np.diff(x))
    return float(pixels[layers > 1].sum() / pixels[layers > 0].sum())


def _look_alikes_cross(video: AnnotatedVideo) -> bool:
    """Return whether two objects of one category touch, by their boxes, and swap sides."""
    real = [obj for obj in video.objects if not obj.crowd]
    pairs = [(a, b) for a, b in combinations(real, 2) if a.category == b.category]
    return any(_cross_over(_corners(a), _corners(b)) for a, b in pairs)


def _cross_over(first: np.ndarray, second: np.ndarray) -> bool:
    together = ~(np.isnan(first[:, 0]) | np.isnan(second[:, 0]))
    first, second = first[together], second[together]
    if len(first) < 2:
        return False
    low = np.maximum(first[:, :2], second[:, :2])
    high = np.minimum(first[:, 2:], second[:, 2:])
    offsets = (first[:, :2] + first[:, 2:] - second[:, :2] - second[:, 2:]) / 2
    return bool((high > low).all(axis=1).any() and offsets[0] @ offsets[-1] < 0)


def _someone_travels(video: AnnotatedVideo) -> bool:
    """Return whether an object is outside at some time.

    Where occlusion is known, outside is outside. Elsewhere an object that is absent on the first or
    last annotated frame has entered or left; one that is absent between may be hidden.
    """
    for obj in video.objects:
        if obj.crowd or not video.annotated:
            continue
        told = obj.segmentations if obj.occlusions is None else obj.occlusions
        times = video.annotated if obj.occlusions else (video.annotated[0], video.annotated[-1])
        if any(told[t] is None for t in times):
            return True
    return False


IMAGES = "JPEGImages"  # beside the file, as YouTube-VIS has it
SHOWN = 200  # faults that are printed; more of them scroll the table away


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What a data set holds and what is wrong with it.

    Attributes:
        name: of the data set.
        statistics: of what could be read.
        faults: in the order of the files.
        warnings: what is no fault but should be known.
        imageless: how many videos name no image files, and are in no figure.
    """

    name: str
    statistics: Statistics
    faults: list[Fault]
    warnings: list[str] = field(default_factory=list)
    imageless: int = 0

    def show(self) -> RenderableType:
        """Return the tables and the list of faults, for a rich console."""
        parts: list[RenderableType] = [
            Text(self.name, style="bold"),
            self.statistics.table(),
            Text(),
            self.statistics.category_table(),
            Text(),
            Text(self.verdict(), style=self._colour()),
        ]
        parts += [Text(f"  {printable(str(fault))}") for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            parts.append(Text(f"  and {len(self.faults) - SHOWN} more"))
        parts += [
            Text(f"warning: {printable(warning)}", style="yellow") for warning in self.warnings
        ]
        return Group(*parts)

    def verdict(self) -> str:
        """Return one line: how many faults there are, and what the data cannot be used for."""
        count = len(self.faults)
        if count or not self.imageless:
            return f"{count} fault{'s' * (count != 1)}" if count else "no faults"
        videos = "1 video names" if self.imageless == 1 else f"{self.imageless} videos name"
        return f"no faults for evaluation, not to be trained on: {videos} no image files"

    def _colour(self) -> str:
        if self.faults:
            return "bold red"
        return "yellow" if self.imageless else "green"


def scan(path: Path, images: Path | None = None, split: str | None = None) -> Scan:
    """Return what an annotation file or folder holds, with its faults; images are not looked at.

    Args:
        path: a YouTube-VIS or COCO file, or a DAVIS folder.
        images: the folder that the file names in a file start from; None: IMAGES beside it.
        split: of a DAVIS folder, the list of its videos to take; None: every video.

    Raises:
        InputError: there is nothing readable, or no folder of images.
    """
    if path.is_dir():
        check_own_folder(path)
        return scan_davis(path, split)
    folder = path.parent / IMAGES if images is None else images
    data = read_document(path)
    if not isinstance(data, dict):
        raise InputError(f"'{path}' must hold a JSON object, got {type(data).__name__}")
    if not folder.is_dir():
        raise InputError(f"the images' folder '{folder}' is not a folder: give it by --images DIR")
    is_coco = "images" in data and "videos" not in data
    return scan_coco(path, folder) if is_coco else scan_youtube_vis(path, folder)


def check(
    path: Path,
    images: Path | None = None,
    split: str | None = None,
    *,
    decode: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Return what a data set holds and all its faults.

    Args:
        path: a YouTube-VIS or COCO file, or a DAVIS folder.
        images: the folder that the file names in a file start from; None: IMAGES beside it.
        split: of a DAVIS folder, the list of its videos to take; None: every video.
        decode: decode every image to its end; otherwise only its header is read.
        progress: called with (frames done, frames in all).

    Raises:
        InputError: nothing readable there.
    """
    found = scan(path, images, split)
    faults = list(found.faults)
    turns = Turns()
    total = sum(len(video.frames) for video in found.videos.videos)
    for done, (video, t) in enumerate(_frames(found.videos), start=1):
        text = _frame_fault(video, t, turns, decode=decode)
        faults += [Fault(f"{video.name}, frame {t}", text)] if text else []
        if progress is not None:
            progress(done, total)
    return Report(
        str(path),
        statistics(found.videos),
        faults,
        [*found.notes, *turns.warnings()],
        found.imageless,
    )


def _frames(videos: VideoSet) -> Iterator[tuple[AnnotatedVideo, int]]:
    """Yield every frame of every video."""
    for video in videos.videos:
        for t in range(len(video.frames)):
            yield video, t


def _frame_fault(video: AnnotatedVideo, t: int, turns: Turns, *, decode: bool) -> str | None:
    """Return what is wrong with the image of a frame, if anything."""
    try:
        facts = look(video.frames[t], decode=False)
        if decode:
            video.image(t)
    except InputError as error:
        return str(error)
    turns.add(video.frames[t], facts, video.size)
    size = facts.stored if facts.keeps_stored(video.size) else facts.size
    if size != video.size:
        got, expected = (f"{side[1]}x{side[0]}" for side in (size, video.size))
        return f"'{video.frames[t]}' is {got} pixels, its annotations say {expected}"
    return None
