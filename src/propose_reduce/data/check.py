"""Checking a whole data set: everything it holds, and every fault with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from propose_reduce.data.coco import scan_coco
from propose_reduce.data.davis import scan_davis
from propose_reduce.data.faults import Fault, Scan, load_json
from propose_reduce.data.statistics import Statistics, statistics
from propose_reduce.data.turns import Turns
from propose_reduce.data.videos import AnnotatedVideo, VideoSet
from propose_reduce.data.youtube_vis import scan_youtube_vis
from propose_reduce.errors import InputError, printable
from propose_reduce.images import look

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
        return scan_davis(path, split)
    folder = path.parent / IMAGES if images is None else images
    if path.exists() and not folder.is_dir():
        raise InputError(f"the images' folder '{folder}' is not a folder: give it by --images DIR")
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
