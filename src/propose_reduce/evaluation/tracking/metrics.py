"""The result of the tracking evaluation: numbers that print and save themselves.

Letters: U pairs of a video and a category with an object or a prediction, A thresholds.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from propose_reduce.evaluation.statistics import (
    Estimate,
    add_scores,
    drawn_videos,
    estimate_table,
    estimates,
    score_table,
    to_json,
)
from propose_reduce.evaluation.tracking import clear, families
from propose_reduce.files import write_text

if TYPE_CHECKING:
    from rich.table import Table

ALPHA_KEYS = ("HOTA", "DetA", "AssA")
"""The measures whose value at each IoU threshold is in the file."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackingMetrics:
    """Tracking measures, kept as what adds up over videos and categories.

    Attributes:
        metrics: which families of measures there are: ``hota``, ``clear``, ``identity``.
        categories: names of all categories of the truth by id.
        videos: names by video id.
        sums: float64 (U, ...) by name, for HOTA (U, A).
        video_of: int64 (U,), the place of each pair's video in ``videos``.
        category_of: int64 (U,), the place of its category in ``categories``.
        counts: how many videos, objects and predictions were compared.
        notes: what is odd about the data, one line each.
        intervals: whether file and tables say how sure the numbers are.
    """

    metrics: tuple[str, ...]
    categories: dict[Hashable, str]
    videos: dict[Hashable, str]
    sums: families.Sums
    video_of: np.ndarray
    category_of: np.ndarray
    counts: dict[str, int]
    notes: tuple[str, ...]
    intervals: bool = False

    def __getitem__(self, key: str) -> Any:
        """Return what ``metrics.json`` holds under a key."""
        return self.to_dict()[key]

    @property
    def scores(self) -> dict[str, float]:
        """The measures of everything pooled, each detection counting once."""
        everything = {name: values.sum(0) for name, values in self.sums.items()}
        found = families.scores(everything, self.metrics)
        return {key: float(value) for key, value in found.items()}

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The measures of everything pooled, with their errors over draws of videos."""
        weights = drawn_videos(len(self.videos)).astype(np.float64)
        per_video = families.pooled(self.sums, self.video_of, len(self.videos))
        drawn = {name: np.tensordot(weights, sums, axes=1) for name, sums in per_video.items()}
        return estimates(self.scores, families.scores(drawn, self.metrics))

    @property
    def alphas(self) -> dict[str, list[float]]:
        """The measures of everything pooled at the 19 IoU thresholds; empty without ``hota``."""
        everything = {name: values.sum(0) for name, values in self.sums.items()}
        found = families.curves(everything, self.metrics)
        return {key: found[key].tolist() for key in ALPHA_KEYS if key in found}

    @property
    def per_category(self) -> dict[Hashable, dict[str, float]]:
        """The measures of every category of the truth, over all videos."""
        return _rows(self.categories, self._category_scores())

    @property
    def per_video(self) -> dict[Hashable, dict[str, float]]:
        """The measures of every video, over all categories."""
        pooled = families.pooled(self.sums, self.video_of, len(self.videos))
        return _rows(self.videos, families.scores(pooled, self.metrics))

    @property
    def class_averaged(self) -> dict[str, float]:
        """Means over all categories of the truth; switches and objects are added up.

        A category with neither objects nor predictions counts too, as in TrackEval.
        """
        everyone = np.ones(len(self.categories), dtype=bool)
        return families.class_average(self._category_scores(), everyone) or {}

    @property
    def class_averaged_nonempty(self) -> dict[str, float] | None:
        """Means over the categories that have an object or a prediction; None if none has."""
        return families.class_average(self._category_scores(), self.used)

    def _category_scores(self) -> dict[str, np.ndarray]:
        pooled = families.pooled(self.sums, self.category_of, len(self.categories))
        return families.scores(pooled, self.metrics)

    @property
    def used(self) -> np.ndarray:
        """Which categories have an object or a prediction: bool, in the order of the ids."""
        used = np.zeros(len(self.categories), dtype=bool)
        used[self.category_of] = True
        return used

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``. Ids are text, as JSON has them."""
        content: dict[str, Any] = dict(self.scores)
        content["class_averaged"] = self.class_averaged
        content["class_averaged_nonempty"] = self.class_averaged_nonempty
        content["per_category"] = {str(id_): each for id_, each in self.per_category.items()}
        content["per_video"] = {
            str(id_): {"name": self.videos[id_], **each} for id_, each in self.per_video.items()
        }
        if "hota" in self.metrics:
            content["alphas"] = self.alphas
        if self.intervals:
            content["intervals"] = to_json(self.estimates)
        return content

    def save(self, path: str | Path) -> Path:
        """Write ``metrics.json``, whole or not at all, and return its path."""
        write_text(Path(path), json.dumps(self.to_dict(), indent=1) + "\n")
        return Path(path)

    def tables(self) -> list[Table]:
        """Return one table per family: categories with an object or a prediction, and all.

        Measures are in percent, switches and objects are counts.
        """
        title = (
            f"{self.counts['predictions']} tracks for {self.counts['objects']} objects "
            f"in {self.counts['videos']} videos, percent"
        )
        used = [id_ for id_, is_used in zip(self.categories, self.used, strict=True) if is_used]
        per_category = self.per_category
        rows = [(self.categories[id_], per_category[id_]) for id_ in used]
        totals = [("mean", self.class_averaged_nonempty or {})] if len(used) > 1 else []
        return self._tables("category", title, rows, [*totals, ("all", self.scores)])

    def interval_table(self) -> Table:
        """Return the measures that are no counts with their 95 % intervals in percent."""
        rows = {key: each for key, each in self.estimates.items() if key not in clear.COUNTED}
        return estimate_table(f"95 % intervals over {len(self.videos)} videos, percent", rows)

    def video_tables(self) -> list[Table]:
        """Return one table per family with a row per video, the lowest first."""
        first = families.FAMILIES[self.metrics[0]].scores[0]
        ordered = sorted(self.per_video.items(), key=lambda item: item[1][first])
        rows = [(f"{id_} {self.videos[id_]}", each) for id_, each in ordered]
        return self._tables("video", f"Every video, the lowest {first} first, percent", rows, [])

    def _tables(
        self,
        heading: str,
        title: str,
        rows: Sequence[tuple[str, Mapping[str, float]]],
        totals: Sequence[tuple[str, Mapping[str, float]]],
    ) -> list[Table]:
        tables: list[Table] = []
        for name in self.metrics:
            keys = families.FAMILIES[name].scores
            table = score_table("" if tables else title, [heading], keys, padding=0)
            for label, scores in rows:
                add_scores(table, [label], [_score_cell(key, scores[key]) for key in keys])
            table.add_section()
            for label, scores in totals:
                cells = [_score_cell(key, scores[key]) for key in keys]
                add_scores(table, [label], cells, style="bold")
            tables.append(table)
        return tables


def _rows(
    ids: Iterable[Hashable], scores: Mapping[str, np.ndarray]
) -> dict[Hashable, dict[str, float]]:
    columns = [values.tolist() for values in scores.values()]
    return {
        id_: dict(zip(scores, values, strict=True))
        for id_, values in zip(ids, zip(*columns, strict=True), strict=True)
    }


def _score_cell(key: str, score: float) -> str:
    return f"{score:.0f}" if key in clear.COUNTED else f"{100 * score:.1f}"
