"""The weight formulas of tests/reference/model/README.md, for any tensor."""

import math

import numpy as np
import torch
from torch import Tensor

GAINS = {
    "prop_head.enc_pos.weight": 4,
    "prop_head.atn_key.weight": 1.5,
    "prop_head.qry_atn_key.weight": 1.5,
    "prop_head.atn_value.weight": 2,
    "prop_head.pred2.weight": 4,
    "bbox_head.fc_cls.weight": 6,
    "rpn_head.rpn_cls.weight": 3,
    "rpn_head.rpn_reg.weight": 0.3,
    "mask_head.conv_logits.weight": 6,
}


def uniform(family: str, index: int, size: int) -> np.ndarray:
    """Return u(index, 0..size-1) in float64."""
    j = np.arange(size, dtype=np.uint64)
    if family == "A":
        return np.sin(0.7 * j.astype(np.float64) + 1.3 * index + 0.1)
    mask = np.uint64(0xFFFFFFFF)
    x = (j + np.uint64(0x9E3779B9 * (index + 1) & 0xFFFFFFFF)) & mask
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x7FEB352D)) & mask
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x846CA68B)) & mask
    x ^= x >> np.uint64(16)
    return x.astype(np.float64) / 2**31 - 1


def weight(family: str, index: int, key: str, shape: tuple[int, ...]) -> Tensor:
    """Return the tensor that stands under ``key`` of an authors' checkpoint."""
    u = uniform(family, index, math.prod(shape))
    name = key.rsplit(".", 1)[-1]
    if name == "running_mean":
        values = 0.05 * u
    elif name == "running_var":
        values = 1 + 0.5 * u**2
    elif name == "bias":
        values = 0.01 * u
    elif len(shape) == 1:  # the scale of a batch norm
        values = 1 + 0.1 * u
    else:
        fan_in = math.prod(shape[1:])
        scale = 1 if family == "A" else GAINS.get(key, 1) * math.sqrt(3)
        values = scale * u / math.sqrt(fan_in)
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def tensor(values: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """Return float64 values as a float32 tensor."""
    return torch.from_numpy(values.reshape(shape).astype(np.float32))
