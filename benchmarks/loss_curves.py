"""The losses of a training run as one picture, made from its csv logs.

python benchmarks/loss_curves.py RUN -o losses.png [--stages NAME...]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import yaml

NAMES = ("rpn_objectness", "rpn_box", "class", "box", "mask", "propagation")
WINDOW = 5  # lines of the log in one mean: single batches differ a lot


def read(
    run: Path, stages: list[str] | None
) -> tuple[dict[str, list[tuple[int, float]]], dict[str, int]]:
    """Return (step, value) by loss over the stages, and the step that each stage starts at."""
    values: dict[str, list[tuple[int, float]]] = {name: [] for name in NAMES}
    starts, offset = {}, 0
    every = yaml.safe_load((run / "preset.yaml").read_text())["training"]["stages"]
    for stage in stages or every:
        starts[stage] = offset
        rows: dict[int, dict[str, str]] = {}
        for log in sorted(run.glob(f"{stage}/logs*/metrics.csv")):  # a resumed run has several
            with log.open() as file:
                rows |= {
                    int(row["step"]): row for row in csv.DictReader(file) if row.get("loss/total")
                }
        for step, row in sorted(rows.items()):
            for name in NAMES:
                values[name].append((offset + step, float(row[f"loss/{name}"])))
        offset += max(rows, default=0) + 1
    return values, starts


def main() -> None:
    """Draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--stages", nargs="+", help="only these, in this order")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    values, starts = read(arguments.run, arguments.stages)
    figure, axes = plt.subplots(figsize=(7, 3.2), dpi=110)
    for name, points in values.items():
        steps, losses = np.array(points).T
        smooth = np.convolve(losses, np.ones(WINDOW) / WINDOW, mode="valid")
        axes.plot(steps[WINDOW - 1 :], smooth, label=name, linewidth=1)
    for stage, start in starts.items():
        axes.axvline(start, color="grey", linewidth=0.5)
        axes.text(start, 1.22, f" {stage}", fontsize=8, color="grey")
    axes.set(xlabel="step", ylabel="loss", ylim=(0, 1.3), xlim=(0, None))
    axes.legend(fontsize=7, ncols=3, loc="upper right", bbox_to_anchor=(1, 0.93))
    figure.tight_layout()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.output)


if __name__ == "__main__":
    main()
