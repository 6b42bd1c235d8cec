"""The YouTube-VIS evaluation: average precision and recall of instance sequences.

Equal to the official tool (the YouTube-VOS fork of the COCO interface) on all data that tool
survives: YouTube-VIS 2019, 2021, 2022, OVIS and anything in their form.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.evaluation.average_precision import (
    KEYS,
    MAX_PREDICTIONS,
    Matches,
    category_curve,
    category_means,
    category_scores,
    drawn_scores,
    match_tracks,
    outside_ranges,
)
from propose_reduce.evaluation.errors import ErrorBreakdown, TrackErrors, breakdown, find_errors
from propose_reduce.evaluation.files import check_workers, run_all
from propose_reduce.evaluation.statistics import (
    Estimate,
    add_scores,
    drawn_videos,
    estimate_table,
    estimates,
    few_videos,
    score_table,
    to_json,
)
from propose_reduce.evaluation.tracks import (
    ONE_CATEGORY,
    GroundTruth,
    Track,
    box_areas,
    mask_areas,
    mean_area,
    overlap,
    read_ground_truth,
    read_predictions,
)
from propose_reduce.files import write_text

if TYPE_CHECKING:
    from rich.table import Table


NOTHING_FITS = (
    "no prediction has an IoU of 0.5 with an object of its category: are the ids of videos and "
    "categories, the frames, and the form of the masks (columns first) those of the ground truth?"
)


def evaluate_youtube_vis(  # noqa: PLR0913, they are the options of a command
    ground_truth: Mapping[str, Any],
    predictions: Sequence[Mapping[str, Any]],
    *,
    agnostic: bool = False,
    phrase: bool = False,
    iou: str = "masks",
    per_video: bool = False,
    errors: bool = False,
    intervals: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> YoutubeVisMetrics:
    """Return average precision and recall, by the official rules.

    Args:
        ground_truth: an annotation file: ``videos``, ``categories``, ``annotations``.
        predictions: ``video_id``, ``category_id``, ``score``, ``segmentations`` each; one
            segmentation per frame, None where absent: run lengths, compressed or not, or polygons.
        agnostic: evaluate all categories as one.
        phrase: take each pair of a video and a category for a unit of its own, all of one kind, as
            open-vocabulary benchmarks do. Where the file has ``video_np_pairs``, these alone count.
        iou: ``masks``, or ``boxes`` around them.
        per_video: give the numbers of every video alone too.
        errors: say what keeps the average precision from 1 (:mod:`.errors`).
        intervals: say how sure the numbers are (:mod:`.statistics`).
        workers: processes; the numbers do not depend on it.
        progress: called with (videos done, videos in all).

    Raises:
        InputError: a fault in either; the message names the entry.
    """
    check_workers(workers)
    if iou not in ("masks", "boxes"):
        raise unknown_name("kind of overlap", iou, ("masks", "boxes"))
    if phrase and (agnostic or errors):
        raise InputError(
            "phrases are not categories: leave out --phrase, or --agnostic, --errors and --report"
        )
    truth = read_ground_truth(ground_truth)
    found = read_predictions(predictions, truth, agnostic=agnostic)
    tracks = found.tracks
    if agnostic:
        truth = _as_one_category(truth)
        tracks = {id_: _one_category(each) for id_, each in tracks.items()}
    jobs = [
        VideoTracks(video.truths, tracks[id_], errors, iou == "boxes")
        for id_, video in truth.videos.items()
    ]
    evaluations: dict[int, VideoEvaluation] = {}
    for id_, evaluation in zip(truth.videos, run_all(evaluate_video, jobs, workers), strict=True):
        evaluations[id_] = evaluation
        if progress is not None:
            progress(len(evaluations), len(jobs))
    matches: dict[Any, dict[Hashable, Matches]] = {
        id_: each.matches for id_, each in evaluations.items()
    }
    categories = truth.categories
    videos: dict[Any, str] = {id_: video.name for id_, video in truth.videos.items()}
    if phrase:
        units = _phrases(ground_truth, truth, matches)
        matches = {id_: {ONE_CATEGORY: each} for id_, (_, each) in units.items()}
        videos = {id_: name for id_, (name, _) in units.items()}
        categories = {ONE_CATEGORY: "phrase"}
    track_errors = {id_: e.errors for id_, e in evaluations.items() if e.errors is not None}

    by_category = _by_category(categories, matches.values())
    per_category = {id_: category_scores(each) for id_, each in by_category.items()}
    curves = {
        id_: category_curve(each, "all", MAX_PREDICTIONS) for id_, each in by_category.items()
    }
    scores = category_means(per_category.values())
    return YoutubeVisMetrics(
        scores=scores,
        per_category=per_category,
        categories=categories,
        present=tuple(id_ for id_, each in by_category.items() if each),
        videos=videos,
        curves={id_: each.precision for id_, each in curves.items() if each is not None},
        per_video=_per_video(matches) if per_video else None,
        errors=breakdown(track_errors, list(truth.categories)) if errors else None,
        track_errors=track_errors if errors else None,
        draws=_draws(categories, list(matches.values())) if intervals else None,
        counts={
            "videos": len(matches),
            "objects": sum(len(video.truths) for video in truth.videos.values()),
            "predictions": sum(len(each) for each in tracks.values()),
        },
        without_predictions=tuple(
            id_
            for id_, video in truth.videos.items()
            if not tracks[id_] and not all(track.crowd for track in video.truths)
        ),
        unlisted=found.unlisted,
        notes=(
            *truth.notes,
            *found.notes,
            *([NOTHING_FITS] if scores["AP50"] == 0 and any(tracks.values()) else []),
            *(few_videos(len(truth.videos)) if intervals else ()),
        ),
    )


def _phrases(
    document: Mapping[str, Any],
    truth: GroundTruth,
    matches: Mapping[Any, Mapping[Hashable, Matches]],
) -> dict[str, tuple[str, Matches]]:
    """Return each pair of a video and a category by its two ids: a name and the matches."""
    listed = document.get("video_np_pairs")
    pairs = None if listed is None else {(p["video_id"], p["category_id"]) for p in listed}
    return {
        f"{video}/{category}": (f"{truth.videos[video].name}: {name}", matches[video][category])
        for video in truth.videos
        for category, name in truth.categories.items()
        if category in matches[video] and (pairs is None or (video, category) in pairs)
    }


def _draws(
    categories: Iterable[int], videos: Sequence[Mapping[Hashable, Matches]]
) -> dict[str, np.ndarray]:
    """Return the numbers of each draw of videos."""
    each = (
        {place: matches[id_] for place, matches in enumerate(videos) if id_ in matches}
        for id_ in categories
    )
    return drawn_scores((matches for matches in each if matches), drawn_videos(len(videos)))


def _as_one_category(truth: GroundTruth) -> GroundTruth:
    return GroundTruth(
        categories={ONE_CATEGORY: "object"},
        videos={
            id_: replace(video, truths=_one_category(video.truths))
            for id_, video in truth.videos.items()
        },
    )


def _one_category(tracks: Iterable[Track]) -> tuple[Track, ...]:
    """Return the tracks under one category, in the order in which the official tool joins them."""
    ordered = sorted(tracks, key=lambda t: (isinstance(t.category, str), t.category))
    return tuple(replace(track, category=ONE_CATEGORY) for track in ordered)


def _by_category(
    categories: Iterable[int], videos: Iterable[Mapping[Hashable, Matches]]
) -> dict[int, list[Matches]]:
    """Return every category's matches, by video id."""
    collected: dict[int, list[Matches]] = {id_: [] for id_ in categories}
    for matches in videos:
        for id_ in collected.keys() & matches.keys():
            collected[id_].append(matches[id_])
    return collected


