"""What is wrong with each prediction, in the spirit of TIDE (Bolya et al., ECCV 2020), for tracks.

At an IoU threshold t a prediction that the matching left without an object is one of these, the
first that applies. Crowds take no part; objects are annotated tracks.

* ``duplicate``: it overlaps an object of its class by at least t, but a better one has it.
* ``classification``: it overlaps an object of another class by at least t.
* ``association``: its masks are good, but they do not stay with one object for its whole life.
  On each frame where it is drawn, compare it with the object of its class that it fits best
  there; shared over joint pixels, both summed over these frames, reach t. (It switches between
  objects, or breaks off, or begins late.)
* ``localisation``: it overlaps an object of its class by at least 0.1, with masks that are poor.
* ``false_positive``: the rest.

Classification, association and localisation have an object as their target: the one overlapped
most, and for association the one that shares most pixels. An object is ``missed`` if nothing finds
it and it is nobody's target.

Letters: T frames, L IoU thresholds, D predictions, G objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from propose_reduce.evaluation.matching import THRESHOLDS, Matches
from propose_reduce.evaluation.overlap import Overlap, padded
from propose_reduce.evaluation.tracks import Track

KINDS = (
    "right",
    "ignored",
    "duplicate",
    "classification",
    "association",
    "localisation",
    "false_positive",
)
"""What a prediction can be; a kind's number is its place here."""

BACKGROUND_IOU = 0.1
"""Below this a prediction is said to show no object at all (TIDE's value)."""


@dataclass(frozen=True, slots=True, eq=False)
class Mistakes:
    """What the predictions of one video are, the best 100 of each category.

    Attributes:
        predictions: the tracks, category by category, each by falling score.
        objects: the annotated tracks that are no crowds.
        kinds: int64 (L, D), places in ``KINDS``.
        targets: int64 (L, D), the object found or nearly found, -1 for none.
        missed: bool (L, G).
        iou: float64 (D, G).
    """

    predictions: tuple[Track, ...]
    objects: tuple[Track, ...]
    kinds: np.ndarray
    targets: np.ndarray
    missed: np.ndarray
    iou: np.ndarray


def find_mistakes(
    predictions: Sequence[Track],
    areas: Sequence[np.ndarray],
    truths: Sequence[Track],
    overlap: Overlap,
    matches: Sequence[Matches],
) -> Mistakes:
    """Return what is wrong with each prediction of a video.

    Args:
        predictions: all of the video.
        areas: their masks' pixels, (T,) each.
        truths: all annotated tracks of the video.
        overlap: of predictions and truths.
        matches: of each category.
    """
    places = np.concatenate([[], *(m.places for m in matches)]).astype(np.int64)
    nothing = np.zeros((len(THRESHOLDS), 0), dtype=np.int64)
    kept = [place for place, track in enumerate(truths) if not track.crowd]
    object_of = np.full(len(truths) + 1, -1)  # the last stands for "none"
    object_of[kept] = np.arange(len(kept))
    case = _Case(
        predictions=tuple(predictions[place] for place in places),
        objects=tuple(truths[place] for place in kept),
        overlap=Overlap(
            overlap.intersections[:, places][:, :, kept], overlap.unions[:, places][:, :, kept]
        ),
        areas=padded([areas[place] for place in places], len(overlap.unions)),
        found=object_of[np.concatenate([nothing, *(m.truth[0] for m in matches)], axis=1)],
        ignored=np.concatenate([nothing, *(m.ignored[0] for m in matches)], axis=1) > 0,
    )
    kinds, targets = _classify(case)
    missed = np.array([~np.isin(np.arange(len(kept)), row) for row in targets], dtype=bool)
    iou = case.overlap.track_iou
    return Mistakes(case.predictions, case.objects, kinds, targets, missed, iou)


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """One video as the rules see it.

    Attributes:
        predictions: D tracks.
        objects: G tracks.
        overlap: of these.
        areas: int64 (T, D), pixels of the predicted masks.
        found: int64 (L, D), the object the matching gave, -1 for none.
        ignored: bool (L, D).
    """

    predictions: tuple[Track, ...]
    objects: tuple[Track, ...]
    overlap: Overlap
    areas: np.ndarray
    found: np.ndarray
    ignored: np.ndarray


def _classify(case: _Case) -> tuple[np.ndarray, np.ndarray]:
    """Return kinds and targets, (L, D) each; the first rule that applies decides."""
    wanted = [[p.category == o.category for o in case.objects] for p in case.predictions]
    same = np.array(wanted, dtype=bool).reshape(len(case.predictions), len(case.objects))
    iou = case.overlap.track_iou
    own, own_iou = _best(np.where(same, iou, -1.0))
    other, other_iou = _best(np.where(same, -1.0, iou))
    main, _ = _best(np.where(same, case.overlap.intersections.sum(0), -1.0))
    thresholds = THRESHOLDS[:, None]
    rules = [
        (case.found >= 0, case.found),
        (case.ignored, np.full(len(same), -1)),
        (own_iou >= thresholds, own),
        (other_iou >= thresholds, other),
        (_mask_quality(case, same) >= thresholds, main),
        (own_iou >= np.full_like(thresholds, BACKGROUND_IOU), own),
    ]
    conditions = [np.broadcast_to(condition, case.found.shape) for condition, _ in rules]
    targets = [np.broadcast_to(target, case.found.shape) for _, target in rules]
    kinds = np.select(conditions, list(range(len(rules))), default=len(rules))
    return kinds, np.select(conditions, targets, default=-1)


def _best(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row the column of its highest value and that value, -1 without columns."""
    padded = np.concatenate([values, np.full((len(values), 1), -1.0)], axis=1)
    return padded.argmax(1), padded.max(1)


def _mask_quality(case: _Case, same: np.ndarray) -> np.ndarray:
    """Return how well predictions fit whatever object of their class is there: float64 (D,).

    Shared over joint pixels with the best object of each frame, both summed over the frames where
    the prediction is drawn: the track IoU it would have if identity did not matter.
    """
    if not same.size:
        return np.zeros(len(same))
    best = np.where(same, case.overlap.frame_iou, -1.0).argmax(2)[:, :, None]  # (T, D, 1)
    shared = np.take_along_axis(case.overlap.intersections, best, 2)[:, :, 0]
    joint = np.take_along_axis(case.overlap.unions, best, 2)[:, :, 0]
    joint = np.where(shared > 0, joint, case.areas)  # beside every object, or not drawn
    shared = shared * same.any(1)
    quality: np.ndarray = shared.sum(0) / np.maximum(joint.sum(0), 1)
    return quality
