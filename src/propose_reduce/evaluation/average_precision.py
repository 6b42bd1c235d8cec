"""From track overlaps to average precision and recall, by the rules of the YouTube-VIS evaluation.

First predictions are matched with tracks of the truth, video by video and category by category;
then the matches of a category in all videos become precision over recall.

Letters: R ranges of area, L IoU thresholds, D predictions of a video, N predictions of a category
in all videos, G tracks of the truth, P recall points.
"""

from collections.abc import Iterable, Mapping, Sequence
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


ALL = 0
"""Place of the range of all areas."""

AP50, AP75 = 0, 5
"""Places of these IoUs among the thresholds."""


def drawn_scores(
    categories: Iterable[Mapping[int, Matches]], weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the twelve numbers of each draw: float64 (B,), NaN where not defined.

    Args:
        categories: of each category its matches by the video's place, ascending; videos with
            neither object nor prediction of it are left out.
        weights: int64 (B, V), how often each video was drawn.
    """
    totals = {key: np.zeros(len(weights)) for key in KEYS}
    defined = {key: np.zeros(len(weights)) for key in KEYS}
    for matches in categories:
        for key, values in _category_numbers(matches, weights).items():
            there = ~np.isnan(values)
            totals[key] += np.where(there, values, 0)
            defined[key] += there
    return {
        key: np.divide(
            totals[key], defined[key], out=np.full(len(weights), np.nan), where=defined[key] > 0
        )
        for key in KEYS
    }


def _category_numbers(matches: Mapping[int, Matches], weights: np.ndarray) -> dict[str, np.ndarray]:
    """Return those of the twelve numbers that a category has."""
    each = list(matches.values())
    weights = weights[:, list(matches)].astype(np.float64)
    positives = weights @ np.array([m.positives for m in each], dtype=np.float64)  # (B, R)
    sizes = [len(m.scores) for m in each]
    order = np.argsort(-np.concatenate([m.scores for m in each]), kind="stable")
    drawn = weights[:, np.repeat(np.arange(len(each)), sizes)[order]]  # (B, N)
    scores: dict[str, np.ndarray] = {}
    for row, suffix in enumerate(("", "s", "m", "l")):
        if not positives[:, row].any():
            continue
        count = np.where(positives[:, row] > 0, positives[:, row], np.nan)
        correct = np.concatenate([m.correct[row] for m in each], axis=1)[:, order]
        ignored = np.concatenate([m.ignored[row] for m in each], axis=1)[:, order]
        levels = [
            _precision(correct[level].nonzero()[0], ~ignored[level], drawn, count)
            for level in range(len(THRESHOLDS))
        ]
        scores[f"AP{suffix}"] = np.mean(levels, axis=0)
        if row == ALL:
            scores["AP50"], scores["AP75"] = levels[AP50], levels[AP75]
        for limit in (1, 10, MAX_PREDICTIONS) if row == ALL else (MAX_PREDICTIONS,):
            found = np.array([m.correct[row, :, :limit].sum() for m in each], dtype=np.float64)
            name = f"AR{suffix or limit}"
            scores[name] = weights @ found / (len(THRESHOLDS) * count)
    return scores


def _precision(
    correct: np.ndarray, counted: np.ndarray, drawn: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """Return the average precision at one threshold: float64 (B,).

    Precision only rises at a correct prediction, so that these are all it takes. Where one counts
    several times, the envelope of precision over recall is that of its last copy.

    Args:
        correct: int64 (K,), places of the correct predictions, rising.
        counted: bool (N,), which predictions are correct or wrong.
        drawn: float64 (B, N), how often each prediction counts, by falling score.
        positives: float64 (B,), how many objects there are, NaN for none.
    """
    if not correct.size:
        return np.where(np.isnan(positives), np.nan, 0.0)
    so_far = np.cumsum(drawn[:, counted], axis=1)[:, np.cumsum(counted)[correct] - 1]
    found = np.cumsum(drawn[:, correct], axis=1)
    precision = found / (so_far + np.spacing(1))
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = found / positives[:, None]
    points = np.searchsorted(RECALL_POINTS, np.nan_to_num(recall), side="right")
    share = np.diff(points, axis=1, prepend=0) * envelope
    return np.where(np.isnan(positives), np.nan, share.sum(1) / len(RECALL_POINTS))
