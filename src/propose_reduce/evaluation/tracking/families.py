"""The families of tracking measures, and how their sums are pooled over videos and categories."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from propose_reduce.errors import unknown_name
from propose_reduce.evaluation.tracking import clear, hota, identity
from propose_reduce.evaluation.tracking.comparison import Comparison

Sums = Mapping[str, np.ndarray]
"""What adds up, by name: float64 (...), for HOTA (..., thresholds)."""


UnitSums = Mapping[str, np.ndarray | float]
"""The sums of one video and category; those of HOTA are float64 (thresholds,)."""


@dataclass(frozen=True, slots=True)
class Family:
    """Measures that are counted together.

    Attributes:
        sums: names of what adds up over videos and categories.
        scores: names of the measures.
        measure: counts the sums of one video and category.
        score: makes measures of sums, single or pooled.
        thresholds: whether sums and measures have one number per IoU threshold.
    """

    sums: tuple[str, ...]
    scores: tuple[str, ...]
    measure: Callable[[Comparison], UnitSums]
    score: Callable[[Sums], dict[str, np.ndarray]]
    thresholds: bool = False


FAMILIES = {
    "hota": Family(hota.SUMS, hota.SCORES, hota.hota_sums, hota.hota_scores, thresholds=True),
    "clear": Family(clear.SUMS, clear.SCORES, clear.clear_sums, clear.clear_scores),
    "identity": Family(
        identity.SUMS, identity.SCORES, identity.identity_sums, identity.identity_scores
    ),
}


def check_families(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of families without repetitions.

    Raises:
        InputError: a name that none has.
    """
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in FAMILIES:
            raise unknown_name("family of tracking metrics", name, FAMILIES)
    return chosen


def measure_families(comparison: Comparison, families: Iterable[str]) -> UnitSums:
    """Return all sums of some families for one video and category."""
    sums: dict[str, np.ndarray | float] = {}
    for name in families:
        sums |= FAMILIES[name].measure(comparison)
    return sums


def stacked(units: Sequence[UnitSums], families: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the sums of U units as float64 (U, ...)."""
    table = {}
    for name in families:
        family = FAMILIES[name]
        shape = (len(units), len(hota.ALPHAS)) if family.thresholds else (len(units),)
        for key in family.sums:
            table[key] = np.array([unit[key] for unit in units], dtype=np.float64).reshape(shape)
    return table


def pooled(sums: Sums, groups: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Return the sums of units added up by group: float64 (count, ...).

    Args:
        sums: float64 (U, ...).
        groups: int64 (U,), the group of each unit.
        count: how many groups there are; one without a unit has 0.
    """
    totals = {}
    for name, values in sums.items():
        totals[name] = np.zeros((count, *values.shape[1:]))
        np.add.at(totals[name], groups, values)
    return totals


def curves(sums: Sums, families: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the measures as they come of sums (...): float64 (...), for HOTA (..., A)."""
    found: dict[str, np.ndarray] = {}
    for name in families:
        found |= FAMILIES[name].score(sums)
    return found


def scores(sums: Sums, families: Iterable[str]) -> dict[str, np.ndarray]:
    """Return the measures of sums (...), those of HOTA as means over the thresholds."""
    return {
        key: values.mean(-1) if key in hota.SCORES else values
        for key, values in curves(sums, families).items()
    }


def class_average(
    per_category: Mapping[str, np.ndarray], chosen: np.ndarray
) -> dict[str, float] | None:
    """Return the means of measures over categories; counts are added up instead.

    Args:
        per_category: float64 (C,) for each measure.
        chosen: bool (C,), the categories that take part.
    """
    if not chosen.any():
        return None
    return {
        key: float(values[chosen].sum() if key in clear.COUNTED else values[chosen].mean())
        for key, values in per_category.items()
    }
