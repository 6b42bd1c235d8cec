"""Memory and time per frame against the length of the video.

    python benchmarks/long_video.py [--lengths 200 1000 3000] [--videos FILE ...] [-o FIGURE.png]

Each video is segmented by ``propose_reduce.segment`` in a process of its own, which looks at its
resident memory at every step. Rendered shapes are written as a video file frame by frame first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from propose_reduce.benchmarking.machine import PeakMemory, resident_bytes
from propose_reduce.data.shapes import shapes_video
from propose_reduce.video import write_video

POINTS = 30  # of a curve
MEGABYTE = 1e6


@dataclass(frozen=True)
class Measured:
    """What segmenting one video took.

    Attributes:
        frames: T.
        sequences: how many were found.
        seconds: in all, without loading the model.
        loaded: resident bytes with the model, before the video was opened.
        peak: most resident bytes.
        steps: (frames propagated, seconds since the start, resident bytes) at each step of the
            propagation; when half of all steps are done, half of the frames count as done.
    """

    frames: int
    sequences: int
    seconds: float
    loaded: int
    peak: int
    steps: Sequence[tuple[float, float, int]]

    def curve(self) -> Iterator[tuple[float, float, int]]:
        """Yield (frames propagated, milliseconds per frame lately, resident bytes)."""
        stride = max(1, len(self.steps) // POINTS)
        chosen = self.steps[::stride]
        for (before, start, _), (done, end, held) in pairwise(chosen):
            yield done, 1000 * (end - start) / (done - before), held


def measure(video: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Segment a video in this process and return the fields of ``Measured``."""
    import torch

    import propose_reduce as pr

    model = pr.load(options.pop("weights"), device=options["device"])
    if resident_bytes() is None:
        sys.exit("resident memory is read from /proc, which this system lacks")
    steps: list[tuple[float, float, int]] = []
    start = perf_counter()

    def note(stage: str, done: int, total: int) -> None:
        if stage == "propagate":
            steps.append((done / total, perf_counter() - start, resident_bytes() or 0))

    with PeakMemory(torch.device("cpu")) as memory:
        result = pr.segment(video, model, progress=note, **options)
    return {
        "frames": result.num_frames,
        "sequences": len(result.sequences),
        "seconds": perf_counter() - start,
        "loaded": memory.before,
        "peak": memory.before + (memory.bytes or 0),
        "steps": [(share * result.num_frames, at, held) for share, at, held in steps],
    }


def in_own_process(video: Path, options: dict[str, Any]) -> Measured:
    """Measure in a fresh process, so that nothing of an earlier video is left in memory."""
    command = [sys.executable, __file__, "--only", str(video), "--options", json.dumps(options)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(**json.loads(done.stdout))


@contextmanager
def videos(lengths: Sequence[int], files: Sequence[Path]) -> Iterator[Iterator[Path]]:
    """Give the files, or else rendered videos, each deleted when the next is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        yield iter(files) if files else _rendered(lengths, Path(folder))


def _rendered(lengths: Sequence[int], folder: Path) -> Iterator[Path]:
    for length in lengths:
        shapes = shapes_video("val", 0, length=length)
        path = folder / f"shapes_{length}.mp4"
        write_video(path, (shapes.frame(t) for t in range(length)))
        yield path
        path.unlink()


def table(measured: Sequence[Measured]) -> Table:
    """Return the figures, each also relative to the shortest video."""
    shortest = min(measured, key=lambda one: one.frames)
    table = Table("frames", "found", "peak, MB", "ratio", "over model, MB", "ms/frame", "ratio")
    for one in measured:
        per_frame, least = (each.seconds / each.frames for each in (one, shortest))
        table.add_row(
            str(one.frames),
            str(one.sequences),
            f"{one.peak / MEGABYTE:.0f}",
            f"{one.peak / shortest.peak:.2f}",
            f"{(one.peak - one.loaded) / MEGABYTE:.0f}",
            f"{1000 * per_frame:.0f}",
            f"{per_frame / least:.2f}",
        )
    return table


def draw(measured: Sequence[Measured], path: Path) -> None:
    """Draw memory and time per frame against the frames done, one curve for each video."""
    matplotlib.use("Agg")
    figure = Figure(figsize=(8, 6), layout="constrained")
    memory, time = figure.subplots(2, 1, sharex=True)
    for one in measured:
        done, milliseconds, held = zip(*one.curve(), strict=True) if one.steps else ((), (), ())
        memory.plot(done, [value / MEGABYTE for value in held], label=f"{one.frames} frames")
        time.plot(done, milliseconds, label=f"{one.frames} frames")
    memory.set(ylabel="resident memory, MB", ylim=(0, None))
    time.set(ylabel="time per frame, ms", xlabel="frames propagated", ylim=(0, None))
    memory.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure and print, or measure one video where ``--only`` names it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lengths", type=int, nargs="+", default=[200, 1000, 3000])
    parser.add_argument("--videos", type=Path, nargs="+", default=[], help="in place of shapes")
    parser.add_argument("--weights", default="shapes-tiny")
    parser.add_argument("--key-frames", type=int, default=3)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, help="the figure, a PNG")
    parser.add_argument("--only", type=Path, help="one video in this process, as JSON")
    parser.add_argument("--options", type=json.loads, help="for --only")
    given = parser.parse_args()
    if given.only:
        print(json.dumps(measure(given.only, given.options)))
        return
    names = ("weights", "key_frames", "precision", "device")
    options = {name: getattr(given, name) for name in names}
    with videos(given.lengths, given.videos) as files:
        measured = [in_own_process(file, options) for file in files]
    Console().print(table(measured))
    if given.output:
        draw(measured, given.output)
        print(f"memory and time against the frame -> {given.output}")


if __name__ == "__main__":
    main()
