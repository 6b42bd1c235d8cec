"""Average precision and recall of many draws of videos at once, for bootstrap intervals.

A prediction counts as often as its video was drawn. Letters: B draws, V videos, N predictions of a
category in all videos, K of them correct.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from propose_reduce.evaluation.average_precision import (
    KEYS,
    MAX_PREDICTIONS,
    RECALL_POINTS,
    THRESHOLDS,
    Matches,
)

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
