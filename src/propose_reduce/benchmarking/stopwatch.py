"""Seconds and floating-point operations, stage by stage."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import get_ident
from time import perf_counter
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

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
