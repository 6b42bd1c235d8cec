"""What the machine is, the most that it gives, and what a run takes of it: memory and time."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread, get_ident
from time import perf_counter
from types import TracebackType
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

SECONDS_BETWEEN = 0.005
"""Between two looks at the resident memory; a large feature map takes longer to fill."""

_STATM = Path("/proc/self/statm")


def resident_bytes() -> int | None:
    """Return the main memory that this process holds now; None where there is no /proc."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


class PeakMemory:
    """Measures, as a context, the most memory in use above what was in use before.

    On CUDA the memory of tensors; on the CPU the resident memory of the process, looked at by a
    thread; elsewhere nothing.

    Attributes:
        bytes: the peak less ``before``, after leaving; None where it cannot be measured.
        before: bytes in use on entering.
    """

    def __init__(self, device: torch.device) -> None:
        self.bytes: int | None = None
        self.before = 0
        self._device = device
        self._done = Event()
        self._peak = 0

    def __enter__(self) -> PeakMemory:
        _give_back()
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            self.before = torch.cuda.memory_allocated(self._device)
        elif self._device.type == "cpu" and (resident := resident_bytes()) is not None:
            self.before = self._peak = resident
            self._thread = Thread(target=self._look, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self._device) - self.before
        elif self._peak:
            self._thread.join()
            self.bytes = self._peak - self.before

    def _look(self) -> None:
        while True:
            self._peak = max(self._peak, resident_bytes() or 0)
            if self._done.wait(SECONDS_BETWEEN):
                return


def _give_back() -> None:
    """Return to the system what is free, or it would count as held before."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if _STATM.exists() else None
    if trim is not None:  # glibc alone has it
        trim(0)


AHEAD = "{} ahead"
"""Name of a stage that goes on in another thread than the one that is timed."""


class Stopwatch:
    """Gives each moment, and each operation, to the innermost stage that is open.

    Its ``stage`` listens to the labels of stages.py. torch's own profiler sees them too, but
    records every operation, beside which the memory of the work could not be measured.

    It times the thread that made it. What another thread does meanwhile has a name of its own
    (``AHEAD``) and takes nothing from the stages.

    Attributes:
        seconds: by stage.
        operations: floating-point operations by stage (see ``counted_operations``).
    """

    def __init__(self, device: torch.device) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.operations: Counter[str] = Counter()
        self._device = device
        self._thread = get_ident()
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Open a stage; what it takes is taken from the stage around it."""
        if get_ident() != self._thread:
            start = perf_counter()
            yield
            self.seconds[AHEAD.format(name)] += perf_counter() - start
            return
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the operations of everything that torch is asked for inside."""
        with _Counting(self._add):
            yield

    def _add(self, operations: int) -> None:
        self.operations[self._open[-1]] += operations

    def _turn(self) -> None:
        """Give the time since the last turn to the innermost stage."""
        if self._device.type != "cpu":
            torch.accelerator.synchronize(self._device)
        now = perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


class _Counting(TorchFunctionMode):
    """Passes every call on as it is and reports its operations.

    torch's own FlopCounterMode runs composite operations in pieces: under it bilinear enlarging
    is many times as slow, so nothing could be timed while it counts.
    """

    def __init__(self, report: Callable[[int], None]) -> None:
        super().__init__()
        self._report = report

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        count = _OPERATIONS.get(func)
        if count is not None:
            self._report(count(result, *args, **(kwargs or {})))
        return result


def _convolution(result: Any, input: Any, weight: Any, *_: Any, **__: Any) -> int:  # noqa: A002
    return int(2 * result.numel() * weight[0].numel())


def _transposed(result: Any, input: Any, weight: Any, *_: Any, **__: Any) -> int:  # noqa: A002
    return int(2 * input.numel() * weight[0].numel())


def _product(result: Any, input: Any, *_: Any, **__: Any) -> int:  # noqa: A002
    return int(2 * result.numel() * input.shape[-1])


def _attention(result: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    pairs = query.shape[:-1].numel() * key.shape[-2]
    return int(2 * pairs * (query.shape[-1] + value.shape[-1]))


_FUNCTIONAL = torch.nn.functional
_OPERATIONS: dict[Any, Callable[..., int]] = {
    _FUNCTIONAL.conv1d: _convolution,
    _FUNCTIONAL.conv2d: _convolution,
    _FUNCTIONAL.conv3d: _convolution,
    _FUNCTIONAL.conv_transpose2d: _transposed,
    _FUNCTIONAL.linear: _product,
    _FUNCTIONAL.scaled_dot_product_attention: _attention,
    torch.matmul: _product,
    torch.mm: _product,
    torch.bmm: _product,
    torch.Tensor.matmul: _product,
    torch.Tensor.__matmul__: _product,
    torch.Tensor.mm: _product,
    torch.Tensor.bmm: _product,
}
"""What is counted, a multiply-add as 2: convolutions, matrix products and attention."""


def counted_operations(function: Callable[[], Any]) -> int:
    """Return the floating-point operations of a call: see ``_OPERATIONS`` for what counts."""
    watch = Stopwatch(torch.device("cpu"))
    with watch.counting(), watch.stage("all"):
        function()
    return watch.operations["all"]


ROWS, CHANNELS, HEIGHT, WIDTH = 4, 256, 96, 160
"""The decoder's largest convolution, for a few objects: 3 x 3 on a quarter of 640 x 384."""

MIN_SECONDS = 1.0
"""For which a peak is sought: the best of many on a GPU, of two or three on a CPU."""


def describe(device: torch.device) -> dict[str, str]:
    """Return what the machine is, by heading."""
    properties = {"processor": _processor(), "threads": str(torch.get_num_threads())}
    if device.type == "cuda":
        properties["GPU"] = torch.cuda.get_device_name(device)
    return {**properties, "device": str(device), "torch": torch.__version__}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


@torch.inference_mode()
def peak_rate(device: torch.device, precision: torch.dtype, rows: int = ROWS) -> float:
    """Return the most operations per second that a large convolution reaches.

    Args:
        device: where it is computed.
        precision: of its input, weights and output.
        rows: the input's first dimension.
    """
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(rows, CHANNELS, HEIGHT, WIDTH, generator=generator)
    weight = torch.randn(CHANNELS, CHANNELS, 3, 3, generator=generator)
    image = image.to(device, precision, memory_format=torch.channels_last)
    weight = weight.to(device, precision, memory_format=torch.channels_last)
    operations = counted_operations(lambda: functional.conv2d(image, weight, padding=1))
    best, spent = float("inf"), 0.0
    while True:
        start = perf_counter()
        functional.conv2d(image, weight, padding=1)
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        took = perf_counter() - start
        best, spent = min(best, took), spent + took
        if spent >= MIN_SECONDS:
            return operations / best
