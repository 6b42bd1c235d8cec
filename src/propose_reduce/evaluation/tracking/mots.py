"""MOTS Challenge and KITTI MOTS: text files and 16-bit PNGs, with ignore regions.

A line is ``frame id class height width rle``. A PNG holds 1000 x class + number in each pixel; the
value 10000, class 10, is an ignore region.
"""

import configparser
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from propose_reduce import rle
from propose_reduce.data.faults import check_length
from propose_reduce.data.label_maps import read_labels
from propose_reduce.errors import InputError, cut
from propose_reduce.evaluation.tracking.videos import TrackedVideo, TrackedVideos
from propose_reduce.evaluation.tracks import Track
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


def is_mots(folder: Path) -> bool:
    """Return whether a folder is laid out as a MOTS truth."""
    return bool(_challenge(folder) or _kitti(folder))


def load_mots(truth: Path, predictions: Path) -> TrackedVideos:
    """Return truth and predictions of MOTS Challenge or KITTI MOTS.

    Args:
        truth: ``SEQ/gt/gt.txt`` with ``SEQ/seqinfo.ini``; or ``label_02/SEQ.txt``,
            ``instances_txt/SEQ.txt``, ``instances/SEQ/000000.png``, or these without the folder,
            with a ``*seqmap*`` beside them that says how long each sequence is.
        predictions: ``SEQ.txt``, a folder of PNGs ``SEQ``, or what ``export --format mots`` fills,
            straight or below ``data``.

    Raises:
        InputError: a sequence without predictions, a line or PNG with a fault, frames beyond the
            sequence's end, masks of one frame that overlap, or an id that is on a frame twice.
    """
    sequences = _challenge(truth)
    categories = {PEDESTRIAN: CATEGORIES[PEDESTRIAN]} if sequences else CATEGORIES
    sequences = sequences or _kitti(truth)
    if not sequences:
        raise InputError(f"'{truth}' holds no MOTS truth: neither SEQ/gt/gt.txt nor SEQ.txt")
    if not is_folder(predictions):
        raise InputError(f"'{predictions}' is not a folder: give one with SEQ.txt per sequence")
    if (predictions / "data").is_dir():
        predictions /= "data"
    return TrackedVideos(
        categories=categories,
        videos=tuple(_video(sequence, predictions, categories) for sequence in sequences),
    )


def _challenge(folder: Path) -> list[MotsSequence]:
    """Return the sequences of a MOTS Challenge truth, whose frames count from 1."""
    found = []
    for path in sorted(folder.glob("*/gt")):
        place = path / "gt.txt" if (path / "gt.txt").is_file() else path
        if place.is_file() or any(path.glob("*.png")):
            information = path.parent / "seqinfo.ini"
            last = _sequence_length(information) if information.is_file() else None
            found.append(MotsSequence(path.parent.name, place, first=1, last=last))
    return found


def _kitti(folder: Path) -> list[MotsSequence]:
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
    texts = {path.stem: path for path in sorted(folder.glob("*.txt")) if "seqmap" not in path.name}
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


def _video(
    sequence: MotsSequence, predictions: Path, categories: Mapping[int, str]
) -> TrackedVideo:
    truth = _masks_of_file(sequence.path)
    found = _masks_of_file(_predictions(predictions, sequence.name))
    last = sequence.last
    if last is None:
        last = max((mask.frame for mask in (*truth, *found)), default=sequence.first)
    check_length(last + 1)
    for masks in (truth, found):
        _check_masks(masks, sequence.first, last)
    return TrackedVideo(
        id=sequence.name,
        name=sequence.name,
        num_frames=last + 1,  # from 0, so that a frame's number is its place
        truths=_tracks(truth, categories, last + 1),
        predictions=_tracks(found, categories, last + 1),
        ignored=_regions(truth, last + 1),
    )


def _predictions(folder: Path, name: str) -> Path:
    """Return the text file or the folder of PNGs of one sequence."""
    inside = folder / name  # what an export to MOTS fills
    for path in (folder / f"{name}.txt", inside / f"{name}.txt", inside / IMAGE_FOLDER, inside):
        if path.is_file() or any(path.glob("*.png")):
            return path
    raise InputError(
        f"'{folder / name}.txt' is missing: every sequence needs its predictions, an empty file if "
        "there are none"
    )


def _masks_of_file(path: Path) -> list[MotsMask]:
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


def _check_masks(masks: Sequence[MotsMask], first: int, last: int) -> None:
    """Raise InputError for what TrackEval stops at too."""
    frames = defaultdict(list)
    for mask in masks:
        if not first <= mask.frame <= last:
            raise InputError(
                f"{mask.entry}: frame {mask.frame} is outside of the sequence, whose frames are "
                f"{first} to {last}"
            )
        frames[mask.frame].append(mask)
    for frame, present in frames.items():
        sizes = {tuple(mask.encoding["size"]) for mask in present}
        if len(sizes) > 1:
            raise InputError(f"{present[0].entry}: the masks of frame {frame} differ in size")
        joint = rle.area(rle.union([mask.encoding for mask in present]))
        if joint < sum(mask.area for mask in present):
            raise InputError(
                f"{present[0].entry}: masks of frame {frame} overlap, which MOTS does not allow"
            )


def _tracks(
    masks: Iterable[MotsMask], categories: Mapping[int, str], num_frames: int
) -> tuple[Track, ...]:
    """Return the tracks of the categories that count, in the order of their first masks."""
    places: dict[tuple[int, int], list[rle.Rle | None]] = {}
    entries: dict[tuple[int, int], str] = {}
    for mask in masks:
        if mask.category not in categories:
            continue
        key = mask.category, mask.id
        frames = places.setdefault(key, [None] * num_frames)
        entries.setdefault(key, mask.entry)
        if frames[mask.frame] is not None:
            raise InputError(f"{mask.entry}: id {mask.id} is on frame {mask.frame} twice")
        frames[mask.frame] = mask.encoding
    return tuple(
        Track(entry=entries[key], id=key[1], category=key[0], segmentations=tuple(frames))
        for key, frames in places.items()
    )


def _regions(truth: Iterable[MotsMask], num_frames: int) -> tuple[rle.Rle | None, ...]:
    regions: dict[int, list[rle.Rle]] = defaultdict(list)
    for mask in truth:
        if mask.category == IGNORE:
            regions[mask.frame].append(mask.encoding)
    if not regions:
        return ()
    return tuple(
        rle.union(regions[frame]) if frame in regions else None for frame in range(num_frames)
    )
