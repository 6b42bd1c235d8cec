"""The identity measures (Ristani et al., ECCV workshops 2016): one track per object, all video."""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

from propose_reduce.evaluation.tracking.comparison import Comparison

THRESHOLD = 0.5
"""IoU from which a track is with an object on a frame."""

SUMS = ("IDTP", "IDFN", "IDFP")
SCORES = ("IDF1", "IDR", "IDP")


def identity_sums(comparison: Comparison) -> dict[str, float]:
    """Return what counts in one video and category, for each of ``SUMS``.

    Tracks and objects are paired one to one, so that they are together on as many frames as
    possible.
    """
    n_truth, n_predicted = comparison.truth_lengths, comparison.predicted_lengths
    pairs = comparison.pairs[comparison.pairs.iou >= THRESHOLD]
    together = np.bincount(
        pairs.truth * len(n_predicted) + pairs.prediction,
        minlength=len(n_truth) * len(n_predicted),
    ).reshape(len(n_truth), len(n_predicted))
    true_positives = int(together[linear_sum_assignment(together, maximize=True)].sum())
    return {
        "IDTP": float(true_positives),
        "IDFN": float(n_truth.sum() - true_positives),
        "IDFP": float(n_predicted.sum() - true_positives),
    }


def identity_scores(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the measures of one video and category, or of many pooled.

    Args:
        sums: float64 (...) for each of ``SUMS``.

    Returns:
        float64 (...) for each of ``SCORES``, 0 to 1.
    """
    tp, fn, fp = sums["IDTP"], sums["IDFN"], sums["IDFP"]
    return {
        "IDF1": tp / np.maximum(1, tp + fn / 2 + fp / 2),
        "IDR": tp / np.maximum(1, tp + fn),
        "IDP": tp / np.maximum(1, tp + fp),
    }
