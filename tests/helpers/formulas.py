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
    if family == "A":  # sin(a + b) = sin a cos b + cos a sin b: millions of sines from a few
        low = 0.7 * np.arange(4096)
        high = 0.7 * 4096 * np.arange(-(-size // 4096))[:, None] + (1.3 * index + 0.1)
        return (np.sin(high) * np.cos(low) + np.cos(high) * np.sin(low)).ravel()[:size]
    x = np.arange(size, dtype=np.uint32)  # arithmetic modulo 2**32, in place: millions of values
    x += np.uint32(0x9E3779B9 * (index + 1) & 0xFFFFFFFF)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x7FEB352D)
    x ^= x >> np.uint32(15)
    x *= np.uint32(0x846CA68B)
    x ^= x >> np.uint32(16)
    values = x.astype(np.float64)
    values /= 2**31
    values -= 1
    return values


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
        values = u * (scale / math.sqrt(fan_in))
    return torch.from_numpy(values.reshape(shape).astype(np.float32))


def tensor(values: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """Return float64 values as a float32 tensor."""
    return torch.from_numpy(values.reshape(shape).astype(np.float32))
