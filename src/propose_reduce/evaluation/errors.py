"""What is wrong with each prediction, and what each kind of error costs.

The kinds of errors are in the spirit of TIDE (Bolya et al., ECCV 2020), for tracks. At an IoU
threshold t a prediction that the matching left without an object is one of these, the first that
applies. Crowds take no part; objects are annotated tracks.

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

What a kind costs is the gain if it were gone. For each IoU threshold each kind is repaired alone,
and the average precision counted anew with the official rules:

* ``classification``, ``association``, ``localisation``: the prediction finds its target (under
  the target's category); if something else has found it, the prediction is taken away.
* ``duplicate``, ``false_positive``: the prediction is taken away.
* ``missed``: the object no longer has to be found; a category left without objects counts as 1.

The gains are differences to the unrepaired average precision and do not sum to what is missing.

Letters: T frames, L IoU thresholds, D predictions of a video, G its objects, N predictions and O
objects of all videos.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from propose_reduce.evaluation.average_precision import THRESHOLDS, Matches, curve
from propose_reduce.evaluation.statistics import add_scores, score_table
from propose_reduce.evaluation.tracks import Overlap, Track, padded

if TYPE_CHECKING:
    from rich.table import Table


KINDS = (
    "correct",
    "ignored",
    "duplicate",
    "classification",
    "association",
    "localisation",
    "false_positive",
)
"""What a prediction can be; a kind's number is its index here."""

BACKGROUND_IOU = 0.1
"""Below this a prediction counts as showing no object at all (TIDE's value)."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackErrors:
    """The errors of one video: what each prediction is, the best 100 of each category.

    Attributes:
        predictions: the tracks, category by category, each by falling score.
        objects: the annotated tracks that are no crowds.
        kinds: int64 (L, D), indices into ``KINDS``.
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


def find_errors(
    predictions: Sequence[Track],
    areas: Sequence[np.ndarray],
    truths: Sequence[Track],
    overlap: Overlap,
    matches: Sequence[Matches],
) -> TrackErrors:
    """Return the errors of a video: what is wrong with each prediction.

    Args:
        predictions: all of the video.
        areas: their masks' pixels, (T,) each.
        truths: all annotated tracks of the video.
        overlap: of predictions and truths.
        matches: of each category.
    """
    indices = np.concatenate([[], *(m.indices for m in matches)]).astype(np.int64)
    nothing = np.zeros((len(THRESHOLDS), 0), dtype=np.int64)
    kept = [index for index, track in enumerate(truths) if not track.crowd]
    object_of = np.full(len(truths) + 1, -1)  # the last stands for "none"
    object_of[kept] = np.arange(len(kept))
    case = _Case(
        predictions=tuple(predictions[index] for index in indices),
        objects=tuple(truths[index] for index in kept),
        overlap=Overlap(
            overlap.intersections[:, indices][:, :, kept], overlap.unions[:, indices][:, :, kept]
        ),
        areas=padded([areas[index] for index in indices], len(overlap.unions)),
        found=object_of[np.concatenate([nothing, *(m.truth[0] for m in matches)], axis=1)],
        ignored=np.concatenate([nothing, *(m.ignored[0] for m in matches)], axis=1) > 0,
    )
    kinds, targets = _classify(case)
    missed = np.array([~np.isin(np.arange(len(kept)), row) for row in targets], dtype=bool)
    iou = case.overlap.track_iou
    return TrackErrors(case.predictions, case.objects, kinds, targets, missed, iou)


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
    own, own_iou = _best_column(np.where(same, iou, -1.0))
    other, other_iou = _best_column(np.where(same, -1.0, iou))
    main, _ = _best_column(np.where(same, case.overlap.intersections.sum(0), -1.0))
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


