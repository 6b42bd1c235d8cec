"""The result of the YouTube-VIS evaluation: numbers that print and save themselves."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from propose_reduce.evaluation.error_breakdown import ErrorBreakdown
from propose_reduce.evaluation.mistakes import Mistakes
from propose_reduce.evaluation.precision import KEYS
from propose_reduce.files import write_text

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True, eq=False)
class YoutubeVisMetrics:
    """Average precision and recall.

    ``KEYS`` names the twelve numbers of each set: AP over IoU thresholds 0.5 to 0.95, at 0.5 and
    0.75, for small, medium and large objects; AR with 1, 10 and 100 predictions per video and
    category, and by size. All in [0, 1]; -1 where there is nothing to find.

    Attributes:
        scores: the twelve numbers over all categories.
        per_category: the twelve numbers by category id.
        categories: names by category id.
        videos: names by video id.
        curves: by category id, float64 (10 thresholds, 101 recall points): precision. Categories
            without objects have none.
        per_video: the twelve numbers of every video alone by its id, where asked for.
        errors: what keeps the average precision from 1, where asked for.
        mistakes: what is wrong with each prediction by video id, where asked for.
        counts: how many videos, objects (crowds included) and predictions were compared.
        unlisted: predictions that do not count, by category the truth does not list.
        notes: what is odd about the predictions, one line each.
    """

    scores: dict[str, float]
    per_category: dict[int, dict[str, float]]
    categories: dict[int, str]
    videos: dict[int, str]
    curves: dict[int, np.ndarray]
    per_video: dict[int, dict[str, float]] | None
    errors: ErrorBreakdown | None
    mistakes: dict[int, Mistakes] | None
    counts: dict[str, int]
    unlisted: dict[Hashable, int]
    notes: tuple[str, ...]

    def __getitem__(self, key: str) -> Any:
        """Return what ``metrics.json`` holds under a key."""
        return self.to_dict()[key]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``.

        The twelve keys and ``per_category``; ``per_video`` and ``errors`` where they were asked
        for. Ids are text, as JSON has them.
        """
        content: dict[str, Any] = dict(self.scores)
        content["per_category"] = {str(id_): dict(s) for id_, s in self.per_category.items()}
        if self.per_video is not None:
            content["per_video"] = {
                str(id_): {"name": self.videos[id_], **scores}
                for id_, scores in self.per_video.items()
            }
        if self.errors is not None:
            content["errors"] = self.errors.to_dict()
        return content

    def save(self, path: str | Path) -> Path:
        """Write ``metrics.json``, whole or not at all, and return its path."""
        write_text(Path(path), json.dumps(self.to_dict(), indent=1) + "\n")
        return Path(path)

    def table(self) -> Table:
        """Return the numbers in percent, one row per category and one for all."""
        title = (
            f"{self.counts['predictions']} predictions for {self.counts['objects']} objects "
            f"in {self.counts['videos']} videos, percent"
        )
        rows = [(self.categories[id_], scores) for id_, scores in self.per_category.items()]
        table = _table("category", rows, title)
        table.add_section()
        table.add_row("all", *_cells(self.scores), style="bold")
        return table

    def video_table(self) -> Table:
        """Return the numbers of every video alone in percent, the worst first.

        Videos without an object, where nothing is defined, come last.
        """
        per_video = self.per_video or {}
        ordered = sorted(
            per_video, key=lambda id_: (per_video[id_]["AP"] < 0, per_video[id_]["AP"])
        )
        rows = [(f"{id_} {self.videos[id_]}", per_video[id_]) for id_ in ordered]
        return _table("video", rows, "Every video alone, the worst first, percent")


def _table(heading: str, rows: Iterable[tuple[str, Mapping[str, float]]], title: str) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # narrow enough for 80 columns with names of usual length
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column(heading, no_wrap=True)
    for key in KEYS:
        table.add_column(key, justify="right", no_wrap=True)
    for name, scores in rows:
        table.add_row(Text(name), *_cells(scores))  # brackets in a name are no markup
    return table


def _cells(scores: Mapping[str, float]) -> list[str]:
    return [percent(scores[key]) for key in KEYS]


def percent(score: float) -> str:
    """Return one decimal; 100 without it, to stay narrow, and "-" for what is not defined."""
    if score < 0:
        return "-"
    return "100" if score > 0.9995 else f"{100 * score:.1f}"
