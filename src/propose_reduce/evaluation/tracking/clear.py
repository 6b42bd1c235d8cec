"""The CLEAR measures on masks (Bernardin and Stiefelhagen 2008; Voigtlaender et al., CVPR 2019).

As TrackEval counts them; on masks MOTA, sMOTA and MOTP are what the MOTS paper calls MOTSA, sMOTSA
and MOTSP. Letters: T frames, G tracks of the truth.
"""

from collections.abc import Mapping

import numpy as np

from propose_reduce.evaluation.tracking.comparison import (
    EPSILON,
    Comparison,
    assign_frame,
    contested,
    frame_slice,
)

THRESHOLD = 0.5
"""IoU from which a prediction can be an object."""

STAY = 1000.0
"""What the track of the frame before has ahead of every other."""

COUNTED = ("IDSW", "Frag", "MT", "PT", "ML")
"""Numbers of switches and objects, which add up over categories instead of being averaged."""

SUMS = ("CLR_TP", "CLR_FN", "CLR_FP", "MOTP_sum", *COUNTED)
SCORES = ("MOTA", "sMOTA", "MOTP", *COUNTED)

MOSTLY_TRACKED, MOSTLY_LOST = 0.8, 0.2
"""Shares of an object's frames: above the first it is mostly tracked, below the second lost."""


def clear_sums(comparison: Comparison) -> dict[str, float]:
    """Return what CLEAR counts in one video and category, for each of ``SUMS``."""
    n_truth, n_predicted = comparison.truth_lengths, comparison.predicted_lengths
    if not len(comparison.pairs):  # most videos lack most categories on one side
        return dict.fromkeys(SUMS, 0.0) | {
            "CLR_FN": float(n_truth.sum()),
            "CLR_FP": float(n_predicted.sum()),
            "ML": float(len(n_truth)),
        }
    matches, iou = _matches(comparison)
    tracked = (matches >= 0).sum(0) / n_truth
    mostly = int((tracked > MOSTLY_TRACKED).sum())
    partly = int((tracked >= MOSTLY_LOST).sum()) - mostly
    true_positives = int((matches >= 0).sum())
    counts = {
        "CLR_TP": true_positives,
        "CLR_FN": n_truth.sum() - true_positives,
        "CLR_FP": n_predicted.sum() - true_positives,
        "MOTP_sum": iou,
        "IDSW": _switches(matches),
        "Frag": _fragments(matches),
        "MT": mostly,
        "PT": partly,
        "ML": len(n_truth) - mostly - partly,
    }
    return {name: float(count) for name, count in counts.items()}


def _matches(comparison: Comparison) -> tuple[np.ndarray, float]:
    """Return each object's track on the frames that count, and the sum of the IoUs.

    The table is int64 (frames, G), -1 for none. Frames without an object or without a prediction
    do not count: what was matched before them stays "the frame before".
    """
    present = comparison.truth_present.any(1) & comparison.predicted_present.any(1)
    row = np.cumsum(present) - 1  # of a frame in the table
    table = np.full((int(present.sum()), comparison.truth_present.shape[1]), -1, dtype=np.int64)
    pairs = comparison.pairs[comparison.pairs.iou >= THRESHOLD - EPSILON]
    disputed = contested(pairs)
    clear = ~np.isin(pairs.frame, disputed)
    table[row[pairs.frame[clear]], pairs.truth[clear]] = pairs.prediction[clear]
    total = float(pairs.iou[clear].sum())
    for frame in disputed:
        part = frame_slice(pairs, frame)
        stays = np.zeros(len(pairs), dtype=bool)
        if row[frame]:
            stays[part] = table[row[frame] - 1, pairs.truth[part]] == pairs.prediction[part]
        chosen = assign_frame(comparison, pairs, frame, pairs.iou + STAY * stays)
        table[row[frame], pairs.truth[part][chosen]] = pairs.prediction[part][chosen]
        total += float(pairs.iou[part][chosen].sum())
    return table, total


def _switches(matches: np.ndarray) -> int:
    """Return how often the track of an object is another one than at its last match."""
    objects, frames = (matches.T >= 0).nonzero()
    tracks = matches[frames, objects]
    return int(((objects[1:] == objects[:-1]) & (tracks[1:] != tracks[:-1])).sum())


def _fragments(matches: np.ndarray) -> int:
    """Return how often an object is found again."""
    found = matches >= 0
    begins = found.copy()
    begins[1:] &= ~found[:-1]
    return int(np.maximum(begins.sum(0) - 1, 0).sum())


def clear_scores(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the measures of one video and category, or of many pooled.

    Args:
        sums: float64 (...) for each of ``SUMS``.

    Returns:
        float64 (...) for each of ``SCORES``; MOTA and sMOTA may be below 0.
    """
    tp, fp, switches = sums["CLR_TP"], sums["CLR_FP"], sums["IDSW"]
    objects = np.maximum(1, tp + sums["CLR_FN"])
    return {
        "MOTA": (tp - fp - switches) / objects,
        "sMOTA": (sums["MOTP_sum"] - fp - switches) / objects,
        "MOTP": sums["MOTP_sum"] / np.maximum(1, tp),
        **{name: sums[name] for name in COUNTED},
    }
