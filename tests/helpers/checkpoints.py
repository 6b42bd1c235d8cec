"""Checkpoints as the authors released them, filled by the formulas of the reference."""

import json
import math
import pickle
from functools import cache
from pathlib import Path

import torch
from formulas import tensor, uniform, weight
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


LIBRARIES = REFERENCE / "weights"
"""Mask R-CNN of MMDetection and Detectron2: key lists and golden numbers."""


def library_shapes(name: str) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of a library's state dict, such as "mmdet_r101"."""
    entries = json.loads((LIBRARIES / f"keys_{name}.json").read_text())["keys"]
    return {key: tuple(shape) for key, shape, _ in entries}


def library_state(name: str) -> dict[str, Tensor]:
    """Return a library's state dict with the weights of its formula, in the order of its list."""
    known = library_shapes(name)
    counters = {key for key in known if key.endswith("num_batches_tracked")}
    start = 1000 if name.startswith("mmdet") else 0
    places = {key: start + place for place, key in enumerate(sorted(set(known) - counters))}
    unscaled = name.endswith("caffe") or name.startswith("detectron2_r")
    return {
        key: torch.zeros((), dtype=torch.int64)
        if key in counters
        else library_weight(places[key], key, shape, unscaled=unscaled)
        for key, shape in known.items()
    }


def library_weight(index: int, key: str, shape: tuple[int, ...], *, unscaled: bool) -> Tensor:
    """Return the tensor that stands under a key of a library's checkpoint.

    Args:
        index: of the formula.
        key: its name.
        shape: its shape.
        unscaled: the network sees pixels of 0 to 255, so its first layer is small.
    """
    if len(shape) < 2:
        return weight("B", index, key, shape)  # biases and batch norms are as there
    ends = {
        "rpn_cls.weight": 3,
        "objectness_logits.weight": 3,
        "rpn_reg.weight": 0.3,
        "anchor_deltas.weight": 0.3,
        "fc_cls.weight": 4,
        "cls_score.weight": 4,
        "conv_logits.weight": 6,
        "mask_head.predictor.weight": 6,
    }
    gain = next((value for end, value in ends.items() if key.endswith(end)), 1.0)
    if unscaled and key in ("backbone.conv1.weight", "backbone.bottom_up.stem.conv1.weight"):
        gain = 1 / 64
    u = uniform("B", index, math.prod(shape))
    return tensor(u * (gain * math.sqrt(3 / math.prod(shape[1:]))), shape)


def save_library(name: str, state: dict[str, Tensor], folder: Path) -> Path:
    """Write a state dict as its library publishes it, and return the file."""
    if name.startswith("detectron2"):
        arrays = {key: value.numpy() for key, value in state.items()}
        file = folder / f"{name}.pkl"
        file.write_bytes(pickle.dumps({"model": arrays, "__author__": "formula"}, protocol=2))
        return file
    style = "caffe" if name.endswith("caffe") else "pytorch"
    scaling = "mean=[103.53, 116.28, 123.675], std=[1.0, 1.0, 1.0], bgr_to_rgb=False"
    if style == "pytorch":
        scaling = "mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True"
    text = f"model = dict(data_preprocessor=dict({scaling}), backbone=dict(style='{style}'))"
    file = folder / f"{name}.pth"
    torch.save({"state_dict": state, "meta": {"cfg": text}}, file)
    return file
