"""From track overlaps to average precision and recall, by the rules of the YouTube-VIS evaluation.

First predictions are matched with tracks of the truth, video by video and category by category;
then the matches of a category in all videos become precision over recall.

Letters: R ranges of area, L IoU thresholds, D predictions of a video, N predictions of a category
in all videos, G tracks of the truth, P recall points.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""IoU thresholds of the official tool; the ninth is 0.8999999999999999, as it is there."""

RANGES: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 128.0**2),
    "medium": (128.0**2, 256.0**2),
    "large": (256.0**2, 1e10),
}
"""Mean mask areas in pixels, both ends included (official tool)."""

MAX_PREDICTIONS = 100
"""Most predictions per video and category, the best-scoring (official tool)."""

RECALL_POINTS = np.linspace(0, 1, 101)
"""Where precision is read, as the official tool has them: i * 0.01 in doubles, not i / 100."""

KEYS = (
    *("AP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)
"""The twelve numbers, in the official order; -1 where a number is not defined."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The predictions of one video and one category, compared with the truth.

    Attributes:
        indices: int64 (D,), of the predictions among those of the video.
        scores: float64 (D,), falling.
        truth: int64 (R, L, D), which track of the video's truth a prediction took, -1 for none.
        ignored: bool (R, L, D), neither correct nor wrong.
        positives: int64 (R,), how many tracks of the truth are to be found.
    """

    indices: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    ignored: np.ndarray
    positives: np.ndarray

    @property
    def correct(self) -> np.ndarray:
        """Whether a prediction found an object: bool (R, L, D)."""
        return (self.truth >= 0) & ~self.ignored


def outside_ranges(areas: np.ndarray) -> np.ndarray:
    """Return whether areas lie outside each range: bool (R, N) for (N,)."""
    bounds = np.array(list(RANGES.values()))
    return (areas < bounds[:, :1]) | (areas > bounds[:, 1:])


def match_tracks(
    *,
    indices: np.ndarray,
    scores: np.ndarray,
    iou: np.ndarray,
    prediction_outside: np.ndarray,
    truth_indices: np.ndarray,
    truth_ignored: np.ndarray,
    crowd: np.ndarray,
) -> Matches:
    """Let predictions take tracks of the truth, the best-scoring prediction first.

    A prediction takes the free track of highest IoU, at least the threshold, the later one of
    equals; a track that counts before one that is ignored. A crowd can be taken any number of
    times. What takes an ignored track is ignored, as is what takes none and has an area outside
    the range.

    Args:
        indices: int64 (D,), of the predictions among those of the video.
        scores: float64 (D,), falling.
        iou: float64 (D, G).
        prediction_outside: bool (R, D), whose area lies outside the range.
        truth_indices: int64 (G,), of the tracks among those of the video.
        truth_ignored: bool (R, G), crowds and tracks outside the range.
        crowd: bool (G,).
    """
    n_ranges, n_truths = truth_ignored.shape
    taken = np.full((n_ranges, len(THRESHOLDS), len(scores)), -1, dtype=np.int64)
    ignored = np.zeros(taken.shape, dtype=bool)
    if n_truths:
        thresholds = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]  # the official tool's start value
        counts = ~truth_ignored[:, None, :]
        free = np.ones((n_ranges, len(THRESHOLDS), n_truths), dtype=bool)
        for rank, row in enumerate(iou):
            if row.max() < THRESHOLDS[0]:
                continue
            fits = (free | crowd) & (row >= thresholds)
            first = _best(row, fits & counts)
            chosen = np.where(first >= 0, first, _best(row, fits & ~counts))
            taken[:, :, rank] = chosen
            ranges, levels = np.nonzero(chosen >= 0)
            free[ranges, levels, chosen[ranges, levels]] = False
            ignored[ranges, levels, rank] = truth_ignored[ranges, chosen[ranges, levels]]
    ignored |= (taken < 0) & prediction_outside[:, None, :]
    truth = np.append(truth_indices, -1)[taken]  # -1 reads the last entry
    return Matches(indices, scores, truth, ignored, (~truth_ignored).sum(axis=1))


def _best(row: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the allowed column of highest value, the last of equals, -1 where none is allowed."""
    values = np.where(allowed, row, -1.0)[..., ::-1]
    return np.where(allowed.any(-1), allowed.shape[-1] - 1 - values.argmax(-1), -1)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How one category fares in one range of areas.

    Attributes:
        precision: float64 (L, P), the best precision at this recall or above; 0 if not reached.
        recall: float64 (L,), reached by all predictions.
    """

    precision: np.ndarray
    recall: np.ndarray


def curve(
    scores: np.ndarray, correct: np.ndarray, ignored: np.ndarray, positives: np.ndarray
) -> Curve:
    """Return precision over recall.

    Args:
        scores: float64 (N,), joined in the order of the videos' ids.
        correct: bool (L, N), whether a prediction finds something.
        ignored: bool (L, N), neither correct nor wrong.
        positives: int64 (L,), how many tracks are to be found, at least 1.
    """
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(correct[:, order], axis=1, dtype=np.float64)
    wrong = np.cumsum(~correct[:, order] & ~ignored[:, order], axis=1, dtype=np.float64)
    recall = found / positives[:, None]
    precision = found / (found + wrong + np.spacing(1))
    precision = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    points = np.zeros((len(correct), len(RECALL_POINTS)))
    for level, reached in enumerate(recall):
        reached_at = np.searchsorted(reached, RECALL_POINTS)
        inside = reached_at < len(reached)
        points[level, inside] = precision[level, reached_at[inside]]
    return Curve(points, recall[:, -1] if len(scores) else np.zeros(len(correct)))


def category_curve(matches: Sequence[Matches], area: str, limit: int) -> Curve | None:
    """Return the curve of one category, None where there is nothing to find.

    Args:
        matches: one for each video with a prediction or a track of the category, by video id.
        area: a name in ``RANGES``.
        limit: most predictions per video.
    """
    row = list(RANGES).index(area)
    positives = sum(int(m.positives[row]) for m in matches)
    if positives == 0:
        return None
    return curve(
        np.concatenate([m.scores[:limit] for m in matches]),
        np.concatenate([m.correct[row, :, :limit] for m in matches], axis=1),
        np.concatenate([m.ignored[row, :, :limit] for m in matches], axis=1),
        np.full(len(THRESHOLDS), positives),
    )


def category_scores(matches: Sequence[Matches]) -> dict[str, float]:
    """Return the twelve numbers of one category."""
    if not any(m.positives.any() for m in matches):
        return dict.fromkeys(KEYS, -1.0)
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


def category_means(categories: Iterable[dict[str, float]]) -> dict[str, float]:
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
