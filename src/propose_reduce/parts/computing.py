"""How a part computes: without gradients, in the precision asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

CPU_BYTES = 2**25  # that one step may take: what fits the cache, and is not mapped anew each time
GPU_SHARE = 0.5  # of the free memory; the rest is for the frame's features and the memories


def step_bytes(device: torch.device) -> int:
    """Return how much memory one step of a larger computation may take, in bytes."""
    if device.type != "cuda":
        return CPU_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(GPU_SHARE * (free + unused))


@contextmanager
def computing(device: torch.device, precision: torch.dtype) -> Iterator[None]:
    """Compute without gradients; a precision below float32 turns autocast on."""
    reduced = precision != torch.float32
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=reduced):
        yield
