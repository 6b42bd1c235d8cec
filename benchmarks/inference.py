"""Speed and memory of inference, against the plain method on the same machine.

    python benchmarks/inference.py --baseline [--memory-every 1] [--objects 4 10] [--frames 12]

Without --baseline it prints what ``propose-reduce benchmark`` prints. With it the plain method
(plain_method.py, always in float32) takes turns with this package in one process; the second
table has the ratios and says how far the masks of the two agree.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from plain_method import mean_iou, plain
from propose_reduce.benchmarking import BenchmarkReport, BenchmarkSettings, Method, benchmark
from propose_reduce.files import write_text
from propose_reduce.settings import validate

PLAIN = "plain"


def comparisons(report: BenchmarkReport) -> list[dict[str, Any]]:
    """Return this package's runs against the plain ones with as many objects."""
    plain_runs = {run.objects: run for run in report.runs if run.method == PLAIN}
    found = []
    for run in report.runs:
        other = plain_runs.get(run.objects)
        if run.method != PLAIN and other is not None:
            memory = other.memory / run.memory if run.memory and other.memory else None
            found.append(
                {
                    "objects": run.objects,
                    "precision": run.precision,
                    "speed": run.frames_per_second / other.frames_per_second,
                    "work": sum(other.operations.values()) / sum(run.operations.values()),
                    "memory": memory,
                    "agreement": mean_iou(run.followed, other.followed),
                }
            )
    return found


def ratios(compared: list[dict[str, Any]], every: int) -> Table:
    """Return the comparisons as a table."""
    title = f"against the plain method in fp32, which memorises 1 frame in {every}"
    table = Table("O", "ours in", "speed", "less work", "less memory", "mask IoU", title=title)
    for row in compared:
        table.add_row(
            str(row["objects"]),
            row["precision"],
            f"{row['speed']:.2f} x",
            f"{row['work']:.2f} x",
            "" if row["memory"] is None else f"{row['memory']:.2f} x",
            f"{row['agreement']:.4f}",
        )
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", help="default: the weights' own, or youtube_vis_2019_r50")
    parser.add_argument("--weights", help="a bundled name or a weights file; default: random")
    parser.add_argument("--objects", type=int, nargs="+", default=[4, 10])
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--precision", dest="precisions", nargs="+", default=["fp32", "bf16"])
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--baseline", action="store_true", help="measure the plain method too")
    parser.add_argument("--memory-every", type=int, default=5, help="of the plain method")
    parser.add_argument("-o", "--output", type=Path, help="also write the figures as JSON")
    arguments = vars(parser.parse_args())
    output, baseline = arguments.pop("output"), arguments.pop("baseline")
    every = arguments.pop("memory_every")
    others = [Method(PLAIN, partial(plain, memory_every=every))] if baseline else []
    report = benchmark(validate(BenchmarkSettings, arguments, "inference.py"), others)
    compared = comparisons(report)
    Console().print(report.table())
    if compared:
        Console().print(ratios(compared, every))
    if output:
        figures = {**report.as_json(), "plain_memory_every": every, "comparisons": compared}
        write_text(output, json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