def _best_column(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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


ERRORS = (
    *("classification", "localisation", "association"),
    *("duplicate", "false_positive", "missed"),
)
"""The kinds of errors, in the order of the tables."""

REPAIRED = ("classification", "localisation", "association")
"""Those whose repair lets the prediction find its target."""


@dataclass(frozen=True, slots=True)
class ErrorGain:
    """One kind of error: how often it occurs, and what it costs.

    Attributes:
        count: predictions (for ``missed``: objects) with it at IoU 0.5.
        gain: of AP if it were gone, in [0, 1].
        gain50: of AP50.
        gain75: of AP75.
    """

    count: int
    gain: float
    gain50: float
    gain75: float


@dataclass(frozen=True, slots=True)
class ErrorBreakdown:
    """The gain for each kind of error, by its name in ``ERRORS``."""

    gains: dict[str, ErrorGain]

    def to_dict(self) -> dict[str, Any]:
        """Return count and gains per kind, as plain JSON values."""
        return {
            name: {"count": g.count, "AP": g.gain, "AP50": g.gain50, "AP75": g.gain75}
            for name, g in self.gains.items()
        }

    def table(self) -> Table:
        """Return the kinds with their counts and gains, to print with rich."""
        title = "What would be gained if one kind of error were gone (points)"
        table = score_table(title, ["error"], ["count at IoU 0.5", "AP", "AP50", "AP75"])
        for name, g in self.gains.items():
            points = [f"{100 * gain:+.1f}" for gain in (g.gain, g.gain50, g.gain75)]
            add_scores(table, [name.replace("_", " ")], [str(g.count), *points])
        return table


@dataclass(frozen=True, slots=True, eq=False)
class _Ledger:
    """The predictions and objects of all videos, one video after the other.

    Attributes:
        scores: float64 (N,).
        categories: int64 (N,), indices into the list of categories.
        kinds: int64 (L, N).
        targets: int64 (L, N), indices into all objects, -1 for none.
        object_categories: int64 (O,).
        missed: bool (L, O).
    """

    scores: np.ndarray
    categories: np.ndarray
    kinds: np.ndarray
    targets: np.ndarray
    object_categories: np.ndarray
    missed: np.ndarray


def breakdown(videos: Mapping[int, TrackErrors], categories: list[Hashable]) -> ErrorBreakdown:
    """Return the breakdown: what each kind of error costs.

    Args:
        videos: the errors of every video, in ascending order of their ids.
        categories: every category of the truth.
    """
    ledger = _ledger(list(videos.values()), {c: i for i, c in enumerate(categories)})
    before = _average_precision(ledger, "nothing")
    gains = {}
    for error in ERRORS:
        gain = _average_precision(ledger, error) - before
        count = (
            ledger.missed[0].sum()
            if error == "missed"
            else (ledger.kinds[0] == KINDS.index(error)).sum()
        )
        gains[error] = ErrorGain(int(count), float(gain.mean()), float(gain[0]), float(gain[5]))
    return ErrorBreakdown(gains)


def _ledger(videos: list[TrackErrors], indices: Mapping[Hashable, int]) -> _Ledger:
    offsets = np.cumsum([0, *(len(m.objects) for m in videos)])
    nothing = np.zeros((len(THRESHOLDS), 0), dtype=np.int64)
    targets = [
        np.where(m.targets >= 0, m.targets + offset, -1)
        for m, offset in zip(videos, offsets[:-1], strict=True)
    ]
    predictions = [track for m in videos for track in m.predictions]
    objects = [track for m in videos for track in m.objects]
    return _Ledger(
        scores=np.array([track.score for track in predictions], dtype=np.float64),
        categories=np.array([indices[track.category] for track in predictions], dtype=np.int64),
        kinds=np.concatenate([nothing, *(m.kinds for m in videos)], axis=1),
        targets=np.concatenate([nothing, *targets], axis=1),
        object_categories=np.array([indices[track.category] for track in objects], dtype=np.int64),
        missed=np.concatenate([nothing, *(m.missed for m in videos)], axis=1) > 0,
    )


def _average_precision(ledger: _Ledger, error: str) -> np.ndarray:
    """Return the average precision at each threshold, (L,), with one kind of error repaired."""
    correct = ledger.kinds == KINDS.index("correct")
    ignored = ledger.kinds == KINDS.index("ignored")
    categories = np.broadcast_to(ledger.categories, ledger.kinds.shape)
    if error in KINDS:
        wrong = ledger.kinds == KINDS.index(error)
        repaired = np.zeros(wrong.shape, dtype=bool)
        if error in REPAIRED:
            repaired = _first_for_its_target(ledger, wrong, correct)
            renamed = np.append(ledger.object_categories, -1)[ledger.targets]
            categories = np.where(repaired, renamed, categories)
        correct, ignored = correct | repaired, ignored | (wrong & ~repaired)
    found = []
    for category in np.unique(ledger.object_categories):
        objects = ledger.object_categories == category
        positives = np.full(len(THRESHOLDS), objects.sum())
        if error == "missed":
            positives = positives - ledger.missed[:, objects].sum(axis=1)
        here = categories == category
        some = here.any(axis=0)
        result = curve(
            ledger.scores[some],
            (correct & here)[:, some],
            (ignored | ~here)[:, some],
            np.maximum(positives, 1),
        )
        found.append(np.where(positives > 0, result.precision.mean(axis=1), 1.0))
    return np.mean(found, axis=0) if found else np.zeros(len(THRESHOLDS))


def _first_for_its_target(ledger: _Ledger, wrong: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Return which wrong predictions may find their target, bool (L, N).

    Those whose target nothing has found, the best-scoring of several.
    """
    chosen = np.zeros(wrong.shape, dtype=bool)
    by_score = np.argsort(-ledger.scores, kind="stable")
    for level in range(len(wrong)):
        found = ledger.targets[level, correct[level]]
        candidates = by_score[wrong[level, by_score]]
        candidates = candidates[~np.isin(ledger.targets[level, candidates], found)]
        _, first = np.unique(ledger.targets[level, candidates], return_index=True)
        chosen[level, candidates[first]] = True
    return chosen
