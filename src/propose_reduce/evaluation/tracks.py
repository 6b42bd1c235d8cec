"""Ground truth and predictions in the YouTube-VIS form, read and checked.

Every fault is an ``InputError`` that names the entry and the field. What the official tool leaves
out without a word (predictions of categories that the ground truth does not list) is counted.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import PurePosixPath
from typing import Any

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.structures import Size

ONE_CATEGORY = 1
"""The id that stands for every category when they are evaluated as one."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One object through a video, in the truth or in a prediction.

    Attributes:
        entry: how messages call it, such as "prediction 17" (0-based index in the file).
        id: the annotation's id; of a prediction its index in the file.
        category: the category's id.
        segmentations: one encoding per frame, None where the object is absent.
        score: confidence of a prediction; 0 in the truth.
        crowd: truth only: a crowd, which any number of predictions may match without a penalty.
        areas: truth only: the file's own area per frame, pixels; these count, not the masks'.
    """

    entry: str
    id: int
    category: Hashable
    segmentations: tuple[rle.Rle | None, ...]
    score: float = 0.0
    crowd: bool = False
    areas: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """One video of the ground truth.

    Attributes:
        id: its id.
        name: its folder, or its id as text where no file names are given.
        size: (height, width) in pixels.
        num_frames: how many frames it has; 0 where the file does not say.
        frame_names: image files, relative to a folder the file does not name.
        truths: annotated tracks, in file order.
    """

    id: int
    name: str
    size: Size
    num_frames: int
    frame_names: tuple[str, ...]
    truths: tuple[Track, ...]


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """A ground-truth file.

    Attributes:
        categories: names by id, ascending.
        videos: videos by id, ascending.
    """

    categories: dict[int, str]
    videos: dict[int, Video]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """A list of predictions, sorted into the videos of a ground truth.

    Attributes:
        tracks: predictions by video id, in file order.
        unlisted: how many predictions were left out, by category the truth does not list.
        notes: what is odd about the list without being an error, one line each.
    """

    tracks: dict[int, tuple[Track, ...]]
    unlisted: dict[Hashable, int]
    notes: tuple[str, ...]


def read_ground_truth(document: Mapping[str, Any]) -> GroundTruth:
    """Return the checked content of a YouTube-VIS annotation file.

    Args:
        document: ``videos``, ``categories`` and ``annotations`` as in the file.

    Raises:
        InputError: a missing or wrong field, an id that is there twice, or an annotation of a
            video or category that is not listed; the message names the entry.
    """
    videos = entries_by_id(document, "videos")
    categories = entries_by_id(document, "categories")
    names = {id_: str(entry.get("name", id_)) for id_, entry in categories.items()}
    truths = defaultdict(list)
    for id_, annotation in entries_by_id(document, "annotations").items():
        entry = f"annotation {id_}"
        video = listed_id(annotation, "video_id", videos, entry)
        truths[video].append(
            Track(
                entry=entry,
                id=id_,
                category=listed_id(annotation, "category_id", categories, entry),
                segmentations=segmentations(annotation, _size(videos[video]), entry),
                crowd=flag(annotation, "iscrowd", entry),
                areas=areas(annotation, entry),
            )
        )
    return GroundTruth(
        categories=names,
        videos={
            id_: Video(
                id=id_,
                name=name_of(video),
                size=_size(video),
                num_frames=_num_frames(video),
                frame_names=_frame_names(video),
                truths=tuple(truths[id_]),
            )
            for id_, video in videos.items()
        },
    )


def name_of(video: Mapping[str, Any]) -> str:
    """Return what a video of an annotation file is called: its ``name``, or the frames' folder.

    A folder that only says what lies in it (``dog/JPEGImages/00000.jpg``) is passed over.
    """
    if "name" in video:
        return str(video["name"])
    names = _frame_names(video)
    folders = PurePosixPath(names[0]).parts[:-1] if names else ()
    telling = [part for part in folders if part not in {"JPEGImages", "images", "."}]
    return telling[-1] if telling else str(video.get("id"))


def read_predictions(
    predictions: Sequence[Mapping[str, Any]], truth: GroundTruth, *, agnostic: bool = False
) -> Predictions:
    """Return the checked predictions of a YouTube-VIS result file.

    Args:
        predictions: ``video_id``, ``category_id``, ``score``, ``segmentations`` each.
        truth: what they will be compared with.
        agnostic: keep the predictions of unlisted categories.

    Raises:
        InputError: a missing or wrong field, an unknown video, or a score that is not a number; the
            message names the prediction by its 0-based index in the list.
    """
    if not isinstance(predictions, Sequence) or isinstance(predictions, str | bytes):
        found = type(predictions).__name__
        raise InputError(f"the predictions must be a list, one entry per object, got a {found}")
    tracks: dict[int, list[Track]] = defaultdict(list)
    unlisted: Counter[Hashable] = Counter()
    odd: Counter[str] = Counter()
    for index, prediction in enumerate(predictions):
        entry = f"prediction {index}"
        video = truth.videos[listed_id(prediction, "video_id", truth.videos, entry)]
        track = Track(
            entry=entry,
            id=index,
            category=_category(prediction, entry),
            segmentations=segmentations(prediction, video.size, entry),
            score=score(prediction, entry),
        )
        if not agnostic and track.category not in truth.categories:
            unlisted[track.category] += 1
            continue
        tracks[video.id].append(track)
        odd["frames"] += len(track.segmentations) != video.num_frames > 0
        odd["size"] += any(m and tuple(m["size"]) != video.size for m in track.segmentations)
    return Predictions(
        tracks={id_: tuple(tracks.get(id_, ())) for id_ in truth.videos},
        unlisted=dict(unlisted),
        notes=tuple(_notes(unlisted, odd)),
    )


def _category(prediction: Any, where: str) -> Hashable:
    category = field(prediction, "category_id", where)
    if not isinstance(category, int | float | str):
        raise InputError(f"{where}: 'category_id' must be an id or a name, got {category!r:.40}")
    return category


def _notes(unlisted: Mapping[Hashable, int], odd: Mapping[str, int]) -> Iterable[str]:
    if unlisted:
        which = ", ".join(str(category) for category in unlisted)
        yield (
            f"predictions that do not count, because the ground truth does not list their "
            f"category ({which}): {sum(unlisted.values())}"
        )
    if odd["frames"]:
        yield (
            "predictions with more or fewer frames than their video, of which only the frames "
            f"that both have count: {odd['frames']}"
        )
    if odd["size"]:
        yield (
            "predictions with masks of another size than their video (a frame whose two masks "
            f"differ in size counts for nothing): {odd['size']}"
        )


KINDS = {"videos": "video", "categories": "category", "annotations": "annotation"}


def entries_by_id(document: Mapping[str, Any], part: str) -> dict[int, Mapping[str, Any]]:
    """Return the entries of a part of the file by id.

    Args:
        document: an annotation file.
        part: ``videos`` or ``categories``, which come in the order of their ids, or
            ``annotations``, whose own order counts.

    Raises:
        InputError: something is not a list of objects, or an id is missing or there twice.
    """
    if not isinstance(document, Mapping):
        wrong = type(document).__name__
        raise InputError(f"the ground truth must be an object with '{part}', got a {wrong}")
    kind = KINDS[part]
    found: dict[int, Mapping[str, Any]] = {}
    for index, entry in enumerate(list_field(document, part, "the ground truth")):
        where = f"{kind} number {index}"
        id_ = whole_number(entry, "id", where)
        if id_ in found:
            raise InputError(f"{where}: another {kind} has the id {id_} too; ids must differ")
        if kind == "annotation" and id_ == 0:
            raise InputError(f"{where}: its id is 0, which the official tool takes for none")
        found[id_] = entry
    return found if kind == "annotation" else dict(sorted(found.items()))


def _size(video: Mapping[str, Any]) -> Size:
    where = f"video {video['id']}"
    return positive(video, "height", where), positive(video, "width", where)


def _num_frames(video: Mapping[str, Any]) -> int:
    if video.get("length") is None:
        return len(_frame_names(video))
    return positive(video, "length", f"video {video['id']}")


def _frame_names(video: Mapping[str, Any]) -> tuple[str, ...]:
    where = f"video {video['id']}"
    names = list_field(video, "file_names", where) if video.get("file_names") else []
    if not all(isinstance(name, str) for name in names):
        raise InputError(f"{where}: 'file_names' must be a list of paths, got {names!r:.60}")
    return tuple(names)


def field(entry: Any, name: str, where: str) -> Any:
    """Return a field that must be there.

    Args:
        entry: what should be an object with fields.
        name: the field.
        where: how messages call the entry.
    """
    if not isinstance(entry, Mapping):
        raise InputError(f"{where} must be an object with fields, got {entry!r:.40}")
    if name not in entry:
        fields = ", ".join(map(str, entry)) or "no fields"
        raise InputError(f"{where}: '{name}' is missing; it has {fields}")
    return entry[name]


def list_field(entry: Any, name: str, where: str) -> list[Any]:
    """Return a field that must be a list."""
    value = field(entry, name, where)
    if not isinstance(value, list | tuple):
        raise InputError(f"{where}: '{name}' must be a list, got {value!r:.40}")
    return list(value)


def whole_number(entry: Any, name: str, where: str) -> int:
    """Return a field that must be a whole number."""
    value = field(entry, name, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{where}: '{name}' must be a whole number, got {value!r:.40}")
    return value


def positive(entry: Any, name: str, where: str) -> int:
    """Return a field that must be a whole number of at least 1."""
    value = whole_number(entry, name, where)
    if value < 1:
        raise InputError(f"{where}: '{name}' must be at least 1, got {value}")
    return value


def flag(entry: Any, name: str, where: str) -> bool:
    """Return a field that must be 0 or 1, as number or truth value."""
    value = field(entry, name, where)
    if not isinstance(value, int) or value not in (0, 1):
        raise InputError(f"{where}: '{name}' must be 0 or 1, got {value!r:.40}")
    return bool(value)


def listed_id(entry: Any, name: str, known: Mapping[int, Any], where: str) -> int:
    """Return a field that must be an id of the ground truth."""
    value = field(entry, name, where)
    if not isinstance(value, int) or value not in known:
        ids = ", ".join(str(id_) for id_ in list(known)[:5]) + (", ..." if len(known) > 5 else "")
        raise InputError(
            f"{where}: {name} {value!r:.40} is not in the ground truth ({ids or 'none'})"
        )
    return value


def score(prediction: Any, where: str) -> float:
    """Return the score, which must be a finite number."""
    value = field(prediction, "score", where)
    if not _is_number(value):
        raise InputError(f"{where}: its score must be a finite number, got {value!r:.40}")
    return float(value)


def areas(annotation: Any, where: str) -> tuple[float | None, ...]:
    """Return the areas in pixels, one per frame, None where the object is absent."""
    values = list_field(annotation, "areas", where)
    for frame, value in enumerate(values):
        if value is not None and not _is_number(value):
            raise InputError(
                f"{where}, frame {frame}: its area must be a number, got {value!r:.40}"
            )
    return tuple(values)


def _is_number(value: Any) -> bool:
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def segmentations(entry: Any, size: Size, where: str) -> tuple[rle.Rle | None, ...]:
    """Return compressed encodings, whatever form the file has them in, None where absent.

    Args:
        entry: an annotation or a prediction.
        size: (height, width) of the video, for polygons.
        where: how messages call the entry.
    """
    frames = list_field(entry, "segmentations", where)
    return tuple(
        _encoding(mask, size, where, frame) if mask else None for frame, mask in enumerate(frames)
    )


def _encoding(mask: Any, size: Size, where: str, frame: int) -> rle.Rle:
    try:
        if isinstance(mask, list):
            return _polygons(mask, size)
        height, width = mask["size"]
        counts = mask["counts"]
        if not isinstance(height, int) or not isinstance(width, int):
            raise TypeError("size")
        rle.check_size(height, width)
        if isinstance(counts, str):
            return mask
        if isinstance(counts, bytes):
            return {"size": [height, width], "counts": counts.decode()}
        return rle.from_counts(counts, height, width)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{where}, frame {frame}: its mask must be null, polygons or a run-length encoding "
            f"with 'size' and 'counts', got {mask!r:.60}"
        ) from error


def _polygons(rings: Sequence[Sequence[float]], size: Size) -> rle.Rle:
    # two corners: pycocotools takes four numbers for a box
    if any(len(ring) < 4 or len(ring) % 2 for ring in rings):
        raise ValueError("polygons")
    return rle.from_polygons(rings, *size)