def _per_video(
    matches: Mapping[Any, Mapping[Hashable, Matches]],
) -> dict[Any, dict[str, float]]:
    """Return the numbers of every video as if there were no other."""
    return {
        id_: category_means([category_scores([m]) for m in each.values()])
        for id_, each in matches.items()
    }


@dataclass(frozen=True, slots=True, eq=False)
class VideoTracks:
    """The tracks of one video; videos are independent, so processes may share them.

    Attributes:
        truths: the annotated tracks of the video, in file order.
        predictions: the predictions for it, in file order.
        with_errors: whether to say what is wrong with each prediction too.
        boxes: whether boxes overlap in place of masks.
    """

    truths: tuple[Track, ...]
    predictions: tuple[Track, ...]
    with_errors: bool = False
    boxes: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class VideoEvaluation:
    """The predictions of one video, compared with its truth.

    Attributes:
        matches: by category, for every category with a prediction or a track of the truth.
        errors: what is wrong with each prediction, where that was requested.
    """

    matches: dict[Hashable, Matches]
    errors: TrackErrors | None


def evaluate_video(tracks: VideoTracks) -> VideoEvaluation:
    """Compare the predictions of one video with its truth, category by category.

    Raises:
        InputError: a damaged mask; the message names the entry and the frame.
    """
    predicted_areas = [mask_areas(track) for track in tracks.predictions]
    truth_areas = [mask_areas(track) for track in tracks.truths]
    sizes = predicted_areas  # of masks, also where boxes overlap
    ious = rle.iou
    if tracks.boxes:
        ious = rle.box_iou
        predicted_areas = [box_areas(track) for track in tracks.predictions]
        truth_areas = [box_areas(track) for track in tracks.truths]
    rows, columns = _indices_by_category(tracks.predictions), _indices_by_category(tracks.truths)
    matches: dict[Hashable, Matches] = {}
    for category in {**columns, **rows}:
        row = _best_scoring(tracks.predictions, rows[category])
        column = columns[category]
        predictions = [tracks.predictions[i] for i in row]
        truths = [tracks.truths[j] for j in column]
        areas = [predicted_areas[i] for i in row]
        crowd = np.array([track.crowd for track in truths], dtype=bool)
        outside = outside_ranges(np.array([mean_area(track.areas) for track in truths]))
        matches[category] = match_tracks(
            indices=np.array(row, dtype=np.int64),
            scores=np.array([track.score for track in predictions], dtype=np.float64),
            iou=overlap(
                predictions, truths, areas, [truth_areas[j] for j in column], ious
            ).track_iou,
            prediction_outside=outside_ranges(np.array([mean_area(sizes[i]) for i in row])),
            truth_indices=np.array(column, dtype=np.int64),
            truth_ignored=outside | crowd,
            crowd=crowd,
        )
    errors = None
    if tracks.with_errors:
        whole = overlap(tracks.predictions, tracks.truths, predicted_areas, truth_areas, ious)
        errors = find_errors(
            tracks.predictions, predicted_areas, tracks.truths, whole, list(matches.values())
        )
    return VideoEvaluation(matches, errors)


