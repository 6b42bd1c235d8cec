"""What keeps the average precision from 1: the gain if one kind of mistake were gone.

For each IoU threshold, each kind of mistake (:mod:`.mistakes`) is repaired alone, and the average
precision counted anew with the official rules:

* ``classification``, ``association``, ``localisation``: the prediction finds its target (under
  the target's category); if something else has found it, the prediction is taken away.
* ``duplicate``, ``false_positive``: the prediction is taken away.
* ``missed``: the object no longer has to be found; a category left without objects counts as 1.

The gains are differences to the unrepaired average precision and do not sum to what is missing.

Letters: L IoU thresholds, N predictions of all videos.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from propose_reduce.evaluation.matching import THRESHOLDS
from propose_reduce.evaluation.mistakes import KINDS, Mistakes
from propose_reduce.evaluation.precision import curve

if TYPE_CHECKING:
    from rich.table import Table

ERRORS = (
    *("classification", "localisation", "association"),
    *("duplicate", "false_positive", "missed"),
)
"""The kinds of mistakes, in the order of the tables."""

REPAIRED = ("classification", "localisation", "association")
"""Those whose repair lets the prediction find its target."""


@dataclass(frozen=True, slots=True)
class ErrorGain:
    """One kind of mistake.

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
    """The gain for each kind of mistake, by its name in ``ERRORS``."""

    gains: dict[str, ErrorGain]

    def to_dict(self) -> dict[str, Any]:
        """Return count and gains per kind, as plain JSON values."""
        return {
            name: {"count": g.count, "AP": g.gain, "AP50": g.gain50, "AP75": g.gain75}
            for name, g in self.gains.items()
        }

    def table(self) -> Table:
        """Return the kinds with their counts and gains, to print with rich."""
        from rich import box
        from rich.table import Table

        title = "What would be gained if one kind of error were gone (points)"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column("error")
        for heading in ("count at IoU 0.5", "AP", "AP50", "AP75"):
            table.add_column(heading, justify="right")
        for name, g in self.gains.items():
            points = [f"{100 * gain:+.1f}" for gain in (g.gain, g.gain50, g.gain75)]
            table.add_row(name.replace("_", " "), str(g.count), *points)
        return table


@dataclass(frozen=True, slots=True, eq=False)
class _Ledger:
    """All predictions and objects, video by video.

    Attributes:
        scores: float64 (N,).
        categories: int64 (N,), places in the list of categories.
        kinds: int64 (L, N).
        targets: int64 (L, N), places among all objects, -1 for none.
        object_categories: int64 (O,).
        missed: bool (L, O).
    """

    scores: np.ndarray
    categories: np.ndarray
    kinds: np.ndarray
    targets: np.ndarray
    object_categories: np.ndarray
    missed: np.ndarray


def breakdown(videos: Mapping[int, Mistakes], categories: list[Hashable]) -> ErrorBreakdown:
    """Return what each kind of mistake costs.

    Args:
        videos: the mistakes of every video, in ascending order of their ids.
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


def _ledger(videos: list[Mistakes], places: Mapping[Hashable, int]) -> _Ledger:
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
        categories=np.array([places[track.category] for track in predictions], dtype=np.int64),
        kinds=np.concatenate([nothing, *(m.kinds for m in videos)], axis=1),
        targets=np.concatenate([nothing, *targets], axis=1),
        object_categories=np.array([places[track.category] for track in objects], dtype=np.int64),
        missed=np.concatenate([nothing, *(m.missed for m in videos)], axis=1) > 0,
    )


def _average_precision(ledger: _Ledger, error: str) -> np.ndarray:
    """Return the average precision at each threshold, (L,), with one kind of error repaired."""
    right = ledger.kinds == KINDS.index("right")
    gone = ledger.kinds == KINDS.index("ignored")
    categories = np.broadcast_to(ledger.categories, ledger.kinds.shape)
    if error in KINDS:
        wrong = ledger.kinds == KINDS.index(error)
        repaired = np.zeros(wrong.shape, dtype=bool)
        if error in REPAIRED:
            repaired = _first_for_its_target(ledger, wrong, right)
            renamed = np.append(ledger.object_categories, -1)[ledger.targets]
            categories = np.where(repaired, renamed, categories)
        right, gone = right | repaired, gone | (wrong & ~repaired)
    found = []
    for category in np.unique(ledger.object_categories):
        objects = ledger.object_categories == category
        counted = np.full(len(THRESHOLDS), objects.sum())
        if error == "missed":
            counted = counted - ledger.missed[:, objects].sum(axis=1)
        here = categories == category
        some = here.any(axis=0)
        result = curve(
            ledger.scores[some],
            (right & here)[:, some],
            (gone | ~here)[:, some],
            np.maximum(counted, 1),
        )
        found.append(np.where(counted > 0, result.precision.mean(axis=1), 1.0))
    return np.mean(found, axis=0) if found else np.zeros(len(THRESHOLDS))


def _first_for_its_target(ledger: _Ledger, wrong: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return which wrong predictions may find their target, bool (L, N).

    Those whose target nothing has found, the best-scoring of several.
    """
    chosen = np.zeros(wrong.shape, dtype=bool)
    by_score = np.argsort(-ledger.scores, kind="stable")
    for level in range(len(wrong)):
        found = ledger.targets[level, right[level]]
        candidates = by_score[wrong[level, by_score]]
        candidates = candidates[~np.isin(ledger.targets[level, candidates], found)]
        _, first = np.unique(ledger.targets[level, candidates], return_index=True)
        chosen[level, candidates[first]] = True
    return chosen
