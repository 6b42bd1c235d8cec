"""Annotations of other formats recognised, so that a command can name the way out."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from propose_reduce.errors import InputError
from propose_reduce.files import is_folder, read_bytes, read_json

ENOUGH = 10_000
"""Entries of a list that are looked at: formats show at the beginning of their files."""


def check_own(document: object, path: Path | None = None) -> None:
    """Raise InputError for the content of a JSON file of a known format of other tools.

    The message names the format and the command that makes YouTube-VIS data of it.

    Args:
        document: the content.
        path: of the file, where it is known.
    """
    kind = _kind(document)
    if kind is not None:
        raise _told(kind, path)


def read_document(path: Path) -> Any:
    """Return the content of a JSON file that is of no known format of other tools.

    Raises:
        InputError: it is of one, which the message names, or it cannot be read.
    """
    if path.is_file() and b"<annotations" in read_bytes(path)[:2000]:
        raise _told("cvat", path)
    document = read_json(path)
    check_own(document, path)
    return document


def check_own_folder(path: Path) -> None:
    """Raise InputError for a folder of a known format of other tools; see :func:`check_own`."""
    kind = None
    if (path / "meta.json").is_file() and is_folder(path / "Annotations"):
        kind = "youtube-vos"
    elif any(is_folder(path / name) for name in ("label_02", "instances_txt")):
        kind = "kitti-mots"
    elif next(path.glob("*/gt/gt.txt"), None):
        kind = "mots"
    elif is_folder(path / "labels") and next(path.glob("*.yaml"), None):
        kind = "yolo-seg"
    if kind is not None:
        raise _told(kind, path)


KINDS = {
    "coco": "a COCO image file with tracks",
    "cvat": "an XML file of CVAT",
    "kitti-mots": "a folder of KITTI MOTS",
    "labelme": "a file of labelme",
    "mots": "a folder of MOTS Challenge",
    "sa-v": "a file of SA-V",
    "scalabel": "a file of Scalabel or BDD100K",
    "yolo-seg": "a folder of YOLO",
    "youtube-vos": "of YouTube-VOS",
}
"""What messages call each format."""


def _told(kind: str, path: Path | None) -> InputError:
    place = path
    if path is not None and kind in {"labelme", "youtube-vos"} and path.is_file():
        place = path.parent
    return InputError(
        f"{'this' if path is None else repr(str(path))} is {KINDS[kind]}: "
        f"'propose-reduce data import {place or 'FILE'} --format {kind} -o DIR' makes annotations "
        "of it"
    )


def _kind(document: object) -> str | None:
    """Return the format's name; None for one of ours, COCO without tracks, or what is unknown."""
    if isinstance(document, list):
        return "scalabel" if _is_scalabel(document) else None
    if not isinstance(document, Mapping):
        return None
    if "images" in document and _has_tracks(document.get("annotations")):
        return "coco"
    if "masklet" in document:
        return "sa-v"
    if "shapes" in document and "imagePath" in document:
        return "labelme"
    videos = document.get("videos")
    if isinstance(videos, Mapping):
        entries = islice(videos.values(), ENOUGH)
        return "youtube-vos" if any("objects" in e for e in entries if _is_object(e)) else None
    return "scalabel" if _is_scalabel(document.get("frames")) else None


def _is_object(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_scalabel(frames: Any) -> bool:
    return isinstance(frames, list) and any(
        isinstance(frame, Mapping) and "name" in frame and ("labels" in frame)
        for frame in frames[:ENOUGH]
    )


def _has_tracks(annotations: Any) -> bool:
    """Return whether an object is on two images."""
    images: dict[Any, set[Any]] = defaultdict(set)
    for entry in annotations if isinstance(annotations, list) else []:
        if not isinstance(entry, Mapping):
            continue
        marks = entry.get("attributes")
        inside = marks.get("track_id") if isinstance(marks, Mapping) else None
        track, image = entry.get("track_id", inside), entry.get("image_id")
        if isinstance(track, int | str) and isinstance(image, int | str):
            images[track].add(image)
            if len(images[track]) > 1:
                return True
    return False
