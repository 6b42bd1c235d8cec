"""How a part computes: without gradients, in the precision asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def computing(device: torch.device, precision: torch.dtype) -> Iterator[None]:
    """Compute without gradients; a precision below float32 turns autocast on."""
    reduced = precision != torch.float32
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=reduced):
        yield
