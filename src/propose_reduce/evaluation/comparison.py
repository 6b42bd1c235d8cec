"""Several methods on the same truth: scores side by side, differences to the first."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propose_reduce.errors import InputError
from propose_reduce.evaluation.average_precision import KEYS
from propose_reduce.evaluation.statistics import (
    Estimate,
    add_scores,
    differences,
    estimate_table,
    score_table,
    to_json,
)
from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics, percent
from propose_reduce.files import write_text

if TYPE_CHECKING:
    from rich.table import Table

FILES = ("comparison.csv", "comparison.md", "comparison.tex")
"""The table of scores in three forms, as :meth:`Comparison.save_tables` writes them."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The metrics of methods on one truth.

    Attributes:
        methods: metrics by the method's name, at least one; the first is what others are compared
            with.
    """

    methods: Mapping[str, YoutubeVisMetrics]

    def difference(self, name: str, key: str) -> float | None:
        """Return how much higher a score is than that of the first method, None if undefined."""
        first, *_ = self.methods.values()
        return _difference(self.methods[name].scores[key], first.scores[key])

    def columns(self) -> list[str]:
        """Return the headings for :meth:`cells`."""
        first, *others = self.methods
        return [first, *(heading for name in others for heading in (name, "difference"))]

    def cells(self, scores: Sequence[float]) -> list[str]:
        """Return one number of each method and, after the first one, its difference, as text."""
        first, *others = scores
        pairs = [(percent(score), points(_difference(score, first))) for score in others]
        return [percent(first), *(cell for pair in pairs for cell in pair)]

    def by_category(self) -> list[tuple[int, list[float]]]:
        """Return the AP of each method by category id, those that differ most first."""
        first, *_ = self.methods.values()
        rows = [
            (id_, [each.per_category[id_]["AP"] for each in self.methods.values()])
            for id_ in first.per_category
            if any(id_ in each.present for each in self.methods.values())
        ]
        return sorted(rows, key=_row_spread, reverse=True)

    def by_video(self) -> list[tuple[int, list[float]]]:
        """Return the AP of each method by video id, those that differ most first.

        Videos without an object, where nothing is defined, are left out, as are all of them where
        the metrics were made without ``per_video``.
        """
        tables = [each.per_video or {} for each in self.methods.values()]
        rows = [(id_, [table[id_]["AP"] for table in tables]) for id_ in tables[0]]
        return sorted((row for row in rows if max(row[1]) >= 0), key=_row_spread, reverse=True)

    def differences(self) -> dict[str, dict[str, Estimate]]:
        """Return by method how much more it has than the first one, and how sure that is.

        Empty where the metrics were made without ``intervals``.
        """
        (_, first), *others = self.methods.items()
        return {
            name: differences(metrics.defined, metrics.draws, first.defined, first.draws)
            for name, metrics in others
            if metrics.draws is not None and first.draws is not None
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``metrics.json``: that of each method under its name.

        With intervals, ``differences`` has those of the other methods to the first.
        """
        methods = {name: metrics.to_dict() for name, metrics in self.methods.items()}
        found = self.differences()
        if not found:
            return {"methods": methods}
        rows = {name: to_json(each, self._num_videos) for name, each in found.items()}
        return {"methods": methods, "differences": rows}

    @property
    def _num_videos(self) -> int:
        first, *_ = self.methods.values()
        return first.counts["videos"]

    def interval_tables(self) -> list[Table]:
        """Return a table per method after the first: differences with their 95 % intervals."""
        first, *_ = self.methods
        return [
            estimate_table(
                f"'{name}' less '{first}': points, with 95 % intervals", each, self._num_videos
            )
            for name, each in self.differences().items()
        ]

    def save(self, path: str | Path) -> Path:
        """Write ``metrics.json``, whole or not at all, and return its path."""
        write_text(Path(path), json.dumps(self.to_dict(), indent=1) + "\n")
        return Path(path)

    def table(self) -> Table:
        """Return the scores in percent: a row per method, and its difference to the first."""
        first, *_ = self.methods
        counts = self.methods[first].counts
        title = (
            f"{len(self.methods)} methods on {counts['objects']} objects in {counts['videos']} "
            f"videos, percent;\nbelow each the points it has more than '{first}'"
        )
        table = score_table(title, ["method"], KEYS, padding=0)
        for name, metrics in self.methods.items():
            add_scores(table, [name], [percent(metrics.scores[key]) for key in KEYS])
            if name != first:
                differences = [points(self.difference(name, key)) for key in KEYS]
                add_scores(table, [""], differences, style="dim")
        return table

    def save_tables(self, folder: str | Path) -> None:
        """Write the files named in ``FILES``: CSV in [0, 1], Markdown and LaTeX in percent."""
        texts = (self.to_csv(), self.to_markdown(), self.to_latex())
        for file, text in zip(FILES, texts, strict=True):
            write_text(Path(folder) / file, text)

    def to_csv(self) -> str:
        """Return the scores as CSV: numbers in [0, 1], empty where they are not defined."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["method", *KEYS])
        for name, metrics in self.methods.items():
            scores = [metrics.scores[key] for key in KEYS]
            writer.writerow([name, *("" if score < 0 else score for score in scores)])
        return text.getvalue()

    def to_markdown(self) -> str:
        """Return the scores in percent as a table in Markdown."""
        lines = ["| method | " + " | ".join(KEYS) + " |", "| --- |" + " ---: |" * len(KEYS)]
        for name, metrics in self.methods.items():
            cells = [_markdown(name), *(percent(metrics.scores[key]) for key in KEYS)]
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    def to_latex(self) -> str:
        """Return the scores in percent as a LaTeX ``tabular``, the best of each column bold."""
        shown = {
            key: [percent(metrics.scores[key]) for metrics in self.methods.values()] for key in KEYS
        }
        best = {key: max(texts, key=_value) for key, texts in shown.items()}
        headings = [rf"{key[:2]}$_{{{key[2:]}}}$" if key[2:] else key for key in KEYS]
        lines = [
            rf"\begin{{tabular}}{{l{'r' * len(KEYS)}}}",
            r"\hline",
            rf"method & {' & '.join(headings)} \\",
            r"\hline",
        ]
        for row, name in enumerate(self.methods):
            texts = [shown[key][row] for key in KEYS]
            bold = [
                rf"\textbf{{{text}}}" if text == best[key] != "-" else text
                for key, text in zip(KEYS, texts, strict=True)
            ]
            lines.append(rf"{_latex(name)} & {' & '.join(bold)} \\")
        return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"


def method_names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file or folder of predictions; equal ones get their folder in front.

    Raises:
        InputError: a path is given twice.
    """
    whole = [path.absolute() for path in paths]
    names = [path.stem if path.suffix == ".json" else path.name for path in whole]
    parents = [list(path.parts[1:-1]) for path in whole]
    while twice := {name for name, count in Counter(names).items() if count > 1}:
        again = [index for index, name in enumerate(names) if name in twice and parents[index]]
        if not again:
            raise InputError(f"predictions '{paths[-1]}' are given twice: name each method once")
        for index in again:
            names[index] = f"{parents[index].pop()}/{names[index]}"
    return names


def points(difference: float | None) -> str:
    """Return a difference of scores in points with its sign; "-" for one that is not defined."""
    if difference is None:
        return "-"
    # as narrow as percent() makes 100
    return f"{100 * difference:+.{0 if abs(difference) > 0.9995 else 1}f}"


def _difference(score: float, first: float) -> float | None:
    return None if min(score, first) < 0 else score - first


def _row_spread(row: tuple[int, Sequence[float]]) -> float:
    return max(row[1]) - min(row[1])


def _value(text: str) -> float:
    return -1.0 if text == "-" else float(text)


def _markdown(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")


def _latex(text: str) -> str:
    special = {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\n": " ",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
    return "".join(special.get(character, character) for character in text)
