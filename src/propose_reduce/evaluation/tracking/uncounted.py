"""Predictions that are no object and still cost nothing: in ignore regions, or where none looked.

MOTS has regions that nobody labelled; BURST and TAO have categories that were not labelled on every
frame. What matches an object there counts, what matches none does not.
"""

from collections.abc import Sequence

import numpy as np

from propose_reduce import rle
from propose_reduce.evaluation.tracking.comparison import EPSILON, Comparison, Pairs, assign
from propose_reduce.evaluation.tracks import Track

HALF = 0.5
"""IoU from which a prediction is an object's, and the share of it that an ignore region must hold
and exceed for it not to count (MOTS)."""

NEVER = -10_000.0
"""TrackEval's weight for pairs that may not be assigned, in MOTS."""


def without_ignored(
    comparison: Comparison, predictions: Sequence[Track], ignored: Sequence[rle.Rle | None]
) -> Comparison:
    """Return a comparison without predicted masks that match nothing and lie in ignore regions.

    Args:
        comparison: of these predictions, of which each is somewhere.
        predictions: the tracks that were compared, in order.
        ignored: the region of each frame.
    """
    free = _unmatched(comparison, otherwise=NEVER)
    gone = np.zeros(free.shape, dtype=bool)
    for frame, region in enumerate(ignored):
        columns = np.flatnonzero(free[frame])
        if region is not None and columns.size:
            masks = [predictions[int(column)].segmentations[frame] for column in columns]
            shares = rle.inside([mask for mask in masks if mask is not None], region)
            gone[frame, columns] = shares > HALF + EPSILON
    return _without(comparison, gone)


def without_unlabelled(comparison: Comparison, unlabelled: np.ndarray) -> Comparison:
    """Return a comparison without predicted masks that match nothing on unlabelled frames.

    Args:
        comparison: of one category.
        unlabelled: bool (T,), the frames on which this category was not labelled.
    """
    return _without(comparison, _unmatched(comparison, otherwise=0.0) & unlabelled[:, None])


def _unmatched(comparison: Comparison, *, otherwise: float) -> np.ndarray:
    """Return which predictions are there and are no object's: bool (T, P)."""
    near = comparison.pairs[comparison.pairs.iou >= HALF - EPSILON]
    matched = near[assign(comparison, near, near.iou, otherwise=otherwise)]
    free = comparison.predicted_present.copy()
    free[matched.frame, matched.prediction] = False
    return free


def _without(comparison: Comparison, gone: np.ndarray) -> Comparison:
    """Return a comparison without some predicted masks, bool (T, P), and tracks left with none."""
    kept = comparison.predicted_present & ~gone
    left = kept.any(0)
    pairs = comparison.pairs[~gone[comparison.pairs.frame, comparison.pairs.prediction]]
    renumbered = (np.cumsum(left) - 1)[pairs.prediction]
    return Comparison(
        comparison.truth_present,
        kept[:, left],
        Pairs(pairs.frame, pairs.truth, renumbered, pairs.iou),
    )
