"""Tracking measures of a truth and its predictions: HOTA, CLEAR and identity on masks."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import unknown_name
from propose_reduce.evaluation.files import check_workers, run_all
from propose_reduce.evaluation.statistics import few_videos
from propose_reduce.evaluation.tracking import families
from propose_reduce.evaluation.tracking.comparison import (
    compare,
    without_ignored,
    without_unlabelled,
)
from propose_reduce.evaluation.tracking.metrics import TrackingMetrics
from propose_reduce.evaluation.tracking.videos import TrackedVideo, TrackedVideos
from propose_reduce.evaluation.tracks import Track, mask_areas


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One video, the families of measures that are wanted, and what overlaps: masks or boxes."""

    video: TrackedVideo
    families: tuple[str, ...]
    iou: str = "masks"


OVERLAPS = {"masks": rle.iou, "boxes": rle.box_iou}
"""What overlaps may be of."""


def evaluate_tracking(
    videos: TrackedVideos,
    *,
    metrics: Iterable[str] = tuple(families.FAMILIES),
    iou: str = "masks",
    intervals: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> TrackingMetrics:
    """Return tracking measures, by the rules of TrackEval.

    Args:
        videos: truth and predictions (:func:`..tracking.files.load_tracked_videos`).
        metrics: families of measures: ``hota``, ``clear``, ``identity``.
        iou: ``masks``, or ``boxes`` around them.
        intervals: say how sure the numbers are (:mod:`..statistics`).
        workers: processes; the numbers do not depend on it.
        progress: called with (videos done, videos in all).

    Raises:
        InputError: a family or kind of overlap that there is not, or a damaged mask; the message
            names the entry.
    """
    check_workers(workers)
    chosen = families.check_families(metrics)
    if iou not in OVERLAPS:
        raise unknown_name("kind of overlap", iou, OVERLAPS)
    jobs = [Job(video, chosen, iou) for video in videos.videos]
    places = {id_: place for place, id_ in enumerate(videos.categories)}
    units: list[families.UnitSums] = []
    video_of: list[int] = []
    category_of: list[int] = []
    for place, measured in enumerate(run_all(measure_video, jobs, workers)):
        for category in measured.keys() & places.keys():
            units.append(measured[category])
            video_of.append(place)
            category_of.append(places[category])
        if progress is not None:
            progress(place + 1, len(jobs))
    result = TrackingMetrics(
        metrics=chosen,
        categories=dict(videos.categories),
        videos={video.id: video.name for video in videos.videos},
        sums=families.stacked(units, chosen),
        video_of=np.array(video_of, dtype=np.int64),
        category_of=np.array(category_of, dtype=np.int64),
        counts={
            "videos": len(videos.videos),
            "objects": sum(len(video.truths) for video in videos.videos),
            "predictions": sum(len(video.predictions) for video in videos.videos),
        },
        notes=videos.notes,
        intervals=intervals,
    )
    return replace(result, notes=(*videos.notes, *_reading_notes(result)))


def _reading_notes(result: TrackingMetrics) -> Iterable[str]:
    """Yield what a reader of the numbers should know."""
    if result.intervals:
        yield from few_videos(len(result.videos))
    if not result.counts["objects"]:
        yield "the truth holds no objects, so the measures mean nothing"
    elif not result.counts["predictions"]:
        yield "there are no predictions, so that every object is missed"
    empty = len(result.categories) - int(result.used.sum())
    if empty and result.counts["objects"]:
        yield (
            f"categories with neither objects nor predictions: {empty}; class_averaged counts "
            "them as 0, as TrackEval does, class_averaged_nonempty leaves them out"
        )


def measure_video(job: Job) -> dict[Hashable, families.UnitSums]:
    """Return the sums of one video, by category with an object or a prediction.

    Raises:
        InputError: a damaged mask; the message names the entry and the frame.
    """
    video = job.video
    _check_masks((*video.truths, *video.predictions))
    truths, predictions = _tracks_by_category(video.truths), _tracks_by_category(video.predictions)
    sums: dict[Hashable, families.UnitSums] = {}
    for category in {**truths, **predictions}:
        comparison = compare(
            truths[category], predictions[category], video.num_frames, OVERLAPS[job.iou]
        )
        if video.ignored:
            comparison = without_ignored(comparison, predictions[category], video.ignored)
        if category in video.unlabelled:
            comparison = without_unlabelled(comparison, video.unlabelled[category])
        sums[category] = families.measure_families(comparison, job.families)
    return sums


def _check_masks(tracks: Iterable[Track]) -> None:
    """Raise InputError for the first damaged mask; those that are counted already are sound."""
    for track in tracks:
        mask_areas(track)


def _tracks_by_category(tracks: Iterable[Track]) -> dict[Hashable, list[Track]]:
    sorted_: dict[Hashable, list[Track]] = defaultdict(list)
    for track in tracks:
        sorted_[track.category].append(track)
    return sorted_
