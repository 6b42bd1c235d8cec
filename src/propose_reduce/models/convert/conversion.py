"""What became of every tensor of a converted checkpoint."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich.table import Table

from propose_reduce.settings import ModelSettings

Outcome: TypeAlias = Literal["loaded", "dropped", "initialised"]


@dataclass(frozen=True, slots=True)
class TensorReport:
    """What became of one tensor, or of some of its rows.

    Attributes:
        outcome: loaded from the checkpoint, dropped from it, or initialised anew.
        part: of the network, such as "backbone".
        name: of the tensor; its own name in the checkpoint where it was dropped.
        values: how many numbers that concerns.
        reason: why; empty for what was loaded whole.
    """

    outcome: Outcome
    part: str
    name: str
    values: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A finished conversion.

    Attributes:
        source: what kind of checkpoint it was.
        settings: of the written model.
        reports: one or more for each tensor of either side.
        licence: what whoever passes the weights on should know; may be empty.
        note: what the user should know of this checkpoint; may be empty.
    """

    source: str
    settings: ModelSettings
    reports: tuple[TensorReport, ...]
    licence: str = ""
    note: str = ""

    def names(self, outcome: Outcome) -> list[str]:
        """Return the tensors with this outcome, in the order of their network."""
        return [report.name for report in self.reports if report.outcome == outcome]

    def table(self) -> Table:
        """Return a table with a line for each outcome, part of the network and reason."""
        groups: dict[tuple[str, str, str], list[int]] = {}
        order = {"loaded": 0, "dropped": 1, "initialised": 2}
        for report in sorted(self.reports, key=lambda report: order[report.outcome]):
            groups.setdefault((report.outcome, report.part, report.reason), []).append(
                report.values
            )
        table = Table(title=f"From {self.source}", caption=self.licence or None)
        for heading in ("outcome", "part"):
            table.add_column(heading)
        for heading in ("tensors", "values"):
            table.add_column(heading, justify="right")
        table.add_column("why")
        for (outcome, part, reason), values in groups.items():
            table.add_row(outcome, part, f"{len(values):,}", f"{sum(values):,}", reason)
        return table
