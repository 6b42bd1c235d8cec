"""What the machine is, and the most that it gives."""

import platform
from pathlib import Path
from time import perf_counter

import torch
from torch.nn import functional

from propose_reduce.benchmarking.stopwatch import counted_operations

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
