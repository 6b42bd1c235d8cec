"""Tracks of the truth and of a prediction, compared frame by frame.

Letters: T frames, G tracks of the truth, P predicted tracks, N pairs of masks that share pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from propose_reduce import rle
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


EPSILON = float(np.finfo(np.float64).eps)
"""What TrackEval takes from every threshold, so that an IoU of exactly k / 20 reaches it."""


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of masks, one of the truth and one predicted, that share pixels on a frame.

    In the order of frame, truth, prediction.

    Attributes:
        frame: int64 (N,).
        truth: int64 (N,), column of ``Comparison.truth_present``.
        prediction: int64 (N,), column of ``Comparison.predicted_present``.
        iou: float64 (N,), shared over joint pixels, above 0.
    """

    frame: np.ndarray
    truth: np.ndarray
    prediction: np.ndarray
    iou: np.ndarray

    def __len__(self) -> int:
        """Return N."""
        return len(self.frame)

    def __getitem__(self, chosen: np.ndarray) -> Pairs:
        """Return the pairs at indices, or where a bool array (N,) is true."""
        return Pairs(
            self.frame[chosen], self.truth[chosen], self.prediction[chosen], self.iou[chosen]
        )


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One video and one category: who is where, and which masks overlap.

    A mask without a pixel is there and overlaps nothing. Tracks that are nowhere are left out.

    Attributes:
        truth_present: bool (T, G).
        predicted_present: bool (T, P).
        pairs: the masks that overlap.
    """

    truth_present: np.ndarray
    predicted_present: np.ndarray
    pairs: Pairs

    @property
    def truth_lengths(self) -> np.ndarray:
        """On how many frames each object is: int64 (G,), at least 1."""
        return self.truth_present.sum(0)

    @property
    def predicted_lengths(self) -> np.ndarray:
        """On how many frames each predicted track is: int64 (P,), at least 1."""
        return self.predicted_present.sum(0)


def compare(
    truths: Sequence[Track],
    predictions: Sequence[Track],
    num_frames: int,
    overlap: Callable[[Sequence[rle.Rle], Sequence[rle.Rle]], np.ndarray] = rle.iou,
) -> Comparison:
    """Return how tracks of one video and category overlap.

    Args:
        truths: the objects, in file order; sound masks (:func:`..overlap.mask_areas`).
        predictions: the predicted tracks, in file order; sound masks.
        num_frames: T; what a track has beyond is cut, what it lacks is absent.
        overlap: gives the IoUs of N and M masks, float64 (N, M).
    """
    truth_present, truth_masks = _present(truths, num_frames)
    predicted_present, predicted_masks = _present(predictions, num_frames)
    parts = []
    for frame, (known, found) in enumerate(zip(truth_masks, predicted_masks, strict=True)):
        rows = [row for row, mask in enumerate(known) if mask is not None]
        columns = [column for column, mask in enumerate(found) if mask is not None]
        if rows and columns:
            iou = overlap(
                [mask for mask in known if mask is not None],
                [mask for mask in found if mask is not None],
            )
            row, column = (iou > 0).nonzero()
            parts.append(
                (
                    np.full(len(row), frame),
                    np.array(rows)[row],
                    np.array(columns)[column],
                    iou[row, column],
                )
            )
    if not parts:
        none = np.zeros(0, dtype=np.int64)
        return Comparison(
            truth_present, predicted_present, Pairs(none, none, none, none.astype(np.float64))
        )
    return Comparison(
        truth_present,
        predicted_present,
        Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True))),
    )


def _present(
    tracks: Sequence[Track], num_frames: int
) -> tuple[np.ndarray, list[tuple[rle.Rle | None, ...]]]:
    """Return where tracks are, bool (T, N), and their masks frame by frame."""
    rows = []
    for track in tracks:
        masks = track.segmentations[:num_frames]
        masks += (None,) * (num_frames - len(masks))
        if any(mask is not None for mask in masks):
            rows.append(masks)
    present = np.array([[mask is not None for mask in masks] for masks in rows], dtype=bool)
    by_frame = list(zip(*rows, strict=True)) or [()] * num_frames
    return present.reshape(len(rows), num_frames).T, by_frame


def contested(pairs: Pairs) -> np.ndarray:
    """Return the frames on which a mask is in two of the pairs, ascending: int64.

    On all others every pair can be assigned, and no assignment is better.
    """
    shared = [pairs.frame[:0]]
    for side in (pairs.truth, pairs.prediction):
        order = np.lexsort((side, pairs.frame))
        frame, track = pairs.frame[order], side[order]
        shared.append(frame[1:][(frame[1:] == frame[:-1]) & (track[1:] == track[:-1])])
    return np.unique(np.concatenate(shared))


def assign(
    comparison: Comparison, pairs: Pairs, weights: np.ndarray, *, otherwise: float = 0.0
) -> np.ndarray:
    """Return which pairs are assigned, each mask in one pair at most: bool (N,).

    On each frame the assignment of everything present that has the highest sum of weights. It is
    SciPy's on the whole matrix of the frame, so that ties fall as they do in TrackEval.

    Args:
        comparison: what is present.
        pairs: those that may be assigned, in order.
        weights: float64 (N,), above 0.
        otherwise: the weight of all pairs that are not among these; none of them is assigned.
    """
    chosen = np.ones(len(pairs), dtype=bool)
    for frame in contested(pairs):
        chosen[frame_slice(pairs, frame)] = assign_frame(
            comparison, pairs, frame, weights, otherwise=otherwise
        )
    return chosen


def frame_slice(pairs: Pairs, frame: int) -> slice:
    """Return where the pairs of a frame stand."""
    start, stop = np.searchsorted(pairs.frame, (frame, frame + 1))
    return slice(int(start), int(stop))


def assign_frame(
    comparison: Comparison,
    pairs: Pairs,
    frame: int,
    weights: np.ndarray,
    *,
    otherwise: float = 0.0,
) -> np.ndarray:
    """Return which pairs of one frame are assigned, bool, by the rule of :func:`assign`."""
    part = frame_slice(pairs, frame)
    known = comparison.truth_present[frame].nonzero()[0]
    found = comparison.predicted_present[frame].nonzero()[0]
    matrix = np.full((len(known), len(found)), otherwise)
    rows = known.searchsorted(pairs.truth[part])
    columns = found.searchsorted(pairs.prediction[part])
    matrix[rows, columns] = weights[part]
    taken = np.zeros(matrix.shape, dtype=bool)
    taken[linear_sum_assignment(matrix, maximize=True)] = True
    return taken[rows, columns]
