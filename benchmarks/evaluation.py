"""Time and memory of the evaluators, each run as its own process on data made here.

    python benchmarks/evaluation.py youtube-vis            # the size of the YouTube-VIS val split
    python benchmarks/evaluation.py youtube-vis --videos 30 --workers 2

CPU seconds are those of the whole command (user + system, its worker processes included), reading
the files counted; the peak is the largest resident set of any one process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from davis_maps import make_davis
from youtube_vis_tracks import make_youtube_vis

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.callback()
def _root() -> None:
    """Time and memory of the evaluators."""


def measure(*arguments: str) -> dict[str, float]:
    """Run ``propose-reduce`` and return its CPU seconds, wall seconds and peak memory in MB."""
    command = [sys.executable, "-m", "propose_reduce", *arguments]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    cpu = usage.ru_utime + usage.ru_stime
    return {"CPU s": cpu, "wall s": wall, "peak MB": usage.ru_maxrss / 1024}  # Linux: in KiB


def apart(make: Callable[..., None], *arguments: Any, **options: Any) -> None:
    """Call a function in a process of its own.

    Linux counts what this process holds at its peak to every process it starts.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(make, *arguments, **options).result()


def show(title: str, rows: list[dict[str, float]]) -> None:
    """Print one line per run."""
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*(f"{value:.2f}" for value in row.values()))
    Console().print(table)


@app.command("youtube-vis")
def youtube_vis(
    videos: int = 302,
    frames: int = 8840,
    objects: int = 943,
    predictions: int = 6040,
    categories: int = 40,
    height: int = 720,
    width: int = 1280,
    workers: int = 1,
    repeats: int = 3,
    folder: Annotated[
        Path | None, typer.Option(help="keep the data here, and use it again")
    ] = None,
) -> None:
    """Measure ``evaluate youtube-vis``; the default sizes are those of the val split of 2019."""
    counts = {
        "videos": videos,
        "frames": frames,
        "objects": objects,
        "predictions": predictions,
        "categories": categories,
    }
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "predictions.json").exists():
            apart(make_youtube_vis, place, counts, height, width)
        files = [str(place / "truth.json"), str(place / "predictions.json")]
        megabytes = sum(Path(file).stat().st_size for file in files) / 1e6
        command = ["evaluate", "youtube-vis", *files, "--workers", str(workers)]
        rows = [measure(*command) for _ in range(repeats)]
    show(f"{videos} videos, {frames} frames, {predictions} predictions, {megabytes:.0f} MB", rows)


@app.command("davis")
def davis(
    sequences: int = 30,
    frames: Annotated[int, typer.Option(help="per sequence")] = 70,
    objects: Annotated[int, typer.Option(help="in all sequences together")] = 60,
    proposals: Annotated[int, typer.Option(help="per sequence")] = 10,
    height: int = 480,
    width: int = 854,
    workers: int = 1,
    repeats: int = 3,
    folder: Annotated[
        Path | None, typer.Option(help="keep the data here, and use it again")
    ] = None,
) -> None:
    """Measure ``evaluate davis``; the default sizes are those of the val split of 2017."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        if not (place / "result").exists():
            apart(
                make_davis,
                place,
                sequences=sequences,
                frames=frames,
                objects=objects,
                proposals=proposals,
                size=(height, width),
            )
        folders = [str(place / "truth"), str(place / "result")]
        options = ["--task", "unsupervised", "--workers", str(workers)]
        rows = [measure("evaluate", "davis", *folders, *options) for _ in range(repeats)]
    title = (
        f"{sequences} sequences of {frames} frames, {objects} objects, {proposals} proposals each"
    )
    show(title, rows)


if __name__ == "__main__":
    app()
