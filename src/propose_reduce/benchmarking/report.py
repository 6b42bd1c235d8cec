"""What was measured, as a table and as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from propose_reduce.benchmarking.machine import AHEAD
from propose_reduce.benchmarking.workload import STAGES
from propose_reduce.masks import PackedMasks
from propose_reduce.stages import DECODE

BILLION, MEGABYTE = 1e9, 1e6


@dataclass(frozen=True, eq=False)
class Run:
    """One way through the work.

    Attributes:
        method: its name.
        precision: "fp32" or "bf16".
        objects: O.
        frames: T.
        seconds: by stage.
        operations: floating-point operations by stage.
        memory: bytes at the peak above what was held before; None where unknown.
        followed: the propagated masks.
        all_seconds: of the whole of each run that this one stands for, in their order.
    """

    method: str
    precision: str
    objects: int
    frames: int
    seconds: Mapping[str, float]
    operations: Mapping[str, int]
    memory: int | None
    followed: PackedMasks = field(repr=False)
    all_seconds: tuple[float, ...] = ()

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.seconds[stage] for stage in STAGES)

    @property
    def frames_per_second(self) -> float:
        """Frames of the video by the seconds of all stages."""
        return self.frames / self.total

    def rows(self, peak: float) -> dict[str, dict[str, float]]:
        """Return the figures of each stage, and of all as "total".

        Frames that were decoded in a thread of their own meanwhile come last, outside the total.

        Args:
            peak: the machine's own, operations per second in this precision.
        """
        together = {stage: (self.seconds[stage], self.operations.get(stage, 0)) for stage in STAGES}
        together["total"] = (self.total, sum(count for _, count in together.values()))
        ahead = AHEAD.format(DECODE)
        if ahead in self.seconds:
            together[ahead] = (self.seconds[ahead], 0)
        return {
            stage: {
                "seconds": seconds,
                "time": seconds / self.total,
                "gflop": count / BILLION,
                "gflop_per_second": count / seconds / BILLION if seconds else 0.0,
                "of_peak": count / seconds / peak if seconds else 0.0,
            }
            for stage, (seconds, count) in together.items()
        }


@dataclass(frozen=True, eq=False)
class BenchmarkReport:
    """All runs of one call.

    Attributes:
        work: what was done, by heading.
        machine: on what, by heading.
        peaks: the machine's own, operations per second by precision.
        runs: the median of each kind.
    """

    work: dict[str, Any]
    machine: dict[str, str]
    peaks: dict[str, float]
    runs: tuple[Run, ...]

    def as_json(self) -> dict[str, Any]:
        """Return everything but masks as plain JSON values."""
        return {
            "work": self.work,
            "machine": self.machine,
            "peak_gflop_per_second": {name: p / BILLION for name, p in self.peaks.items()},
            "runs": [
                {
                    "method": run.method,
                    "precision": run.precision,
                    "objects": run.objects,
                    "frames_per_second": run.frames_per_second,
                    "memory_mb": None if run.memory is None else run.memory / MEGABYTE,
                    "seconds": list(run.all_seconds),
                    "stages": run.rows(self.peaks[run.precision]),
                }
                for run in self.runs
            ],
        }

    def table(self) -> Table:
        """Return one table, a section for each run."""
        headings = [f"{key} {value}" for key, value in {**self.work, **self.machine}.items()]
        peaks = [f"{name} {value / BILLION:.0f} GFLOP/s" for name, value in self.peaks.items()]
        headings.append(f"peak of a large convolution: {', '.join(peaks)}")
        table = Table(title=Text("; ".join(headings)), title_justify="left", box=SIMPLE_HEAD)
        for heading in ("stage", "seconds", "time", "GFLOP", "GFLOP/s", "of peak"):
            table.add_column(heading, justify="left" if heading == "stage" else "right")
        for run in self.runs:
            table.add_row(_summary(run))
            for stage, figures in run.rows(self.peaks[run.precision]).items():
                table.add_row(stage, *_stage_cells(figures))
            table.add_section()
        return table


def _summary(run: Run) -> str:
    """Return what the rows below are about, and what they come to."""
    memory = "" if run.memory is None else f", {run.memory / MEGABYTE:.0f} MB"
    return (
        f"{run.method} {run.precision}, O = {run.objects}\n"
        f"{run.frames_per_second:.3g} frames/s{memory}"
    )


def _stage_cells(figures: Mapping[str, float]) -> list[str]:
    """Return a stage's figures as text; rates only where something was counted."""
    cells = [f"{figures['seconds']:.3f}", f"{figures['time']:.1%}"]
    if figures["gflop"] > 0:
        cells += [f"{figures['gflop']:.1f}", f"{figures['gflop_per_second']:.1f}"]
        cells.append(f"{figures['of_peak']:.1%}")
    return cells
