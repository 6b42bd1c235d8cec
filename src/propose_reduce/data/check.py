"""Checking a whole data set: everything it holds, and every fault with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from rich.console import Group, RenderableType
from rich.text import Text

from propose_reduce.data.coco import scan_coco
from propose_reduce.data.davis import scan_davis
from propose_reduce.data.faults import Fault, Scan, load_json
from propose_reduce.data.statistics import Statistics, statistics
from propose_reduce.data.videos import AnnotatedVideo, VideoSet
from propose_reduce.data.youtube_vis import scan_youtube_vis
from propose_reduce.errors import InputError
from propose_reduce.files import IMAGE_FAULTS

IMAGES = "JPEGImages"  # beside the file, as YouTube-VIS has it
SHOWN = 200  # faults that are printed; more of them scroll the table away


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What a data set holds and what is wrong with it.

    Attributes:
        name: of the data set.
        statistics: of what could be read.
        faults: in the order of the files.
    """

    name: str
    statistics: Statistics
    faults: list[Fault]

    def show(self) -> RenderableType:
        """Return the tables and the list of faults, for a rich console."""
        parts: list[RenderableType] = [
            Text(self.name, style="bold"),
            self.statistics.table(),
            Text(),
            self.statistics.category_table(),
            Text(),
            Text(self.verdict(), style="bold red" if self.faults else "green"),
        ]
        parts += [Text(f"  {fault}") for fault in self.faults[:SHOWN]]
        if len(self.faults) > SHOWN:
            parts.append(Text(f"  and {len(self.faults) - SHOWN} more"))
        return Group(*parts)

    def verdict(self) -> str:
        """Return one line: how many faults there are."""
        count = len(self.faults)
        return f"{count} fault{'s' * (count != 1)}" if count else "no faults"


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
        return scan_davis(path, split)
    folder = path.parent / IMAGES if images is None else images
    if path.exists() and not folder.is_dir():
        raise InputError(f"the images' folder '{folder}' is no folder: give it by --images DIR")
    data = load_json(path)
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
    total = sum(len(video.frames) for video in found.videos.videos)
    for done, fault in enumerate(_frame_faults(found.videos, decode=decode), start=1):
        faults += [fault] if fault else []
        if progress is not None:
            progress(done, total)
    return Report(str(path), statistics(found.videos), faults)


def _frame_faults(videos: VideoSet, *, decode: bool) -> Iterator[Fault | None]:
    """Yield the fault of every frame of every video, or None."""
    for video in videos.videos:
        for t in range(len(video.frames)):
            text = _decoded_fault(video, t) if decode else _header_fault(video, t)
            yield Fault(f"{video.name}, frame {t}", text) if text else None


def _decoded_fault(video: AnnotatedVideo, t: int) -> str | None:
    try:
        video.image(t)
    except InputError as error:
        return str(error)
    return None


def _header_fault(video: AnnotatedVideo, t: int) -> str | None:
    path = video.frames[t]
    try:
        with Image.open(path) as image:
            size = (image.height, image.width)
    except IMAGE_FAULTS:
        return f"'{path}' is missing, no image or damaged"
    if size != video.size:
        got, expected = (f"{side[1]}x{side[0]}" for side in (size, video.size))
        return f"'{path}' is {got} pixels, its annotations say {expected}"
    return None
