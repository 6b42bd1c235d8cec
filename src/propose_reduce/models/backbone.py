"""The backbone and its feature pyramid: one pass per frame, shared by every head.

Letters in this file: B frames, F pyramid channels, H and W padded input pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import timm
import torch
from timm.models.resnet import Bottleneck
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from propose_reduce.errors import InputError, unknown_name
from propose_reduce.structures import padded_size

STRIDES = (4, 8, 16, 32)  # of C2..C5 and P2..P5; P6 halves P5 once more
TRIAL = (96, 160)  # a size that no model is made for


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the heads read of B frames.

    Attributes:
        c2: (B, C2 channels, H / 4, W / 4), backbone map.
        c3: (B, C3 channels, H / 8, W / 8), backbone map.
        pyramid: P2..P6, each (B, F, H / s, W / s) with s = 4, 8, 16, 32, 64.
    """

    c2: Tensor
    c3: Tensor
    pyramid: tuple[Tensor, ...]

    @property
    def p2(self) -> Tensor:
        """The finest level of the pyramid, (B, F, H / 4, W / 4)."""
        return self.pyramid[0]

    def rows(self, start: int, stop: int) -> Features:
        """Return the features of frames ``start`` to ``stop`` (exclusive)."""
        return Features(
            self.c2[start:stop],
            self.c3[start:stop],
            tuple(level[start:stop] for level in self.pyramid),
        )


class Backbone(nn.Module):
    """A timm model as a feature pyramid.

    Shape:
        - images: (B, 3, H, W), normalised RGB, H and W multiples of 32
        - output: Features

    Args:
        name: a timm model with feature strides 4, 8, 16 and 32.
        channels: F.
        stride_in_first: in a ResNet the first 1x1 convolution of a stage halves the map, as in
            Caffe's, and not the 3x3 behind it.
        batch_norm_eps: epsilon of every batch norm; None keeps the model's own.
        frozen_stages: 0 trains everything, 1 freezes the stem, 2 the stem and what gives C2, ..
        freeze_batch_norm: batch-norm statistics stay as they are, in training too.
        freeze_depthwise: the kernels of depthwise convolutions do not train.
    """

    def __init__(
        self,
        name: str,
        channels: int = 256,
        *,
        stride_in_first: bool = False,
        batch_norm_eps: float | None = None,
        frozen_stages: int = 0,
        freeze_batch_norm: bool = False,
        freeze_depthwise: bool = False,
    ) -> None:
        super().__init__()
        self.body = _feature_model(name)
        if stride_in_first:
            _stride_in_first(name, self.body)
        self.map_channels: list[int] = self.body.feature_info.channels()
        self.pyramid = FeaturePyramidNetwork(
            self.map_channels, channels, extra_blocks=LastLevelMaxPool()
        )
        self.freeze_batch_norm = freeze_batch_norm
        if batch_norm_eps is not None:
            for norm in self._batch_norms():
                norm.eps = batch_norm_eps
        for parameter in _first_stages(name, self.body, frozen_stages):
            parameter.requires_grad = False
        if freeze_depthwise:
            for module in self.body.modules():
                if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
                    module.weight.requires_grad = False

    def forward(self, images: Tensor) -> Features:
        """Return the features of a batch of padded images."""
        maps = self.body(images)
        levels = self.pyramid({str(level): value for level, value in enumerate(maps)})
        return Features(maps[0], maps[1], tuple(levels.values()))

    def train(self, mode: bool = True) -> Backbone:
        """Switch modes; frozen statistics stay in evaluation mode."""
        super().train(mode)
        if self.freeze_batch_norm:
            for norm in self._batch_norms():
                norm.eval()
        return self

    def _batch_norms(self) -> list[nn.BatchNorm2d]:
        return [module for module in self.body.modules() if isinstance(module, nn.BatchNorm2d)]


def _feature_model(name: str) -> Any:
    """Return the timm model that gives C2..C5, without weights."""
    if not timm.is_model(name):
        raise unknown_name("timm backbone", name, timm.list_models())
    try:
        with torch.device("meta"):  # a look at its strides, without the cost of its weights
            known: Any = timm.create_model(name, pretrained=False, features_only=True)
        known.eval()(torch.zeros(1, 3, *TRIAL, device="meta"))  # some take one size of image only
        places = {entry["reduction"]: entry["index"] for entry in known.feature_info.info}
        indices = [places[stride] for stride in STRIDES]
        return timm.create_model(name, pretrained=False, features_only=True, out_indices=indices)
    except (RuntimeError, ValueError, AttributeError, TypeError, KeyError, AssertionError) as error:
        raise InputError(
            f"backbone '{name}' gives no feature maps at strides 4, 8, 16, 32: choose one that "
            "does, such as resnet50"
        ) from error


def _stride_in_first(name: str, body: Any) -> None:
    """Move the stride of each bottleneck from its 3x3 to its first 1x1 convolution."""
    blocks = [module for module in body.modules() if isinstance(module, Bottleneck)]
    strided = [block for block in blocks if block.conv2.stride == (2, 2)]
    if not strided:
        raise InputError(
            f"backbone '{name}' has no bottlenecks with a stride: set model.stride_in = 3x3"
        )
    for block in strided:
        block.conv1.stride, block.conv2.stride = (2, 2), (1, 1)


def _first_stages(name: str, body: Any, count: int) -> list[nn.Parameter]:
    """Return the parameters of the first ``count`` stages.

    The stem is all that comes before the module that gives C2; that module is the next stage, and
    each of the others ends where C3, C4 and C5 are given.
    """
    ends = [f"{end.replace('_', '.')}." for end in body.feature_info.module_name()]
    parameters: list[nn.Parameter] = []
    stage, inside = 0, False
    for path, module in body.named_modules():
        reached = [end for end in ends if f"{path.replace('_', '.')}.".startswith(end)]
        if reached:
            stage = ends.index(reached[0]) + 1
        elif inside:
            stage += 1
        inside = bool(reached)
        if stage < count:
            parameters += list(module.parameters(recurse=False))
    if count > 0 and stage < len(ends):
        raise InputError(f"backbone '{name}' has no stages to freeze: set model.frozen_stages = 0")
    return parameters


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return float32 images, (x - mean) / std, zero-padded right and bottom to multiples of 32.

    Args:
        images: (B, 3, H, W), RGB 0-255, uint8 or float32.
        mean: (3,), 0-255.
        std: (3,).
    """
    scaled = (images.float() - mean[:, None, None]) / std[:, None, None]
    height, width = images.shape[-2:]
    padded = padded_size((height, width))
    return nn.functional.pad(scaled, (0, padded[1] - width, 0, padded[0] - height))


def channels_last(module: nn.Module) -> nn.Module:
    """Lay the weights out as the fast CPU and GPU convolutions want them."""
    return module.to(memory_format=torch.channels_last)
