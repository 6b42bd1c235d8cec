"""What bfloat16 costs and gains: one model on the demo clip in bf16 and in fp32.

The clip is the file that ``propose-reduce demo`` writes and segments; with another number of
``--threads`` it is compressed otherwise.

    python benchmarks/precision.py [--weights NAME|FILE] [--device cpu] [--frames N] [--repeats N]
        [--threads N] [--simulate]

The reduced sequences of both are matched one to one, for the largest sum of sequence IoU; what has
no partner counts as IoU 0. Seconds are those of the fastest repeat; where other programs run
beside it, the CPU seconds of one thread (OMP_NUM_THREADS=1) say more than the wall clock.

On a processor without bfloat16 instructions bf16 takes many times as long as fp32. There
``--simulate`` asks for agreement alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from propose_reduce.api import Model, load, segment
from propose_reduce.api.predicting import FPS, write_clip
from propose_reduce.results import VideoResult

PRECISIONS = ("bf16", "fp32")
PRODUCTS = (functional.conv2d, functional.linear, functional.scaled_dot_product_attention)


class SimulatedBfloat16(TorchFunctionMode):
    """Computes what autocast puts into bfloat16 as the instructions of CPUs do, by float32 ones.

    Those round what goes in, multiply, sum in float32, and round what comes out.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch, or its simulation."""
        named = kwargs or {}
        if function not in PRODUCTS or not torch.is_autocast_enabled("cpu"):
            return function(*args, **named)
        rounded = [
            value.bfloat16().float() if isinstance(value, torch.Tensor) else value for value in args
        ]
        with torch.autocast("cpu", enabled=False):
            return function(*rounded, **named).bfloat16()


@dataclass(frozen=True)
class Run:
    """One precision: what came out, and how long it took."""

    result: VideoResult
    wall_seconds: float
    cpu_seconds: float


def run(clip: Path, model: Model, precision: str, repeats: int, end: float | None) -> Run:
    """Segment a clip up to a second; the first call, on two frames, only warms up."""
    segment(clip, model, precision=precision, end=2 / FPS)
    runs = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = segment(clip, model, precision=precision, end=end)
        runs.append(Run(result, time.perf_counter() - wall, time.process_time() - cpu))
    return min(runs, key=lambda one: one.wall_seconds)


def sequence_ious(left: VideoResult, right: VideoResult) -> np.ndarray:
    """Return the sequence IoU (paper, eq. 2) of each sequence of one with each of the other."""
    rows, columns = (
        np.array([s.masks.reshape(-1) for s in result.sequences], dtype=bool).reshape(
            len(result.sequences), -1
        )
        for result in (left, right)
    )
    ious = np.zeros((len(rows), len(columns)))
    for row, mask in enumerate(rows):
        for column, other in enumerate(columns):
            union = np.count_nonzero(mask | other)
            ious[row, column] = np.count_nonzero(mask & other) / union if union else 0.0
    return ious


def compare(left: Run, right: Run) -> Table:
    """Return a row for each pair, then for each sequence without a partner."""
    ious = sequence_ious(left.result, right.result)
    pairs = list(zip(*linear_sum_assignment(ious, maximize=True), strict=True))
    table = Table("category", *(f"score, {name}" for name in PRECISIONS), "sequence IoU")
    shared = []
    for row, column in pairs:
        one, other = left.result.sequences[row], right.result.sequences[column]
        shared.append(ious[row, column])
        names = {one.category: None, other.category: None}
        table.add_row(
            " / ".join(names), f"{one.score:.3f}", f"{other.score:.3f}", f"{shared[-1]:.4f}"
        )
    for side, run_ in enumerate((left, right)):
        paired = {int(pair[side]) for pair in pairs}
        for index, alone in enumerate(run_.result.sequences):
            if index not in paired:
                scores = ["-", "-"]
                scores[side] = f"{alone.score:.3f}"
                table.add_row(alone.category, *scores, "0, no partner")
                shared.append(0.0)
    if shared:
        table.caption = f"sequence IoU: mean {np.mean(shared):.4f}, smallest {min(shared):.4f}"
    return table


def main() -> None:
    """Run both precisions and print what they share and how long they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="shapes-tiny")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--frames", type=int, help="the first so many of the clip")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of the clip's encoder")
    parser.add_argument("--simulate", action="store_true", help="bf16 by float32 instructions")
    arguments = parser.parse_args()
    if arguments.simulate and arguments.device != "cpu":
        parser.error("--simulate is for --device cpu")
    end = None if arguments.frames is None else arguments.frames / FPS
    model = load(arguments.weights, device=arguments.device)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "shapes.mp4"
        write_clip(clip, threads=arguments.threads)
        with SimulatedBfloat16() if arguments.simulate else nullcontext():
            runs = {name: run(clip, model, name, arguments.repeats, end) for name in PRECISIONS}
    console = Console()
    console.print(compare(runs["bf16"], runs["fp32"]))
    if arguments.simulate:  # their seconds would mean nothing
        return
    for name, one in runs.items():
        print(f"{name}: {one.wall_seconds:.1f} s, {one.cpu_seconds:.1f} CPU s")
    ratio = runs["fp32"].wall_seconds / runs["bf16"].wall_seconds
    cpu = runs["fp32"].cpu_seconds / runs["bf16"].cpu_seconds
    print(f"fp32 takes {ratio:.2f} times as long as bf16 ({cpu:.2f} times the CPU seconds)")


if __name__ == "__main__":
    main()
