"""Label maps: images whose values are the objects' numbers, 0 the background.

Most lie in a folder with one file for each frame, called as the frame is.
"""

from collections.abc import Container
from pathlib import Path

import numpy as np

from propose_reduce.errors import InputError
from propose_reduce.images import read_values

VOID = 255
"""The value of pixels that are neither right nor wrong (DAVIS); in maps of 8 bits alone."""

LABEL_MODES = {"P", "L", "1"}
"""Pillow's names of palette, grey, and black and white."""

DEEP_MODES = {"I", "I;16", "I;16B", "I;16L", "I;16N"}
"""Its names of grey of more than 8 bits."""

MAP_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
"""Of files that are taken for label maps."""

MOST_OBJECTS = 2000
"""A label map with more values is a picture: one mask of each would fill the memory."""

MOTS_PER_CLASS, MOTS_IGNORED = 1000, 10
"""An object's number in the 16-bit maps of MOTS is class x 1000 + instance; class 10 is a region
that is not annotated."""


def read_labels(path: Path, *, binary: bool = False, deep: bool = False) -> np.ndarray:
    """Return a label map (H, W), uint8: the palette indices or grey values of an image.

    Args:
        path: the file.
        binary: take a grey image of 0 and 255 alone for a mask of object 1, as DAVIS 2016 writes
            them. The evaluation does not, for to the tool of DAVIS 2017 it is void.
        deep: take maps of more than 8 bits too, as int64.

    Raises:
        InputError: the file cannot be read, is a colour image, or has values below 0 or, unless
            they are asked for, more than 8 bits.
    """
    values, mode = read_values(path)
    if deep and mode in DEEP_MODES:
        if values.size and values.min() < 0:
            raise InputError(f"'{path}' has the label {values.min()}: labels are 0 or more")
        return values.astype(np.int64)
    if mode not in LABEL_MODES:
        bits = ", or 16-bit ones" if deep else ""
        raise InputError(
            f"'{path}' is an image of mode {mode}: write labels as palette indices or "
            f"8-bit grey values{bits}"
        )
    labels = values.astype(np.uint8)
    if binary and mode == "L" and np.isin(labels, (0, VOID)).all():
        return (labels > 0).astype(np.uint8)
    return labels


def object_numbers(content: np.ndarray, path: Path) -> np.ndarray:
    """Return the numbers of the objects in a label map: int64, rising.

    Void and what MOTS leaves out are no objects.

    Args:
        content: the map.
        path: where it comes from, for the message.

    Raises:
        InputError: so many that it is a picture.
    """
    void = [0, VOID] if content.dtype == np.uint8 else [0]
    numbers = np.setdiff1d(content, void).astype(np.int64)
    classes = set((numbers // MOTS_PER_CLASS).tolist())
    if MOTS_IGNORED in classes and classes <= {1, 2, MOTS_IGNORED}:
        numbers = numbers[numbers // MOTS_PER_CLASS != MOTS_IGNORED]
    if len(numbers) > MOST_OBJECTS:
        raise InputError(
            f"'{path}' has {len(numbers)} values: in a label map each is an object, and more than "
            f"{MOST_OBJECTS} cannot be; is it a picture?"
        )
    return numbers


def frame_files(folder: Path, suffixes: Container[str] = MAP_SUFFIXES) -> list[Path]:
    """Return the files of a folder that may be those of frames, in order of their names."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


class FrameNames:
    """Which frame of a video a name means.

    Attributes:
        names: of the frames; empty where they are not known.
        counted: whether a number was taken for a place, because frames have other names.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.counted = False
        self._by_name = {name: index for index, name in enumerate(names)}
        numbers = [int(name) if name.isdecimal() else -1 for name in names]
        plain = len(set(numbers)) == len(numbers) and min(numbers, default=-1) >= 0
        self._by_number = {n: index for index, n in enumerate(numbers)} if plain else None

    def index(self, name: str) -> int | None:
        """Return the index of the frame that a name or number means; None where there is none."""
        if name in self._by_name:
            return self._by_name[name]
        if not name.isdecimal() or len(name) > 18:
            return None
        number = int(name)
        if not self.names:
            return number
        if self._by_number is not None:
            return self._by_number.get(number)
        if number < len(self.names):
            self.counted = True
            return number
        return None

    def holds(self, length: int) -> bool:
        """Tell whether so many frames counted from 0 hold all of these, by their numbers."""
        return not self.names or (self._by_number is not None and max(self._by_number) < length)

    def name(self, index: int) -> str:
        """Return what a frame is called."""
        return self.names[index] if self.names else str(index)
