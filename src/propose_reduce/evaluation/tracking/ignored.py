"""Ignore regions of the MOTS challenges: what lies there and is no object does not count."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from propose_reduce import rle
from propose_reduce.evaluation.tracking.comparison import EPSILON, Comparison, Pairs, assign
from propose_reduce.evaluation.tracks import Track

HALF = 0.5
"""IoU from which a prediction is an object's, and the share of it that an ignore region must hold
and exceed for it not to count (MOTS)."""

NEVER = -10_000.0
"""TrackEval's weight for pairs that may not be assigned here."""


def without_ignored(
    comparison: Comparison, predictions: Sequence[Track], ignored: Sequence[rle.Rle | None]
) -> Comparison:
    """Return a comparison without predicted masks that match nothing and lie in ignore regions.

    Args:
        comparison: of these predictions, of which each is somewhere.
        predictions: the tracks that were compared, in order.
        ignored: the region of each frame.
    """
    near = comparison.pairs[comparison.pairs.iou >= HALF - EPSILON]
    matched = near[assign(comparison, near, near.iou, otherwise=NEVER)]
    free = comparison.predicted_present.copy()
    free[matched.frame, matched.prediction] = False
    gone = np.zeros(free.shape, dtype=bool)
    for frame, region in enumerate(ignored):
        columns = np.flatnonzero(free[frame])
        if region is not None and columns.size:
            masks = [predictions[int(column)].segmentations[frame] for column in columns]
            shares = rle.inside([mask for mask in masks if mask is not None], region)
            gone[frame, columns] = shares > HALF + EPSILON
    kept = comparison.predicted_present & ~gone
    left = kept.any(0)
    pairs = comparison.pairs[~gone[comparison.pairs.frame, comparison.pairs.prediction]]
    renumbered = (np.cumsum(left) - 1)[pairs.prediction]
    return Comparison(
        comparison.truth_present,
        kept[:, left],
        Pairs(pairs.frame, pairs.truth, renumbered, pairs.iou),
    )
