"""Pictures that an EXIF tag turns: whether masks were drawn on them as stored or as shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from propose_reduce.data.davis import first_pictures
from propose_reduce.data.faults import file_fault
from propose_reduce.errors import InputError
from propose_reduce.images import ImageFacts, look
from propose_reduce.structures import Size

NAMED = 5
"""Files that a warning names."""

LOOKED_AT = 2000
"""First pictures of videos that are looked at where evaluating needs none of them."""


class Turns:
    """Images whose EXIF tag asks for a turn, by what was made of it."""

    def __init__(self) -> None:
        self._stored: list[Path] = []
        self._doubtful: list[Path] = []

    def add(self, path: Path, facts: ImageFacts, annotated: Size) -> None:
        """Note an image."""
        if facts.keeps_stored(annotated):
            self._stored.append(path)
        elif facts.turned and facts.stored == annotated:
            self._doubtful.append(path)

    def warnings(self) -> Iterator[str]:
        """Yield what to say of them."""
        if self._stored:
            yield (
                f"{_few(self._stored)}: masks lie on the pixels as stored, which their EXIF tag "
                "turns by a quarter: 'train' reads them unturned, 'predict' turns them, and its "
                "masks do not fit; take the tag out of these files"
            )
        if self._doubtful:
            yield (
                f"{_few(self._doubtful)}: the EXIF tag turns or mirrors the picture and keeps "
                "its size: masks are taken to lie on the picture as shown; if they were drawn on "
                "the pixels as stored, take the tag out of these files"
            )


def _few(paths: list[Path]) -> str:
    """Return the first few paths and how many more there are."""
    names = ", ".join(f"'{path}'" for path in paths[:NAMED])
    more = len(paths) - NAMED
    return f"{names} and {more} more" if more > 0 else names


def turned_truth(pictures: Iterable[tuple[Path, Size]]) -> list[str]:
    """Return what to say of the pictures of a truth, without decoding them; often nothing.

    Args:
        pictures: files with the (height, width) of their masks; those that are missing or damaged
            are passed over, and so are those after the first ``LOOKED_AT``.
    """
    turns = Turns()
    for path, size in islice(pictures, LOOKED_AT):
        try:
            turns.add(path, look(path, decode=False), size)
        except InputError:
            continue
    return list(turns.warnings())


def pictures_of_videos(document: Mapping[str, Any], images: Path) -> Iterator[tuple[Path, Size]]:
    """Yield the first picture of each video of a sound YouTube-VIS file, and its masks' size."""
    for video in document["videos"] if images.is_dir() else ():
        name = str((video.get("file_names") or [""])[0]).replace("\\", "/")
        if name and file_fault("", name) is None:
            yield images / name, (int(video["height"]), int(video["width"]))


def pictures_of_davis(root: Path) -> Iterator[tuple[Path, Size]]:
    """Yield the first picture of each sequence of a DAVIS root; none where there is no root."""
    for picture, labels in first_pictures(root):
        try:
            yield picture, look(labels, decode=False).size
        except InputError:
            continue
