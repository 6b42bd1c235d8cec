"""One video judged: its predictions matched with its truth, category by category."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from propose_reduce.evaluation.matching import MAX_PREDICTIONS, Matches, match, outside_ranges
from propose_reduce.evaluation.mistakes import Mistakes, find_mistakes
from propose_reduce.evaluation.overlap import mask_areas, mean_area, overlap
from propose_reduce.evaluation.tracks import Track


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One video, and what is wanted; videos are independent, so processes may share them.

    Attributes:
        truths: the annotated tracks of the video, in file order.
        predictions: the predictions for it, in file order.
        mistakes: whether to say what is wrong with each prediction too.
    """

    truths: tuple[Track, ...]
    predictions: tuple[Track, ...]
    mistakes: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What became of one video.

    Attributes:
        matches: by category, for every category with a prediction or a track of the truth.
        mistakes: what is wrong with each prediction, where that was asked for.
    """

    matches: dict[Hashable, Matches]
    mistakes: Mistakes | None


def judge(job: Job) -> Judgement:
    """Compare the predictions of one video with its truth.

    Raises:
        InputError: a damaged mask; the message names the entry and the frame.
    """
    found_areas = [mask_areas(track) for track in job.predictions]
    truth_areas = [mask_areas(track) for track in job.truths]
    rows, columns = _by_category(job.predictions), _by_category(job.truths)
    matches: dict[Hashable, Matches] = {}
    for category in {**columns, **rows}:
        row = _best(job.predictions, rows[category])
        column = columns[category]
        predictions = [job.predictions[i] for i in row]
        truths = [job.truths[j] for j in column]
        areas = [found_areas[i] for i in row]
        crowd = np.array([track.crowd for track in truths], dtype=bool)
        outside = outside_ranges(np.array([mean_area(track.areas) for track in truths]))
        matches[category] = match(
            places=np.array(row, dtype=np.int64),
            scores=np.array([track.score for track in predictions], dtype=np.float64),
            iou=overlap(predictions, truths, areas, [truth_areas[j] for j in column]).track_iou,
            prediction_outside=outside_ranges(np.array([mean_area(each) for each in areas])),
            truth_places=np.array(column, dtype=np.int64),
            truth_ignored=outside | crowd,
            crowd=crowd,
        )
    mistakes = None
    if job.mistakes:
        whole = overlap(job.predictions, job.truths, found_areas, truth_areas)
        mistakes = find_mistakes(
            job.predictions, found_areas, job.truths, whole, list(matches.values())
        )
    return Judgement(matches, mistakes)


def _by_category(tracks: Iterable[Track]) -> dict[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, track in enumerate(tracks):
        places[track.category].append(place)
    return places


def _best(predictions: Sequence[Track], places: Sequence[int]) -> list[int]:
    """Return the places of the best-scoring predictions, the earlier one first of equals."""
    return sorted(places, key=lambda place: -predictions[place].score)[:MAX_PREDICTIONS]
