"""The reference's video: normalised 64 x 96 images by formula."""

import numpy as np
import torch
from formulas import tensor, uniform
from torch import Tensor

SIZE = (64, 96)
REAL = (60, 90)  # what is not padding


def image(family: str, time: int, *, padded: bool = False) -> Tensor:
    """Return frame ``time``, float32 (1, 3, 64, 96), normalised.

    Args:
        family: "A" or "B".
        time: frame index.
        padded: rows from 60 and columns from 90 are zero.
    """
    shape = (1, 3, *SIZE)
    if family == "A":
        values = np.sin(0.05 * np.arange(np.prod(shape)) + 0.5 + 0.3 * time)
    else:
        c, y, x = np.mgrid[:3, : SIZE[0], : SIZE[1]].astype(np.float64)
        wave = np.sin(0.13 * (x - 3 * time) + 0.5 * c) * np.cos(0.17 * (y + 2 * time) + 0.3 * c)
        values = wave.ravel() + 0.5 * uniform("B", 2000, wave.size)
    frame = tensor(values, shape)
    if padded:
        frame[..., REAL[0] :, :] = 0
        frame[..., REAL[1] :] = 0
    return frame.to(memory_format=torch.channels_last)
