"""CVAT's XML for videos and YOLO's segmentation labels."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import yaml

from propose_reduce import rle
from propose_reduce.data.faults import check_length
from propose_reduce.data.imports.videos import (
    BOXES,
    ForeignVideo,
    Reading,
    TrackMasks,
    objects_of,
    sound_mask,
)
from propose_reduce.errors import InputError, cut
from propose_reduce.files import natural_order, read_bytes, read_text
from propose_reduce.structures import Size


def read_cvat(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield the one video of a file in CVAT's XML 1.1 for videos: tracks of polygons and masks.

    Raises:
        InputError: it is no such file, or a track has a fault.
    """
    content = read_bytes(reading.path)
    try:
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise InputError(f"'{reading.path}' defines entities, which CVAT's files do not")
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(f"'{reading.path}' is no sound XML: {error}") from error
    about = root.find("meta/task")
    about = root.find("meta/job") if about is None else about
    if root.tag != "annotations" or about is None:
        raise InputError(
            f"'{reading.path}' is not 'CVAT for video 1.1' of one task: export each task alone"
        )
    if root.find("image") is not None:
        raise InputError(
            f"'{reading.path}' is 'CVAT for images', which has no tracks: export the task as "
            "'CVAT for video 1.1'"
        )
    size = (_number(about, "original_size/height"), _number(about, "original_size/width"))
    rle.check_mask_size(*size)
    frames = _number(about, "size")
    check_length(frames)
    tracks: dict[int | str, TrackMasks] = {}
    for place, track in enumerate(root.iter("track")):
        where = f"'{reading.path}': track {track.get('id', place)}"
        masks = TrackMasks(track.get("label") or reading.category)
        for shape in track:
            if shape.get("outside") == "1":
                continue
            frame = shape.get("frame") or ""
            if not (frame.isdecimal() and int(frame) < frames):
                raise InputError(f"{where}: no frame {cut(frame)}: there are {frames}")
            if shape.tag in {"polygon", "mask"}:
                masks.add(int(frame), _cvat_mask(shape, size, where))
            else:
                reading.notes.add(BOXES, where)
        number = track.get("id") or ""
        tracks[int(number) if number.isdecimal() else f"track {place}"] = masks
    name = (about.findtext("name") or "").strip() or reading.path.stem
    yield ForeignVideo(name, size, tuple(map(str, range(frames))), objects_of(tracks))


def _number(element: ElementTree.Element, path: str) -> int:
    text = (element.findtext(path) or "").strip()
    if not text.isdecimal() or len(text) > 9:
        raise InputError(f"CVAT's XML needs a whole number in meta/task/{path}, got {cut(text)}")
    return int(text)


def _cvat_mask(shape: ElementTree.Element, size: Size, place: str) -> rle.Rle | None:
    """Return a polygon, or run lengths, row by row, inside a box."""
    try:
        if shape.tag == "polygon":
            text = (shape.get("points") or "").replace(";", ",")
            return sound_mask([[float(number) for number in text.split(",")]], size, place)
        left, top, wide, high = (
            int(float(shape.get(side) or "")) for side in ("left", "top", "width", "height")
        )
        rle.check_mask_size(high, wide)
        # run lengths go down the columns: those of rows are the ones of the transposed mask
        runs = [int(number) for number in (shape.get("rle") or "").split(",")]
        inside = rle.decode(rle.from_counts(runs, wide, high)).T
    except ValueError as error:  # InputError too
        raise InputError(f"{place}: {error}") from error
    if min(left, top) < 0 or left + wide > size[1] or top + high > size[0]:
        raise InputError(f"{place}: a mask reaches out of the frame")
    whole = np.zeros(size, dtype=bool)
    whole[top : top + high, left : left + wide] = inside
    return rle.encode(whole) if whole.any() else None


def read_yolo(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield each picture of a YOLO data set as a video of one frame: the form has no identities.

    Raises:
        InputError: no labels there, a line with a fault, or no pictures, whose sides the
            coordinates are shares of.
    """
    root = reading.path if reading.path.is_dir() else reading.path.parent
    names = _yolo_names(root, reading.path)
    top = root / "labels" if (root / "labels").is_dir() else root
    files = [file for file in top.rglob("*.txt") if file.name != "classes.txt"]
    if not files:
        raise InputError(f"'{root}' has no labels/*.txt")
    folders: dict[Path, list[Path]] = defaultdict(list)
    for file in sorted(files, key=natural_order):
        folders[file.parent].append(file)
    for folder, group in folders.items():
        inside = folder.relative_to(top)
        stems = [str(inside / file.stem) for file in group]
        found = reading.find(root.resolve().name, stems)
        if found is None:
            raise InputError(
                f"'{folder}' has polygons in shares of pictures that are not there: give these by "
                "--images"
            )
        for t, (file, stem) in enumerate(zip(group, stems, strict=True)):
            size = found.size(t)
            objects = objects_of(_yolo_objects(file, size, names))
            yield ForeignVideo(stem, size, (stem,), objects, found.only(t))


def _yolo_names(root: Path, given: Path) -> Mapping[int, str]:
    """Return categories by number, from ``data.yaml`` or ``classes.txt``."""
    files = [given] if given.suffix in {".yaml", ".yml"} else []
    for file in [*files, *sorted(root.glob("*.y*ml"))]:
        try:
            names = (yaml.safe_load(read_text(file)) or {}).get("names")
        except (yaml.YAMLError, AttributeError) as error:
            raise InputError(f"'{file}' is no YAML with 'names'") from error
        if isinstance(names, list):
            return dict(enumerate(map(str, names)))
        if isinstance(names, dict) and all(isinstance(number, int) for number in names):
            return {number: str(name) for number, name in names.items()}
    listed = next((f for f in (root / "classes.txt", root / "labels/classes.txt") if f.is_file()),
                  None)  # fmt: skip
    return {} if listed is None else dict(enumerate(read_text(listed).splitlines()))


def _yolo_objects(file: Path, size: Size, names: Mapping[int, str]) -> dict[int, TrackMasks]:
    objects = {}
    text = read_text(file) if file.stat().st_size else ""
    for number, line in enumerate(text.splitlines(), start=1):
        words, place = line.split(), f"'{file}', line {number}"
        if not words:
            continue
        try:
            label, shares = int(words[0]), np.array(words[1:], dtype=float)
        except ValueError as error:
            raise InputError(f"{place}: expected 'class x y x y ..', got '{line:.60}'") from error
        if len(shares) % 2 or len(shares) < 6:
            raise InputError(
                f"{place}: expected a polygon of three or more points, got {len(shares)} numbers "
                "(boxes are no masks)"
            )
        corners = shares.reshape(-1, 2) * (size[1], size[0])
        track = TrackMasks(names.get(label, f"class {label}"))
        track.add(0, sound_mask([corners.ravel().tolist()], size, place))
        objects[number] = track
    return objects
