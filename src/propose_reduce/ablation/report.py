"""What an ablation leaves: a table, files and the figure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propose_reduce.ablation.grid import Grid, value_text
from propose_reduce.ablation.run import Measurement
from propose_reduce.evaluation.youtube_vis import percent
from propose_reduce.files import replacing, write_text
from propose_reduce.settings import InferenceSettings

if TYPE_CHECKING:
    from rich.table import Table
from collections.abc import Sequence
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

from propose_reduce.ablation.grid import Factor, Value, is_number

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Of the palette of Okabe and Ito, made for colour-blind readers; marks tell them apart in grey.
STYLES = {"AP": ("#0072B2", "o"), "AR1": ("#E69F00", "s"), "AR10": ("#009E73", "^")}
COLUMNS = 3  # panels side by side, still readable on a page
APART = 0.025  # of the axis: a little more than the width of a mark
NEAR = 0.06  # of the axis: labels of numbers nearer than this would touch


def draw_ablation(grid: Grid, measurements: Mapping[InferenceSettings, Measurement]) -> Figure:
    """Return the figure; all panels have one scale, so that effects can be compared.

    In a full grid a mark is the mean over all variants with that value, and its bar reaches from
    the worst to the best of them.
    """
    from matplotlib.figure import Figure

    columns = min(COLUMNS, len(grid.factors))
    rows = ceil(len(grid.factors) / columns)
    figure = Figure(figsize=(1.2 + 3.4 * columns, 0.8 + 2.8 * rows), layout="constrained")
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for index, (axes, factor) in enumerate(zip(panels, grid.factors, strict=False)):
        _draw_factor(axes, factor, grid, measurements)
        if index % columns == 0:
            axes.set_ylabel("percent")
    for axes in panels[len(grid.factors) :]:
        axes.set_visible(False)
    drawn: dict[str, Artist] = {}  # not every panel of a full grid has the base's value
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        drawn |= dict(zip(labels, handles, strict=True))
    figure.legend(
        drawn.values(), drawn, loc="outside upper center", ncols=len(drawn), frameon=False
    )
    return figure


def _draw_factor(
    axes: Axes,
    factor: Factor,
    grid: Grid,
    measurements: Mapping[InferenceSettings, Measurement],
) -> None:
    along = grid.along(factor)
    marks = positions(list(along))
    connected = "-" if all(is_number(value) for value in along) else ""
    if grid[factor.name] in along:
        at = marks[list(along).index(grid[factor.name])]
        axes.axvline(at, color="0.8", linewidth=6, zorder=0, label="as given")
    # beside each other, where their bars would hide one another
    shift = APART * (max(marks) - min(marks) or 1) if grid.full else 0.0
    for rank, (name, (colour, marker)) in enumerate(STYLES.items(), start=-1):
        scores = [_percents(measurements, variants, name) for variants in along.values()]
        means = [each.mean() for each in scores]
        below = [each.mean() - each.min() for each in scores]
        above = [each.max() - each.mean() for each in scores]
        axes.errorbar(
            [mark + rank * shift for mark in marks],
            means,
            yerr=[below, above] if grid.full else None,
            color=colour,
            marker=marker,
            linestyle=connected,
            elinewidth=1,
            label=name,
        )
    axes.set_xticks(marks, [value_text(value) for value in along])
    axes.set_xmargin(0.12 if connected else 0.25)
    axes.set_title(factor.name, fontsize="medium")
    axes.grid(axis="y", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _percents(
    measurements: Mapping[InferenceSettings, Measurement],
    variants: Sequence[InferenceSettings],
    name: str,
) -> np.ndarray:
    """Return one score of the variants in percent: float64, NaN where it is not defined."""
    scores = np.array([measurements[variant].scores[name] for variant in variants])
    return np.where(scores < 0, np.nan, 100 * scores)


def positions(values: Sequence[Value]) -> list[float]:
    """Return positions on an axis: numbers to scale unless labels would touch, else 0, 1, .."""
    numbers = [float(value) for value in values if is_number(value)]  # type: ignore[arg-type]
    gaps = np.diff(numbers)
    if len(numbers) == len(values) and min(gaps, default=inf) >= NEAR * sum(gaps):
        return numbers
    return [float(index) for index in range(len(values))]


FILES = ("ablation.csv", "ablation.json", "ablation.png", "ablation.svg")


@dataclass(frozen=True, slots=True, eq=False)
class AblationReport:
    """The variants of a grid and what each gave.

    Attributes:
        grid: what was tried.
        measurements: by variant, in the grid's order.
        source: what the numbers were made with, as plain values.
    """

    grid: Grid
    measurements: Mapping[InferenceSettings, Measurement]
    source: Mapping[str, Any]

    def table(self) -> Table:
        """Return one row per variant, named by what it changes."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        title = "percent; seconds per frame; sequences before and after"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
        table.add_column("settings", overflow="fold")
        for heading in ("AP", "AP50", "AR1", "AR10", "s", "before", "after"):
            table.add_column(heading, justify="right", no_wrap=True)
        for variant, measured in self.measurements.items():
            table.add_row(
                Text(self._name(variant)),
                *(percent(score) for score in measured.scores.values()),
                f"{measured.seconds_per_frame:.3f}",
                str(measured.sequences_before),
                str(measured.sequences_after),
            )
        return table

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``ablation.json``."""
        return {
            "base": self.grid.base.model_dump(mode="json"),
            "factors": {factor.name: list(factor.values) for factor in self.grid.factors},
            "full": self.grid.full,
            "source": dict(self.source),
            "rows": [
                {"settings": self.grid.values(variant), **measured.to_dict()}
                for variant, measured in self.measurements.items()
            ],
        }

    def save(self, folder: str | Path) -> Path:
        """Write the files named in ``FILES``, each whole or not at all; return the folder."""
        folder = Path(folder)
        write_text(folder / "ablation.json", json.dumps(self.to_dict(), indent=1) + "\n")
        write_text(folder / "ablation.csv", self._csv())
        figure = draw_ablation(self.grid, self.measurements)
        for suffix in (".png", ".svg"):
            with replacing(folder / f"ablation{suffix}") as temporary:
                figure.savefig(temporary, dpi=150)
        return folder

    def _csv(self) -> str:
        """Return one line per variant: every factor's value, then the numbers."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        numbers = {variant: measured.to_dict() for variant, measured in self.measurements.items()}
        names = [factor.name for factor in self.grid.factors]
        writer.writerow([*names, *next(iter(numbers.values()), {})])
        for variant, measured in numbers.items():
            settings = self.grid.values(variant).values()
            writer.writerow([*map(value_text, settings), *measured.values()])
        return text.getvalue()

    def _name(self, variant: InferenceSettings) -> str:
        changes = self.grid.changes(variant).items()
        return "\n".join(f"{name}={value_text(value)}" for name, value in changes) or "(as given)"
