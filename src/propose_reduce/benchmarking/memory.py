"""How much memory a piece of work takes at its peak."""

from __future__ import annotations

import ctypes
import gc
import os
from pathlib import Path
from threading import Event, Thread
from types import TracebackType

import torch

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
