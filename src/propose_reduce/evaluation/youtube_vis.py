"""The YouTube-VIS evaluation: average precision and recall of instance sequences.

Equal to the official tool (the YouTube-VOS fork of the COCO interface) on all data that tool
survives: YouTube-VIS 2019, 2021, 2022, OVIS and anything in their form.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from propose_reduce.evaluation.error_breakdown import breakdown
from propose_reduce.evaluation.judgement import Job, judge
from propose_reduce.evaluation.matching import MAX_PREDICTIONS, Matches
from propose_reduce.evaluation.precision import category_curve, category_scores, mean_scores
from propose_reduce.evaluation.tracks import (
    ONE_CATEGORY,
    GroundTruth,
    Track,
    read_ground_truth,
    read_predictions,
)
from propose_reduce.evaluation.workers import check_workers, run_all
from propose_reduce.evaluation.youtube_vis_metrics import YoutubeVisMetrics


def evaluate_youtube_vis(
    ground_truth: Mapping[str, Any],
    predictions: Sequence[Mapping[str, Any]],
    *,
    agnostic: bool = False,
    per_video: bool = False,
    errors: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> YoutubeVisMetrics:
    """Return average precision and recall, by the official rules.

    Args:
        ground_truth: an annotation file: ``videos``, ``categories``, ``annotations``.
        predictions: ``video_id``, ``category_id``, ``score``, ``segmentations`` each; one
            segmentation per frame, None where absent: run lengths, compressed or not, or polygons.
        agnostic: judge all categories as one.
        per_video: give the numbers of every video alone too.
        errors: say what keeps the average precision from 1 (:mod:`.error_breakdown`).
        workers: processes; the numbers do not depend on it.
        progress: called with (videos done, videos in all).

    Raises:
        InputError: a fault in either; the message names the entry.
    """
    check_workers(workers)
    truth = read_ground_truth(ground_truth)
    found = read_predictions(predictions, truth, agnostic=agnostic)
    tracks = found.tracks
    if agnostic:
        truth = _as_one_category(truth)
        tracks = {id_: _one_category(each) for id_, each in tracks.items()}
    jobs = [Job(video.truths, tracks[id_], errors) for id_, video in truth.videos.items()]
    judged = {}
    for id_, judgement in zip(truth.videos, run_all(judge, jobs, workers), strict=True):
        judged[id_] = judgement
        if progress is not None:
            progress(len(judged), len(jobs))
    matches = {id_: judgement.matches for id_, judgement in judged.items()}
    mistakes = {id_: j.mistakes for id_, j in judged.items() if j.mistakes is not None}

    by_category = _by_category(truth.categories, matches.values())
    per_category = {id_: category_scores(each) for id_, each in by_category.items()}
    curves = {
        id_: category_curve(each, "all", MAX_PREDICTIONS) for id_, each in by_category.items()
    }
    return YoutubeVisMetrics(
        scores=mean_scores(per_category.values()),
        per_category=per_category,
        categories=truth.categories,
        videos={id_: video.name for id_, video in truth.videos.items()},
        curves={id_: each.precision for id_, each in curves.items() if each is not None},
        per_video=_per_video(matches) if per_video else None,
        errors=breakdown(mistakes, list(truth.categories)) if errors else None,
        mistakes=mistakes if errors else None,
        counts={
            "videos": len(truth.videos),
            "objects": sum(len(video.truths) for video in truth.videos.values()),
            "predictions": sum(len(each) for each in tracks.values()),
        },
        unlisted=found.unlisted,
        notes=found.notes,
    )


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
    matches: Mapping[int, Mapping[Hashable, Matches]],
) -> dict[int, dict[str, float]]:
    """Return the numbers of every video as if there were no other."""
    return {
        id_: mean_scores([category_scores([m]) for m in each.values()])
        for id_, each in matches.items()
    }
