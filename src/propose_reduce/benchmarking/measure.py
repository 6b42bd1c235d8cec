"""Measuring ways through the work, by turns and in one process."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import Field

from propose_reduce.api.model import PRECISIONS, choose_device, choose_precision
from propose_reduce.benchmarking.machine import describe, peak_rate
from propose_reduce.benchmarking.memory import PeakMemory
from propose_reduce.benchmarking.method import Method, propose_reduce
from propose_reduce.benchmarking.report import Report, Run
from propose_reduce.benchmarking.stopwatch import Stopwatch
from propose_reduce.benchmarking.workload import DEFAULT_PRESET, OTHER, Workload, load_model
from propose_reduce.errors import InputError
from propose_reduce.settings import Settings

OURS = "propose-reduce"


class Asked(Settings):
    """What to measure."""

    preset: str | None = Field(
        None, description="its inference settings; without weights its model"
    )
    weights: str | None = Field(None, description="a bundled name or a weights file")
    objects: tuple[int, ...] = Field((4, 10), min_length=1, description="O, a run for each")
    frames: int = Field(12, ge=1, description="T, the video's length")
    precisions: tuple[str, ...] = Field(
        ("fp32", "bf16"), min_length=1, description="fp32, bf16 or auto, a run for each"
    )
    repeat: int = Field(1, ge=1, description="runs of each kind; the median one is reported")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 or mps")


@dataclass(frozen=True, eq=False)
class Contender:
    """A method to measure beside this package's own.

    Attributes:
        name: as it is reported.
        method: how it does the work.
        precision: what it computes in.
    """

    name: str
    method: Method
    precision: str = "fp32"


def benchmark(
    asked: Asked,
    others: Sequence[Contender] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Measure this package on this machine.

    Runs that are compared take turns, so that a machine that gets slower does so for all.

    Args:
        asked: what to measure.
        others: methods to measure beside it.
        progress: called with runs done and runs in all.

    Raises:
        InputError: no such preset, weights, device or precision, or a count below 1.
    """
    if min(asked.objects) < 1:
        raise InputError(f"objects must be at least 1, got {min(asked.objects)}")
    device = choose_device(asked.device)
    chosen = [_name(choose_precision(name, device)) for name in asked.precisions]
    precisions = dict.fromkeys(chosen)  # "auto" may name one of the others
    contenders = [*(Contender(OURS, propose_reduce, name) for name in precisions), *others]
    model = load_model(asked.preset, asked.weights, device)
    peaks = _peaks(contenders, device)
    runs, done = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for objects in asked.objects:
            work = Workload.write(model, objects, asked.frames, Path(folder))
            counts = {
                contender: _warm_up(contender, work, Path(folder)) for contender in contenders
            }
            of_kind: dict[Contender, list[Run]] = {contender: [] for contender in contenders}
            for _ in range(asked.repeat):
                for contender, found in of_kind.items():
                    found.append(measure(contender, work, Path(folder), counts[contender]))
                    done += 1
                    if progress is not None:
                        progress(done, len(asked.objects) * len(contenders) * asked.repeat)
            runs += [median(found) for found in of_kind.values()]
    again = _peaks(contenders, device)  # the better, in case the machine was busy before
    peaks = {name: max(peak, again[name]) for name, peak in peaks.items()}
    return Report(_describe(asked, work), describe(device), peaks, tuple(runs))


def measure(
    contender: Contender,
    work: Workload,
    folder: Path,
    operations: Mapping[str, int] | None = None,
) -> Run:
    """Do the work once, and return what it took.

    Args:
        contender: does it.
        work: what is to be done.
        folder: for the result.
        operations: by stage, where they are known; None counts them.
    """
    watch = Stopwatch(work.device)
    counting = watch.counting() if operations is None else nullcontext()
    with PeakMemory(work.device) as memory, counting, watch.stage(OTHER):
        followed = contender.method(work, PRECISIONS[contender.precision], watch, folder)
    return Run(
        contender.name,
        contender.precision,
        work.scene.objects,
        work.scene.length,
        dict(watch.seconds),
        dict(watch.operations if operations is None else operations),
        memory.bytes,
        followed,
    )


def median(runs: Sequence[Run]) -> Run:
    """Return the run of median length (the faster of the two in the middle), whole."""
    ordered = sorted(runs, key=lambda run: run.total)
    chosen = ordered[(len(ordered) - 1) // 2]
    return replace(chosen, all_seconds=tuple(run.total for run in runs))


def _warm_up(contender: Contender, work: Workload, folder: Path) -> Mapping[str, int] | None:
    """Let the libraries choose their kernels; return the work's operations where all was done.

    An accelerator gets its memory too and, being fast, all of the work: counting keeps the
    processor busy about 3 microseconds per call, for which it would wait in the runs that count.
    """
    whole = work.device.type != "cpu"
    frames = work.scene.length if whole else 1
    short = Workload.write(work.model, work.scene.objects, frames, folder / "warm")
    done = measure(contender, short, folder)
    return done.operations if whole else None


def _peaks(contenders: Sequence[Contender], device: torch.device) -> dict[str, float]:
    """Return the machine's own peak in each precision that occurs."""
    names = dict.fromkeys(contender.precision for contender in contenders)
    return {name: peak_rate(device, PRECISIONS[name]) for name in names}


def _name(precision: torch.dtype) -> str:
    return next(name for name, dtype in PRECISIONS.items() if dtype == precision)


def _describe(asked: Asked, work: Workload) -> dict[str, str | int]:
    """Return what was done, by heading."""
    height, width = work.scene.size
    return {
        "model": asked.weights or f"{asked.preset or DEFAULT_PRESET} (random weights)",
        "size": f"{width} x {height}",
        "frames": work.scene.length,
        "key frames": len(work.key_frames),
        "memory every": work.inference.propagate.memory_every,
    }
