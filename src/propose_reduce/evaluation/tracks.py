"""Ground truth and predictions in the YouTube-VIS form, and how much two of them overlap.

Every fault is an ``InputError`` that names the entry and the field. What the official tool leaves
out without a word (predictions of categories that the ground truth does not list) is counted.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
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


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """The pixels that tracks share, per frame.

    A frame counts for a pair of tracks if both lists reach it and, where both masks are there,
    these have the same size; elsewhere both numbers are 0. An absent object is an empty mask.

    Attributes:
        intersections: int64 (T, D, G), pixels.
        unions: int64 (T, D, G), pixels.
    """

    intersections: np.ndarray
    unions: np.ndarray

    @property
    def track_iou(self) -> np.ndarray:
        """Shared over joint pixels, both summed over the video: float64 (D, G), 0 if empty."""
        return _ratio(self.intersections.sum(0), self.unions.sum(0))

    @property
    def frame_iou(self) -> np.ndarray:
        """IoU of every frame: float64 (T, D, G), 0 where both are empty."""
        return _ratio(self.intersections, self.unions)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def mask_areas(track: Track) -> np.ndarray:
    """Return the pixels of a track's mask on each frame: int64 (T,), 0 where it is absent.

    Raises:
        InputError: a mask whose runs do not fill it exactly.
    """
    if track.mask_areas is not None:
        return track.mask_areas
    frames = [frame for frame, mask in enumerate(track.segmentations) if mask is not None]
    masks = [mask for mask in track.segmentations if mask is not None]
    inside = rle.sound_areas(masks)
    damaged = np.flatnonzero(inside < 0)
    if damaged.size:
        height, width = masks[damaged[0]]["size"]
        raise InputError(
            f"{track.entry}, frame {frames[damaged[0]]}: its mask is damaged, the run lengths do "
            f"not fill {height} x {width} pixels"
        )
    areas = np.zeros(len(track.segmentations), dtype=np.int64)
    areas[frames] = inside
    return areas


def box_areas(track: Track) -> np.ndarray:
    """Return the pixels of the tight box of a track's mask on each frame: int64 (T,).

    Args:
        track: of sound masks.
    """
    sides = [rle.box(mask)[2:] if mask else [0, 0] for mask in track.segmentations]
    return np.array([width * height for width, height in sides], dtype=np.int64)


def mean_area(areas: Sequence[float | None] | np.ndarray) -> float:
    """Return the mean over the frames where there is something, 0.0 if there is none anywhere."""
    present = [area for area in areas if area]
    return float(np.mean(present)) if present else 0.0


def overlap(
    predictions: Sequence[Track],
    truths: Sequence[Track],
    prediction_areas: Sequence[np.ndarray],
    truth_areas: Sequence[np.ndarray],
    ious: Callable[[Sequence[rle.Rle], Sequence[rle.Rle]], np.ndarray] = rle.iou,
) -> Overlap:
    """Return how predictions and tracks of the truth overlap.

    Args:
        predictions: D tracks.
        truths: G tracks.
        prediction_areas: what :func:`mask_areas` says of the predictions.
        truth_areas: what :func:`mask_areas` says of the truth.
        ious: gives the IoUs of N and M masks, float64 (N, M), or of their boxes; the areas must
            be of the same shapes.
    """
    length = max([len(a) for a in (*prediction_areas, *truth_areas)], default=0)
    areas = padded(prediction_areas, length)[:, :, None], padded(truth_areas, length)[:, None, :]
    both = areas[0] + areas[1]
    iou = np.zeros(both.shape)
    frames = zip(_by_frame(predictions), _by_frame(truths), strict=False)
    for frame, (found, known) in enumerate(frames):
        rows = {row: mask for row, mask in enumerate(found) if mask is not None}
        columns = {column: mask for column, mask in enumerate(known) if mask is not None}
        if rows and columns:
            pairs = np.ix_(list(rows), list(columns))
            iou[frame][pairs] = ious(list(rows.values()), list(columns.values()))
    # iou = i / (both - i) gives i; rounding removes the error of the last bit
    intersections = np.rint(iou * both / (1 + np.maximum(iou, 0))).astype(np.int64)
    intersections[iou < 0] = 0
    counts = (iou >= 0) & _reached(prediction_areas, length)[:, :, None]
    counts &= _reached(truth_areas, length)[:, None, :]
    return Overlap(intersections, (both - intersections) * counts)


def _by_frame(tracks: Sequence[Track]) -> Iterator[tuple[rle.Rle | None, ...]]:
    return zip_longest(*(track.segmentations for track in tracks))


def padded(areas: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Return the areas of N tracks as one int64 array (T, N), 0 beyond the end of a list."""
    table = np.zeros((length, len(areas)), dtype=np.int64)
    for column, values in enumerate(areas):
        table[: len(values), column] = values
    return table


def _reached(areas: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Return bool (T, N): whether list n has an entry for frame t."""
    return np.arange(length)[:, None] < np.array([len(values) for values in areas], dtype=int)