def _indices_by_category(tracks: Iterable[Track]) -> dict[Hashable, list[int]]:
    indices: dict[Hashable, list[int]] = defaultdict(list)
    for index, track in enumerate(tracks):
        indices[track.category].append(index)
    return indices


def _best_scoring(predictions: Sequence[Track], indices: Sequence[int]) -> list[int]:
    """Return the indices of the best-scoring predictions, the earlier one first of equals."""
    return sorted(indices, key=lambda index: -predictions[index].score)[:MAX_PREDICTIONS]


@dataclass(frozen=True, slots=True, eq=False)
class YoutubeVisMetrics:
    """Average precision and recall.

    ``KEYS`` names the twelve numbers of each set: AP over IoU thresholds 0.5 to 0.95, at 0.5 and
    0.75, for small, medium and large objects; AR with 1, 10 and 100 predictions per video and
    category, and by size. All in [0, 1]; -1 where there is nothing to find.

    Attributes:
        scores: the twelve numbers over all categories.
        per_category: the twelve numbers by category id.
        categories: names by category id.
        present: ids of the categories with an object or a prediction; tables list these.
        videos: names by video id, or by "video/category" where phrases are evaluated.
        curves: by category id, float64 (10 thresholds, 101 recall points): precision. Categories
            without objects have none.
        per_video: the twelve numbers of every video alone by its id, where requested.
        errors: what keeps the average precision from 1, where requested.
        track_errors: what is wrong with each prediction by video id, where requested.
        draws: float64 (draws,), the twelve numbers of each draw of videos, where requested.
        counts: how many videos, objects (crowds included) and predictions were compared.
        without_predictions: ids of the videos that have objects and no prediction.
        unlisted: predictions that do not count, by category the truth does not list.
        notes: what is odd about the truth and the predictions, one line each.
    """

    scores: dict[str, float]
    per_category: dict[int, dict[str, float]]
    categories: dict[int, str]
    present: tuple[int, ...]
    videos: dict[Any, str]
    curves: dict[int, np.ndarray]
    per_video: dict[Any, dict[str, float]] | None
    errors: ErrorBreakdown | None
    track_errors: dict[int, TrackErrors] | None
    draws: dict[str, np.ndarray] | None
    counts: dict[str, int]
    without_predictions: tuple[int, ...]
    unlisted: dict[Hashable, int]
    notes: tuple[str, ...]

    def __getitem__(self, key: str) -> Any:
        """Return what ``metrics.json`` holds under a key."""
        return self.to_dict()[key]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``.

        The twelve keys and ``per_category``; ``per_video``, ``errors`` and ``intervals`` where they
        were requested. Ids are text, as JSON has them.
        """
        content: dict[str, Any] = dict(self.scores)
        content["per_category"] = {str(id_): dict(s) for id_, s in self.per_category.items()}
        if self.per_video is not None:
            content["per_video"] = {
                str(id_): {"name": self.videos[id_], **scores}
                for id_, scores in self.per_video.items()
            }
        if self.errors is not None:
            content["errors"] = self.errors.to_dict()
        if self.draws is not None:
            content["intervals"] = to_json(self.estimates)
        return content

    @property
    def defined(self) -> dict[str, float]:
        """Those of the twelve numbers that are defined."""
        return {key: score for key, score in self.scores.items() if score >= 0}

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The defined numbers with their errors; empty without ``draws``."""
        return estimates(self.defined, self.draws) if self.draws is not None else {}

    def save(self, path: str | Path) -> Path:
        """Write ``metrics.json``, whole or not at all, and return its path."""
        write_text(Path(path), json.dumps(self.to_dict(), indent=1) + "\n")
        return Path(path)

    def table(self) -> Table:
        """Return the numbers in percent: a row per category that is present, and one for all."""
        title = (
            f"{self.counts['predictions']} predictions for {self.counts['objects']} objects "
            f"in {self.counts['videos']} videos, percent"
        )
        rows = [(self.categories[id_], self.per_category[id_]) for id_ in self.present]
        table = _table("category", rows, title)
        table.add_section()
        add_scores(table, ["all"], _cells(self.scores), style="bold")
        return table

    def interval_table(self) -> Table:
        """Return the numbers with their 95 % intervals in percent."""
        title = f"95 % intervals over {self.counts['videos']} videos, percent"
        return estimate_table(title, self.estimates)

    def video_table(self) -> Table:
        """Return the numbers of every video alone in percent, the worst first.

        Videos without an object, where nothing is defined, come last.
        """
        per_video = self.per_video or {}
        ordered = sorted(
            per_video, key=lambda id_: (per_video[id_]["AP"] < 0, per_video[id_]["AP"])
        )
        rows = [(f"{id_} {self.videos[id_]}", per_video[id_]) for id_ in ordered]
        return _table("video", rows, "Every video alone, the worst first, percent")


def _table(heading: str, rows: Iterable[tuple[str, Mapping[str, float]]], title: str) -> Table:
    table = score_table(title, [heading], KEYS, padding=0)  # 80 columns hold names of usual length
    for name, scores in rows:
        add_scores(table, [name], _cells(scores))
    return table


def _cells(scores: Mapping[str, float]) -> list[str]:
    return [percent(scores[key]) for key in KEYS]


def percent(score: float) -> str:
    """Return one decimal; 100 without it, to stay narrow, and "-" for what is not defined."""
    if score < 0:
        return "-"
    return "100" if score > 0.9995 else f"{100 * score:.1f}"
