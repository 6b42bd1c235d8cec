"""Ground truth and predictions in the YouTube-VIS form, ready to be compared.

Every fault is an ``InputError`` that names the entry and the field. What the official tool leaves
out without a word (predictions of categories that the ground truth does not list) is counted.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from propose_reduce import rle
from propose_reduce.data.faults import (
    Fault,
    Notes,
    Placed,
    Record,
    WholeNumber,
    check_sound,
    entries,
)
from propose_reduce.data.segmentations import TrackMasks, read_tracks
from propose_reduce.data.youtube_vis import Annotations, ObjectEntry, scan_annotations
from propose_reduce.errors import InputError, cut
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
        empty: frames on which the file has a mask without a pixel, None above.
        mask_areas: int64 (T,), pixels of the masks, 0 where it is absent; None: not counted yet.
    """

    entry: str
    id: int
    category: Hashable
    segmentations: tuple[rle.Rle | None, ...]
    score: float = 0.0
    crowd: bool = False
    areas: tuple[float | None, ...] = ()
    mask_areas: np.ndarray | None = None
    empty: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TruthVideo:
    """One video of the ground truth.

    Attributes:
        id: its id.
        name: its folder, or its id as text where no file names are given.
        size: (height, width) in pixels.
        num_frames: how many frames it has.
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
        notes: what is odd about the file without being an error, one line each.
    """

    categories: dict[int, str]
    videos: dict[int, TruthVideo]
    notes: tuple[str, ...] = ()


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


NO_TRUTH = (
    "the annotations have no objects to compare with ('annotations' is missing or null), as in the "
    "public validation and test sets: predictions for those are judged by the challenge's server"
)


NO_OBJECTS = "the annotations list no object, so that no number is defined"


def read_ground_truth(document: Mapping[str, Any]) -> GroundTruth:
    """Return the checked content of a YouTube-VIS annotation file.

    Args:
        document: ``videos``, ``categories`` and ``annotations`` as in the file.

    Raises:
        InputError: a missing or wrong field, an id that is there twice, an annotation of a video or
            category that is not listed, or no ``annotations`` at all; the message names the entry.
    """
    found = scan_annotations(document)
    check_sound(found.faults, "ground truth: ")
    if not found.has_truth:
        raise InputError(NO_TRUTH)
    return ground_truth(found)


def ground_truth(annotations: Annotations) -> GroundTruth:
    """Return sound annotations as the evaluation has them."""
    return GroundTruth(
        categories=annotations.categories,
        videos={
            number: TruthVideo(
                id=number,
                name=video.name,
                size=video.size,
                num_frames=video.num_frames,
                frame_names=video.file_names,
                truths=tuple(map(_truth, annotations.objects[number])),
            )
            for number, video in sorted(annotations.videos.items())
        },
        notes=(*annotations.notes, *([] if any(annotations.objects.values()) else [NO_OBJECTS])),
    )


def _truth(entry: ObjectEntry) -> Track:
    return Track(
        entry=f"annotation {entry.id}",
        id=entry.id,
        category=entry.category,
        segmentations=entry.masks.segmentations,
        crowd=entry.crowd,
        areas=entry.areas,
        mask_areas=entry.masks.areas,
        empty=entry.masks.empty,
    )


def _category(value: Any) -> int | float | str:
    """Return an id, or a name that may stand for one."""
    if isinstance(value, str):
        return int(value) if value.isdecimal() and len(value) < 19 else value[:1000]
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer):
        raise ValueError("must be an id or a name")
    number = float(value) if isinstance(value, float) else int(value)
    return int(number) if number % 1 == 0 else number


def _score(value: Any) -> float:
    """Return a score; text is none, as for the official tool."""
    if isinstance(value, bool | str | bytes):
        raise ValueError("must be a finite number")
    try:
        return float(value)
    except (TypeError, OverflowError) as error:
        raise ValueError("must be a finite number") from error


