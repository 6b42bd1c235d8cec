"""Checkpoints as the authors released them, filled by the formulas of the reference."""

import json
from functools import cache

import torch
from formulas import weight
from places import REFERENCE
from torch import Tensor

MODEL = REFERENCE / "model"
VARIANTS = {
    "youtube_vis_2019_r50": "r50_fpn_1x_youtubevis19",
    "youtube_vis_2019_r101": "r101_fpn_1x_youtubevis19",
    "youtube_vis_2019_x101": "x101_fpn_1x_youtubevis19",
    "youtube_vis_2021_r50": "r50_fpn_1x_youtubevis21",
    "youtube_vis_2021_x101": "x101_fpn_1x_youtubevis21",
    "davis_r101": "r101_fpn_1x_davisuvos",
    "davis_x101": "x101_fpn_1x_davisuvos",
}
"""The authors' seven released models, by the preset that each belongs to."""


@cache
def shapes(variant: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of one released model's state dict."""
    entries = json.loads((MODEL / f"state_dict_{variant}.json").read_text())
    return {name: tuple(shape) for name, shape, _ in entries}


@cache
def indices() -> dict[str, int]:
    """Return the index of each tensor in the formulas."""
    order = json.loads((MODEL / "pipeline" / "weight_key_order.json").read_text())
    starts = {"backbone+neck": 0, "prop_head": 0, "rpn+bbox+mask": 500}
    return {
        name: start + place
        for group, start in starts.items()
        for place, name in enumerate(order[group])
    }


def formula_state(family: str, start: str = "") -> dict[str, Tensor]:
    """Return the used tensors of the ResNet-50 YouTube-VIS 2019 model whose names start so."""
    known = shapes(VARIANTS["youtube_vis_2019_r50"])
    return {
        name: weight(family, index, name, known[name])
        for name, index in indices().items()
        if name.startswith(start)
    }


def unused_state(preset: str = "youtube_vis_2019_r50") -> dict[str, Tensor]:
    """Return what such a checkpoint holds beside that: counters, and layers that never run."""
    used = indices()
    return {
        name: torch.zeros(shape, dtype=torch.float32 if shape else torch.int64)
        for name, shape in shapes(VARIANTS[preset]).items()
        if name not in used
    }
