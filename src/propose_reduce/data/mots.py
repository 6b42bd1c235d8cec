"""MOTS Challenge and KITTI MOTS files: layouts, text files and 16-bit PNGs.

A line is ``frame id class height width rle``. A PNG holds 1000 x class + number in each pixel; the
value 10000, class 10, is an ignore region.
"""

import configparser
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from propose_reduce import rle
from propose_reduce.data.label_maps import read_labels
from propose_reduce.errors import InputError, cut
from propose_reduce.files import is_folder, read_text

CAR, PEDESTRIAN, IGNORE = 1, 2, 10
IDS_PER_CLASS = 1000
CATEGORIES = {CAR: "car", PEDESTRIAN: "pedestrian"}

TEXT_FOLDERS = ("label_02", "instances_txt")
"""Where KITTI MOTS keeps its text files, in TrackEval's layout and in its own."""

IMAGE_FOLDER = "instances"


class MotsMask(NamedTuple):
    """One mask of one object.

    Attributes:
        frame: the number that the file gives it.
        id: the object's id.
        category: the class; 10 is an ignore region.
        encoding: its pixels.
        area: how many these are.
        entry: how messages call it.
    """

    frame: int
    id: int
    category: int
    encoding: rle.Rle
    area: int
    entry: str


@dataclass(frozen=True, slots=True)
class MotsSequence:
    """One sequence of the truth.

    Attributes:
        name: what it is called.
        path: a text file, or a folder of PNGs.
        first: the number of its first frame.
        last: the number of its last frame; None where no file says.
    """

    name: str
    path: Path
    first: int = 0
    last: int | None = None


def challenge_sequences(folder: Path) -> list[MotsSequence]:
    """Return the sequences of a MOTS Challenge truth, whose frames count from 1."""
    found = []
    for path in sorted(folder.glob("*/gt")):
        place = path / "gt.txt" if (path / "gt.txt").is_file() else path
        if place.is_file() or any(path.glob("*.png")):
            information = path.parent / "seqinfo.ini"
            last = _sequence_length(information) if information.is_file() else None
            found.append(MotsSequence(path.parent.name, place, first=1, last=last))
    return found


def kitti_sequences(folder: Path) -> list[MotsSequence]:
    """Return the sequences of a KITTI MOTS truth, whose frames count from 0."""
    places = [folder / name for name in (*TEXT_FOLDERS, IMAGE_FOLDER)] + [folder]
    place = next((p for p in places if _sequence_paths(p)), None)
    if place is None:
        return []
    paths = _sequence_paths(place)
    maps = sorted({*folder.glob("*seqmap*"), *place.glob("*seqmap*")})
    if not maps:
        return [MotsSequence(name, path) for name, path in paths.items()]
    found = {}
    for file in maps:
        for name, last in _sequence_map(file).items():
            if name not in paths:
                raise InputError(f"'{file}' lists the sequence {cut(name)}, which '{place}' lacks")
            found[name] = MotsSequence(name, paths[name], last=last)
    return list(found.values())


def _sequence_paths(folder: Path) -> dict[str, Path]:
    """Return text files and folders of PNGs by the sequence's name."""
    if not is_folder(folder):
        return {}
    texts = {
        path.stem: path
        for path in sorted(folder.glob("*.txt"))
        if "seqmap" not in path.name and path.name != "labels.txt"
    }
    images = {path.parent.name: path.parent for path in folder.glob("*/*.png")}
    return texts or dict(sorted(images.items()))


def _sequence_length(path: Path) -> int:
    parser = configparser.ConfigParser()
    try:
        parser.read_string(read_text(path))
        return int(parser["Sequence"]["seqLength"])
    except (configparser.Error, KeyError, ValueError) as error:
        raise InputError(
            f"'{path}' does not say how long the sequence is: it needs seqLength below [Sequence]"
        ) from error


def _sequence_map(path: Path) -> dict[str, int]:
    """Return the number of each sequence's last frame."""
    lasts = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        try:
            name, _, _, last = words
            lasts[name] = int(last)
        except ValueError as error:
            raise InputError(
                f"'{path}', line {number}: expected 'SEQUENCE empty FIRST LAST', got '{line:.60}'"
            ) from error
    return lasts


def mots_masks(path: Path) -> list[MotsMask]:
    """Return the masks of one sequence, in the order of its text file or folder of PNGs.

    Raises:
        InputError: a line or picture with a fault.
    """
    return _masks_of_images(path) if path.is_dir() else _masks_of_text(path)


def _masks_of_text(path: Path) -> list[MotsMask]:
    rows, encodings = [], []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        entry = f"'{path}', line {number}"
        try:
            frame, id_, category, height, width = map(int, words[:5])
            (counts,) = words[5:]
            rle.check_mask_size(height, width)
        except ValueError as error:
            raise InputError(
                f"{entry}: expected 'frame id class height width rle', got '{line:.60}'"
            ) from error
        encodings.append(rle.Rle(size=[height, width], counts=counts))
        rows.append((frame, id_, category, entry))
    masks = []
    for row, encoding, area in zip(rows, encodings, rle.sound_areas(encodings), strict=True):
        frame, id_, category, entry = row
        if area < 0:
            height, width = encoding["size"]
            raise InputError(
                f"{entry}: its mask is damaged, the run lengths do not fill {height} x {width} "
                "pixels"
            )
        masks.append(MotsMask(frame, id_, category, encoding, int(area), entry))
    return masks


def _masks_of_images(folder: Path) -> list[MotsMask]:
    masks = []
    for path in sorted(folder.glob("*.png")):
        if not path.stem.isdecimal():
            raise InputError(f"'{path}': the name of a PNG must be the number of its frame")
        values = read_labels(path, deep=True)
        for value in map(int, np.unique(values)):
            if 0 < value < IDS_PER_CLASS:
                raise InputError(
                    f"'{path}' holds the value {value}: a pixel must be 0, or 1000 x class + number"
                )
            if value:
                here = values == value
                category, entry = value // IDS_PER_CLASS, f"'{path}', value {value}"
                masks.append(
                    MotsMask(
                        int(path.stem), value, category, rle.encode(here), int(here.sum()), entry
                    )
                )
    return masks