class _Prediction(Record):
    video_id: WholeNumber
    category_id: Annotated[int | float | str, BeforeValidator(_category)]
    score: Annotated[float, BeforeValidator(_score)]
    segmentations: list[Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Oddities:
    """What is strange about predictions: how many, by kind."""

    unlisted: Counter[Hashable] = field(default_factory=Counter)
    listed: Counter[Hashable] = field(default_factory=Counter)
    frames: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


def read_predictions(
    predictions: Sequence[Mapping[str, Any]], truth: GroundTruth, *, agnostic: bool = False
) -> Predictions:
    """Return the checked predictions of a YouTube-VIS result file.

    A category may be given by its name, and ids as text.

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
    faults, notes = list[Fault](), Notes()
    read = entries(_Prediction, {"predictions": predictions}, "predictions", faults)
    for place, prediction in read:
        if prediction.video_id not in truth.videos:
            known = ", ".join(map(str, list(truth.videos)[:5])) + ", .." * (len(truth.videos) > 5)
            text = f"{prediction.video_id} is not in the ground truth ({known or 'none'})"
            faults.append(Fault(place.at("video_id"), text))
    read = [entry for entry in read if entry[1].video_id in truth.videos]
    sized = [(place, p.segmentations, truth.videos[p.video_id].size) for place, p in read]
    masks = read_tracks(sized, faults, notes, any_size=True)
    check_sound(faults, lister="")
    names = {name: number for number, name in truth.categories.items()}
    odd, tracks = _Oddities(), defaultdict[int, list[Track]](list)
    for (place, prediction), shape in zip(read, masks, strict=True):
        video = truth.videos[prediction.video_id]
        track = _predicted(place, prediction, shape, names)
        if track.category in truth.categories:
            odd.listed[track.category] += 1
        elif not agnostic:
            odd.unlisted[track.category] += 1
            continue
        tracks[video.id].append(track)
        if len(track.segmentations) != video.num_frames:
            odd.frames.append(track.id)
        if not any(track.segmentations):
            odd.empty.append(track.id)
        if any(m and tuple(m["size"]) != video.size for m in track.segmentations):
            odd.sizes.append(track.id)
    return Predictions(
        tracks={id_: tuple(tracks.get(id_, ())) for id_ in truth.videos},
        unlisted=dict(odd.unlisted),
        notes=(*_notes(odd, truth), *notes.lines()),
    )


def _predicted(
    place: Placed, prediction: _Prediction, masks: TrackMasks, names: Mapping[str, int]
) -> Track:
    category = prediction.category_id
    return Track(
        entry=f"prediction {place.index}",
        id=place.index,
        category=names.get(category, category) if isinstance(category, str) else category,
        segmentations=masks.segmentations,
        score=prediction.score,
        mask_areas=masks.areas,
        empty=masks.empty,
    )


def _notes(odd: _Oddities, truth: GroundTruth) -> Iterable[str]:
    if odd.unlisted:
        which = ", ".join(cut(category) for category in list(odd.unlisted)[:20])
        yield (
            f"predictions that do not count, because the ground truth does not list their "
            f"category ({which}): {sum(odd.unlisted.values())}{_shifted(odd, truth)}"
        )
    if odd.frames:
        yield (
            "predictions with more or fewer frames than their video, of which only the frames "
            f"that both have count: {len(odd.frames)} (first: predictions[{odd.frames[0]}])"
        )
    if odd.empty:
        yield f"predictions without a mask: {len(odd.empty)} (first: predictions[{odd.empty[0]}])"
    if odd.sizes:
        yield (
            "predictions with masks of another size than their video (a frame whose two masks "
            f"differ in size counts for nothing): {len(odd.sizes)} "
            f"(first: predictions[{odd.sizes[0]}])"
        )


def _shifted(odd: _Oddities, truth: GroundTruth) -> str:
    """Return what to say where the ids would all be listed if they were one higher, or lower."""
    ids = {*odd.unlisted, *odd.listed}
    for step, word in ((1, "below"), (-1, "above")):
        moved = [id_ + step for id_ in ids if isinstance(id_, int)]
        if len(moved) == len(ids) and truth.categories.keys() >= set(moved):
            first = min(truth.categories)
            return f"; every id is one {word} one of the truth's: labels there count from {first}"
    return ""
