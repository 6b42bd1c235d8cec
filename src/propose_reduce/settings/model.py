"""The settings of the network, and the category sets of known data sets."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from propose_reduce.errors import cut, unknown_name
from propose_reduce.settings.base import Settings


def category_set(name: str) -> tuple[str, ...]:
    """Return the categories of a known data set, in id order (docs/method.md)."""
    known = yaml.safe_load((files("propose_reduce") / "presets" / "categories.yml").read_text())
    if name not in known:
        raise unknown_name("category set", name, known)
    return tuple(known[name])


WIDEST = 8192
"""Channels of a layer at most: a file can claim any number, and the memory must be there."""

LONGEST_SIDE = 16_384

Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]
Spread = Annotated[float, Field(gt=0)]


class ModelSettings(Settings):
    """What a network is; the weights file carries it."""

    categories: tuple[str, ...] = Field(
        ("instance",),
        min_length=1,
        max_length=100_000,
        description="foreground classes, or the name of a known set",
    )
    backbone: str = Field("resnet50", description="timm model with feature strides 4, 8, 16, 32")
    stride_in: Literal["3x3", "1x1"] = Field(
        "3x3",
        description="which convolution of a ResNet stage's first block halves the map: the 3x3, or "
        "the 1x1 before it as in Caffe's",
    )
    pyramid_channels: int = Field(
        256, ge=1, le=WIDEST, description="channels of the feature pyramid P2..P6"
    )
    box_channels: int = Field(
        1024, ge=1, le=WIDEST, description="width of the box head's two layers"
    )
    mask_channels: int = Field(256, ge=1, le=WIDEST, description="width of the mask head's layers")
    mask_layers: int = Field(4, ge=1, le=64, description="3x3 convolutions in the mask head")
    propagation_channels: int = Field(
        256, ge=2, le=WIDEST, description="width of the Seq-Prop head"
    )
    key_channels: int = Field(64, ge=1, le=WIDEST, description="channels of memory and query keys")
    anchor_sizes: tuple[Side, Side, Side, Side, Side] = Field(
        (32, 64, 128, 256, 512), description="anchor side on P2..P6, pixels"
    )
    anchor_ratios: tuple[Annotated[float, Field(gt=0, le=100)], ...] = Field(
        (0.5, 1.0, 2.0), min_length=1, max_length=32, description="anchor height / width"
    )
    anchor_offset: float = Field(
        0.5, ge=0, le=1, description="anchor centre in its cell: 0.5 authors, 0 torchvision"
    )
    anchor_rounding: bool = Field(True, description="round anchor corners to whole pixels")
    boxes_outside: Literal["drop", "keep"] = Field(
        "drop",
        description="boxes beyond the image, in its padding; keep: 1 px wide at the border, as in "
        "the authors' code",
    )
    roi_aligned: bool = Field(
        False, description="RoIAlign shifts by half a cell (the later convention)"
    )
    roi_minimum_cell: bool = Field(
        False, description="RoIs smaller than one cell are widened to it, as torchvision does"
    )
    roi_samples: int = Field(
        2, ge=0, le=16, description="RoIAlign samples per bin side; 0: as many as the bin has cells"
    )
    rpn_proposals: int = Field(
        200, ge=1, le=100_000, description="RPN boxes per level before and in all after"
    )
    rpn_nms: float = Field(0.7, ge=0, le=1, description="RPN box NMS IoU per level")
    batch_norm_eps: float = Field(
        1e-5, ge=0, le=1, description="epsilon of the backbone's batch norms"
    )
    long_side: int = Field(
        640, ge=32, le=LONGEST_SIDE, description="input fits into this long side, pixels"
    )
    short_side: int = Field(
        360, ge=32, le=LONGEST_SIDE, description="input fits into this short side, pixels"
    )
    pixel_mean: tuple[float, float, float] = Field(
        (123.675, 116.28, 103.53), description="subtracted from RGB 0-255"
    )
    pixel_std: tuple[Spread, Spread, Spread] = Field(
        (58.395, 57.12, 57.375), description="RGB is divided by this"
    )
    frozen_stages: int = Field(
        2, ge=0, le=5, description="backbone stages without training: 1 = stem, 2 = and layer1, .."
    )
    freeze_batch_norm: bool = Field(
        True, description="batch-norm statistics stay fixed (their affine parameters train)"
    )
    freeze_depthwise: bool = Field(
        False,
        description="depthwise kernels do not train: on a CPU their gradients take most of a step",
    )

    @field_validator("categories", mode="before")
    @classmethod
    def _named_set(cls, value: object) -> object:
        return category_set(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> ModelSettings:
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"categories must be distinct, got {cut(self.categories)}")
        if self.long_side < self.short_side:
            raise ValueError(
                f"long_side ({self.long_side}) must be at least short_side ({self.short_side})"
            )
        return self
