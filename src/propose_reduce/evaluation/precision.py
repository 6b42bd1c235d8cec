"""From matches to average precision and recall, by the rules of the YouTube-VIS evaluation.

Letters: L IoU thresholds, P recall points, N predictions of a category in all videos.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from propose_reduce.evaluation.matching import MAX_PREDICTIONS, RANGES, THRESHOLDS, Matches

RECALL_POINTS = np.linspace(0, 1, 101)
"""Where precision is read, as the official tool has them: i * 0.01 in doubles, not i / 100."""

KEYS = (
    *("AP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)
"""The twelve numbers, in the official order; -1 where a number is not defined."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How one category fares in one range of areas.

    Attributes:
        precision: float64 (L, P), the best precision at this recall or above; 0 if not reached.
        recall: float64 (L,), reached by all predictions.
    """

    precision: np.ndarray
    recall: np.ndarray


def curve(scores: np.ndarray, right: np.ndarray, ignored: np.ndarray, counted: np.ndarray) -> Curve:
    """Return precision over recall.

    Args:
        scores: float64 (N,), joined in the order of the videos' ids.
        right: bool (L, N), whether a prediction finds something.
        ignored: bool (L, N), neither right nor wrong.
        counted: int64 (L,), how many tracks are to be found, at least 1.
    """
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(right[:, order], axis=1, dtype=np.float64)
    wrong = np.cumsum(~right[:, order] & ~ignored[:, order], axis=1, dtype=np.float64)
    recall = found / counted[:, None]
    precision = found / (found + wrong + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    points = np.zeros((len(right), len(RECALL_POINTS)))
    for level, reached in enumerate(recall):
        places = np.searchsorted(reached, RECALL_POINTS)
        inside = places < len(reached)
        points[level, inside] = precision[level, places[inside]]
    return Curve(points, recall[:, -1] if len(scores) else np.zeros(len(right)))


def category_curve(matches: Sequence[Matches], area: str, limit: int) -> Curve | None:
    """Return the curve of one category, None where there is nothing to find.

    Args:
        matches: one for each video with a prediction or a track of the category, by video id.
        area: a name in ``RANGES``.
        limit: most predictions per video.
    """
    row = list(RANGES).index(area)
    counted = sum(int(m.counted[row]) for m in matches)
    if counted == 0:
        return None
    return curve(
        np.concatenate([m.scores[:limit] for m in matches]),
        np.concatenate([m.right[row, :, :limit] for m in matches], axis=1),
        np.concatenate([m.ignored[row, :, :limit] for m in matches], axis=1),
        np.full(len(THRESHOLDS), counted),
    )


def category_scores(matches: Sequence[Matches]) -> dict[str, float]:
    """Return the twelve numbers of one category."""
    scores = {}
    for suffix, area in zip(("", "s", "m", "l"), RANGES, strict=True):
        found = category_curve(matches, area, MAX_PREDICTIONS)
        scores[f"AP{suffix}"] = -1.0 if found is None else float(found.precision.mean())
        scores[f"AR{suffix or MAX_PREDICTIONS}"] = (
            -1.0 if found is None else float(found.recall.mean())
        )
        if area == "all":
            for level, name in ((0, "AP50"), (5, "AP75")):
                scores[name] = -1.0 if found is None else float(found.precision[level].mean())
    for limit in (1, 10):
        found = category_curve(matches, "all", limit)
        scores[f"AR{limit}"] = -1.0 if found is None else float(found.recall.mean())
    return {key: scores[key] for key in KEYS}


def mean_scores(categories: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the twelve numbers over categories: plain means of those that are defined.

    Each number is a mean over as many thresholds and recall points in every category, so the mean
    of the categories' means is the official mean over all entries.
    """
    means = {}
    rows = list(categories)
    for key in KEYS:
        defined = [scores[key] for scores in rows if scores[key] > -1]
        means[key] = float(np.mean(defined)) if defined else -1.0
    return means
