"""What an ablation leaves: a table, files and the figure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from propose_reduce.ablation.figure import draw_ablation
from propose_reduce.ablation.grid import Grid, value_text
from propose_reduce.ablation.store import Measurement
from propose_reduce.evaluation.youtube_vis import percent
from propose_reduce.files import replacing, write_text
from propose_reduce.settings import InferenceSettings

if TYPE_CHECKING:
    from rich.table import Table

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
