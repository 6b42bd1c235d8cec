"""How a component computes: without gradients, in the precision asked for, a step at a time."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CPU_BYTES = 2**25  # that one step may take: what fits the cache, and is not mapped anew each time
LARGE_BLOCK = 2**22  # bytes
M_MMAP_THRESHOLD = -3  # malloc.h
GPU_SHARE = 0.5  # of the free memory; the rest is for the frame's features and the memories


def step_bytes(device: torch.device) -> int:
    """Return how much memory one step of a larger computation may take, in bytes."""
    if device.type != "cuda":
        return CPU_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(GPU_SHARE * (free + unused))


def fast_bfloat16(device: torch.device) -> bool:
    """Return whether the hardware computes in bfloat16.

    CUDA does from Ampere (8.0) on, and CPUs with AMX or AVX-512 BF16 instructions do; others
    are several times slower in it than in float32.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    tests = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # no public names yet
    return device.type == "cpu" and any(getattr(torch.cpu, test, bool)() for test in tests)


def return_large_blocks() -> None:
    """Let blocks of 4 MB and more go back to the system when they are freed, on Linux with glibc.

    By itself glibc puts them, once some were freed, into its heap up to 32 MB each. There they lie
    between maps that are kept, in pieces that the next ones do not fit, and memory grows.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


@contextmanager
def computing(device: torch.device, precision: torch.dtype) -> Iterator[None]:
    """Compute without gradients; a precision below float32 turns autocast on."""
    reduced = precision != torch.float32
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=reduced):
        yield
