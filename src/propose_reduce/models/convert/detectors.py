"""Mask R-CNN of MMDetection and Detectron2: its names, and the conventions it was trained with.

What decides whether numbers come out equal cannot be seen from names and shapes: which convolution
has the stride, in what order the channels come and how pixels are scaled. It is told by the
library, by the settings noted in the file, by its name, or by the user.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from torch import Tensor

from propose_reduce.errors import InputError
from propose_reduce.models.checkpoint import Checkpoint
from propose_reduce.models.convert.categories import COCO_LABELS
from propose_reduce.models.convert.keys import (
    ANCHORS,
    AUTHORS,
    CLASSIFIER,
    COUNTERS,
    LITE,
    NO_PROP_HEAD,
    PIXELS,
    TORCHVISION,
    Source,
)

Style: TypeAlias = Literal["pytorch", "caffe"]

COCO = tuple(name for name in COCO_LABELS if not name.startswith("unused"))
UNSCALED = (1.0, 1.0, 1.0)
TRAINED_BY_FACEBOOK = "resnext101_32x8d"  # in both libraries with the channels as BGR
DEPTHS = {3: 26, 6: 50, 23: 101, 36: 152}
"""Layers of a ResNet by the blocks of its third stage."""

_MODERN = {
    **ANCHORS,
    "boxes_outside": "drop",
    "anchor_offset": 0.0,
    "anchor_rounding": False,
    "roi_aligned": True,
    "roi_minimum_cell": False,
    "roi_samples": 0,
    "batch_norm_eps": 1e-5,
}

MMDETECTION_1 = replace(
    AUTHORS,
    title="MMDetection 1's Mask R-CNN",
    dropped=(COUNTERS,),
    initialised=NO_PROP_HEAD,
    licence="Apache-2.0.",
)
MMDETECTION = replace(
    MMDETECTION_1,
    title="MMDetection's Mask R-CNN",
    renames=((r"roi_head\.", ""), *AUTHORS.renames),
    dropped=(COUNTERS, (r"data_preprocessor\.", "pixel scaling, which is a setting here")),
    settings=_MODERN,
    background_last=True,
)
DETECTRON2 = Source(
    title="Detectron2's Mask R-CNN",
    renames=(
        *(
            (rf"backbone\.fpn_lateral{n + 2}\.", f"backbone.pyramid.inner_blocks.{n}.0.")
            for n in range(4)
        ),
        *(
            (rf"backbone\.fpn_output{n + 2}\.", f"backbone.pyramid.layer_blocks.{n}.0.")
            for n in range(4)
        ),
        (r"backbone\.bottom_up\.stem\.conv1\.norm\.", "backbone.body.bn1."),
        (r"backbone\.bottom_up\.stem\.", "backbone.body."),
        *((rf"backbone\.bottom_up\.res{n + 1}\.", f"backbone.body.layer{n}.") for n in range(1, 5)),
        (r"(backbone\.body\..*)\.shortcut\.norm\.", r"\1.downsample.1."),
        (r"(backbone\.body\..*)\.shortcut\.", r"\1.downsample.0."),
        (r"(backbone\.body\..*)\.conv(\d)\.norm\.", r"\1.bn\2."),
        (r"proposal_generator\.rpn_head\.conv\.", "detector.rpn.head.conv.0.0."),
        (r"proposal_generator\.rpn_head\.objectness_logits\.", "detector.rpn.head.cls_logits."),
        (r"proposal_generator\.rpn_head\.anchor_deltas\.", "detector.rpn.head.bbox_pred."),
        (r"roi_heads\.box_head\.fc1\.", "detector.box_head.layers.fc6."),
        (r"roi_heads\.box_head\.fc2\.", "detector.box_head.layers.fc7."),
        (r"roi_heads\.box_predictor\.", "detector.box_head.predictor."),
        *(
            (rf"roi_heads\.mask_head\.mask_fcn{n + 1}\.", f"detector.mask_head.layers.{n}.0.")
            for n in range(8)
        ),
        (r"roi_heads\.mask_head\.deconv\.", "detector.mask_head.predictor.conv5_mask."),
        (r"roi_heads\.mask_head\.predictor\.", "detector.mask_head.predictor.mask_fcn_logits."),
    ),
    dropped=(
        COUNTERS,
        (r"pixel_(mean|std)$", "pixel scaling, which is a setting here"),
        (r"proposal_generator\.anchor_generator\.", "anchors, which are a setting here"),
    ),
    initialised=NO_PROP_HEAD,
    settings=_MODERN,
    licence="CC BY-SA 3.0 (the models of its zoo).",
    background_last=True,
)


SOURCES = (AUTHORS, TORCHVISION, MMDETECTION, DETECTRON2, CLASSIFIER, LITE)


def recognise(content: Checkpoint, style: Style | None = None) -> Source:
    """Return the kind of a checkpoint, by its names; in doubt a classifier.

    Args:
        content: the checkpoint.
        style: of MMDetection's backbone, as the user says; None: as the file says.

    Raises:
        InputError: a style is given of another kind.
    """
    starts = {name.split(".")[0] for name in content.tensors}
    marks = (
        (MMDETECTION, {"roi_head"}),
        (AUTHORS, {"prop_head"}),
        (MMDETECTION_1, {"bbox_head", "neck"}),
        (DETECTRON2, {"proposal_generator"}),
        (TORCHVISION, {"roi_heads"}),
        (LITE, {"_conv_stem"}),
    )
    source = next((source for source, names in marks if starts & names), CLASSIFIER)
    if style is not None and source not in (MMDETECTION, MMDETECTION_1):
        raise InputError(f"--style is of MMDetection's checkpoints, and this is {source.title}")
    if source in (MMDETECTION, MMDETECTION_1, DETECTRON2):
        return _as_trained(source, content, style)
    return source


def _as_trained(source: Source, content: Checkpoint, style: Style | None) -> Source:
    """Return a source with what this checkpoint was trained with.

    Args:
        source: one of the three of this module.
        content: the checkpoint.
        style: as the user says; for MMDetection only.
    """
    names = {source.rename(name): value for name, value in content.tensors.items()}
    backbone = _backbone(names)
    note = ""
    if source is DETECTRON2:
        caffe = backbone is None or backbone.startswith("resnet")
        pixels = _pixels(caffe, backbone)
    else:
        told = style or _style_told(content)
        caffe, pixels = told == "caffe", _pixels(told == "caffe", backbone)
        if style is None:
            pixels = _pixels_told(content.config) or pixels
        if told is None:
            note = (
                "the file does not say how its backbone was trained; pytorch style is taken, and "
                "where it is caffe's (stride in the 1x1 convolution, BGR) give --style caffe"
            )
    settings = {
        **source.settings,
        "stride_in": "1x1" if caffe else "3x3",
        "pixel_mean": pixels[0],
        "pixel_std": pixels[1],
    }
    categories = _categories(names, content)
    alone = {"backbone": backbone, "long_side": 1333, "short_side": 800, "rpn_proposals": 1000}
    return replace(
        source,
        title=source.title + (" in caffe style" if caffe and source is not DETECTRON2 else ""),
        settings=settings,
        categories=categories,
        alone=alone if backbone and categories else None,
        backbone=backbone,
        reversed_channels=pixels[2],
        note=note,
    )


_Pixels: TypeAlias = tuple[tuple[float, ...], tuple[float, ...], bool]
"""Mean and deviation in the order RGB, and whether the network sees BGR."""


def _pixels(caffe: bool, backbone: str | None) -> _Pixels:
    """Return what the published models were trained with."""
    std = UNSCALED if caffe else PIXELS["pixel_std"]
    return PIXELS["pixel_mean"], std, caffe or backbone == TRAINED_BY_FACEBOOK


def _style_told(content: Checkpoint) -> Style | None:
    found = re.search(r"""\bstyle['"]?\s*[=:]\s*['"](pytorch|caffe)['"]""", content.config)
    if found:
        return "caffe" if found[1] == "caffe" else "pytorch"
    return "caffe" if "caffe" in content.name.lower() else None


def _pixels_told(config: str) -> _Pixels | None:
    """Return what the settings noted in a file say of its pixels."""
    number = r"\s*[\d.]+\s*"
    texts = [
        re.search(rf"\b{name}['\"]?\s*[=:]\s*[\[(]({number},{number},{number}),?\s*[\])]", config)
        for name in ("mean", "std")
    ]
    order = re.search(r"to_rgb['\"]?\s*[=:]\s*(True|False)", config)
    if texts[0] is None or texts[1] is None or order is None:
        return None
    mean, std = (tuple(float(part) for part in text[1].split(",")) for text in texts if text)
    reverse = order[1] == "False"  # the images are read as BGR, and so are the numbers
    return (mean[::-1], std[::-1], True) if reverse else (mean, std, False)


def _backbone(names: Mapping[str, Tensor]) -> str | None:
    """Return the timm model that a backbone is, by its blocks and the shape of one; or None."""
    blocks = {
        found[1] for name in names if (found := re.match(r"backbone\.body\.layer3\.(\d+)\.", name))
    }
    middle = names.get("backbone.body.layer1.0.conv2.weight")
    depth = DEPTHS.get(len(blocks))
    if depth is None or middle is None or middle.ndim != 4:
        return None
    channels, width = middle.shape[:2]
    if channels == width:
        return f"resnet{depth}"
    return f"resnext{depth}_{channels // width}x{width}d"


def _categories(names: Mapping[str, Any], content: Checkpoint) -> tuple[str, ...] | None:
    """Return the classes of a detector: those noted, or COCO's where there are as many."""
    rows = names.get("detector.box_head.predictor.cls_score.bias")
    count = 0 if rows is None else len(rows) - 1
    if content.categories is not None and len(content.categories) == count:
        return content.categories
    return COCO if count == len(COCO) else None
