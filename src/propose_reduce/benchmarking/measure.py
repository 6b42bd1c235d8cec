"""Measuring ways through the work, by turns and in one process."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import Field

from propose_reduce.api.model import PRECISIONS, choose_device, choose_precision
from propose_reduce.benchmarking.machine import PeakMemory, Stopwatch, describe, peak_rate
from propose_reduce.benchmarking.method import RunMethod, propose_reduce
from propose_reduce.benchmarking.report import BenchmarkReport, Run
from propose_reduce.benchmarking.workload import DEFAULT_PRESET, OTHER, Workload, load_model
from propose_reduce.errors import InputError
from propose_reduce.settings import Settings
from propose_reduce.stages import listening

OURS = "propose-reduce"


class BenchmarkSettings(Settings):
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
class Method:
    """A method to measure beside this package's own.

    Attributes:
        name: as it is reported.
        run: does the work.
        precision: what it computes in.
    """

    name: str
    run: RunMethod
    precision: str = "fp32"


def benchmark(
    settings: BenchmarkSettings,
    others: Sequence[Method] = (),
    *,
    progress: Callable[[int, int], None] | None = None,
) -> BenchmarkReport:
    """Measure this package on this machine.

    Runs that are compared take turns, so that a machine that gets slower does so for all.

    Args:
        settings: what to measure.
        others: methods to measure beside it.
        progress: called with runs done and runs in all.

    Raises:
        InputError: no such preset, weights, device or precision, or a count below 1.
    """
    if min(settings.objects) < 1:
        raise InputError(f"objects must be at least 1, got {min(settings.objects)}")
    device = choose_device(settings.device)
    chosen = [_name(choose_precision(name, device)) for name in settings.precisions]
    precisions = dict.fromkeys(chosen)  # "auto" may name one of the others
    methods = [*(Method(OURS, propose_reduce, name) for name in precisions), *others]
    model = load_model(settings.preset, settings.weights, device)
    peaks = _peaks(methods, device)
    runs, done = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for objects in settings.objects:
            work = Workload.write(model, objects, settings.frames, Path(folder))
            counts = {method: _warm_up(method, work, Path(folder)) for method in methods}
            of_kind: dict[Method, list[Run]] = {method: [] for method in methods}
            for _ in range(settings.repeat):
                for method, found in of_kind.items():
                    found.append(measure(method, work, Path(folder), counts[method]))
                    done += 1
                    if progress is not None:
                        progress(done, len(settings.objects) * len(methods) * settings.repeat)
            runs += [median(found) for found in of_kind.values()]
    again = _peaks(methods, device)  # the better, in case the machine was busy before
    peaks = {name: max(peak, again[name]) for name, peak in peaks.items()}
    return BenchmarkReport(_describe(settings, work), describe(device), peaks, tuple(runs))


def measure(
    method: Method,
    work: Workload,
    folder: Path,
    operations: Mapping[str, int] | None = None,
) -> Run:
    """Do the work once, and return what it took.

    Args:
        method: does it.
        work: what is to be done.
        folder: for the result.
        operations: by stage, where they are known; None counts them.
    """
    watch = Stopwatch(work.device)
    counting = watch.counting() if operations is None else nullcontext()
    heard = listening(watch.stage)
    with PeakMemory(work.device) as memory, counting, watch.stage(OTHER), heard:
        followed = method.run(work, PRECISIONS[method.precision], folder)
    return Run(
        method.name,
        method.precision,
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


def _warm_up(method: Method, work: Workload, folder: Path) -> Mapping[str, int] | None:
    """Let the libraries choose their kernels; return the work's operations where all was done.

    An accelerator gets its memory too and, being fast, all of the work: counting keeps the
    processor busy about 3 microseconds per call, for which it would wait in the runs that count.
    """
    whole = work.device.type != "cpu"
    frames = work.scene.length if whole else 1
    short = Workload.write(work.model, work.scene.objects, frames, folder / "warm")
    done = measure(method, short, folder)
    return done.operations if whole else None


def _peaks(methods: Sequence[Method], device: torch.device) -> dict[str, float]:
    """Return the machine's own peak in each precision that occurs."""
    names = dict.fromkeys(method.precision for method in methods)
    return {name: peak_rate(device, PRECISIONS[name]) for name in names}


def _name(precision: torch.dtype) -> str:
    return next(name for name, dtype in PRECISIONS.items() if dtype == precision)


def _describe(settings: BenchmarkSettings, work: Workload) -> dict[str, str | int]:
    """Return what was done, by heading."""
    height, width = work.scene.size
    return {
        "model": settings.weights or f"{settings.preset or DEFAULT_PRESET} (random weights)",
        "size": f"{width} x {height}",
        "frames": work.scene.length,
        "key frames": len(work.key_frames),
        "memory every": work.inference.propagate.memory_every,
    }
