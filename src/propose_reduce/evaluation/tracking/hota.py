"""Higher order tracking accuracy on masks (Luiten et al., IJCV 2021), as TrackEval counts it.

Letters: A thresholds, N pairs of masks that share pixels, U pairs of tracks.
"""

from collections.abc import Mapping

import numpy as np

from propose_reduce.evaluation.tracking.comparison import EPSILON, Comparison, assign

ALPHAS = np.arange(0.05, 0.99, 0.05)
"""IoU thresholds of localisation: 0.05, 0.1 .. 0.95, as TrackEval has them."""

SUMS = ("HOTA_TP", "HOTA_FN", "HOTA_FP", "localisation", "association", "recall", "precision")
"""What adds up over videos and categories, one number per threshold each. The last three are the
sums, over true positives, of the association's IoU, recall and precision."""

SCORES = ("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "OWTA")

LEAST = 1e-10
"""What TrackEval puts under LocA, which is 1 where nothing matches."""


def hota_sums(comparison: Comparison) -> dict[str, np.ndarray]:
    """Return what HOTA counts in one video and category: float64 (A,) for each of ``SUMS``.

    One assignment per frame serves all thresholds: the one with the highest sum of IoU times how
    well the two tracks fit over the whole video. A pair that it holds is a true positive at the
    thresholds which its IoU reaches.
    """
    n_truth, n_predicted = comparison.truth_lengths, comparison.predicted_lengths
    pairs = comparison.pairs
    if not len(pairs):  # most videos lack most categories on one side
        none = np.zeros(len(ALPHAS))
        return dict.fromkeys(SUMS, none) | {
            "HOTA_FN": none + n_truth.sum(),
            "HOTA_FP": none + n_predicted.sum(),
        }
    track_pair = pairs.truth * len(n_predicted) + pairs.prediction
    alignment = _alignment(comparison, track_pair)
    assigned = assign(comparison, pairs, alignment[track_pair] * pairs.iou)

    iou = pairs.iou[assigned]
    reached = iou >= ALPHAS[:, None] - EPSILON  # (A, assigned pairs)
    met, index = np.unique(track_pair[assigned], return_inverse=True)
    shared = np.array([np.bincount(index[r], minlength=len(met)) for r in reached])  # (A, U)
    row, column = np.divmod(met, len(n_predicted))
    truth, predicted = n_truth[row], n_predicted[column]
    true_positives = reached.sum(1).astype(np.float64)
    return {
        "HOTA_TP": true_positives,
        "HOTA_FN": n_truth.sum() - true_positives,
        "HOTA_FP": n_predicted.sum() - true_positives,
        "localisation": reached @ iou,
        "association": (shared * (shared / (truth + predicted - shared))).sum(1),
        "recall": (shared * (shared / truth)).sum(1),
        "precision": (shared * (shared / predicted)).sum(1),
    }


def _alignment(comparison: Comparison, track_pair: np.ndarray) -> np.ndarray:
    """Return how well each two tracks fit over the video: float64 (G * P,), 0 to 1.

    Each frame shares its overlap out among the masks that compete for it.
    """
    pairs = comparison.pairs
    n_truth, n_predicted = comparison.truth_lengths, comparison.predicted_lengths
    rows = pairs.frame * len(n_truth) + pairs.truth
    columns = pairs.frame * len(n_predicted) + pairs.prediction
    competing = np.bincount(rows, pairs.iou)[rows] + np.bincount(columns, pairs.iou)[columns]
    share = pairs.iou / (competing - pairs.iou)
    together = np.bincount(track_pair, share, minlength=len(n_truth) * len(n_predicted))
    return together / (np.add.outer(n_truth, n_predicted).ravel() - together)


def hota_scores(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the measures of one video and category, or of many pooled.

    Args:
        sums: float64 (..., A) for each of ``SUMS``.

    Returns:
        float64 (..., A) for each of ``SCORES``, 0 to 1. The number one reports is the mean over A.
    """
    tp, fn, fp = sums["HOTA_TP"], sums["HOTA_FN"], sums["HOTA_FP"]
    some = np.maximum(1, tp)
    detection = tp / np.maximum(1, tp + fn + fp)
    association = sums["association"] / some
    recall = tp / np.maximum(1, tp + fn)
    return {
        "HOTA": np.sqrt(detection * association),
        "DetA": detection,
        "AssA": association,
        "LocA": np.maximum(LEAST, sums["localisation"]) / np.maximum(LEAST, tp),
        "DetRe": recall,
        "DetPr": tp / np.maximum(1, tp + fp),
        "AssRe": sums["recall"] / some,
        "AssPr": sums["precision"] / some,
        "OWTA": np.sqrt(recall * association),  # of the open world, where precision means little
    }
