"""What is in a box: RoI features, the box head and the mask head.

Letters in this file: N boxes, F pyramid channels, C foreground classes, H and W input pixels.
Boxes are (x1, y1, x2, y2) in input pixels, x2 and y2 exclusive. Labels count from 1; 0 is
background.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import roi_align
from torchvision.ops.poolers import LevelMapper

from propose_reduce.models.backbone import STRIDES
from propose_reduce.structures import Size

BOX_BINS, MASK_BINS = 7, 14


class RoIFeatures(nn.Module):
    """RoIAlign on P2..P5, level by box size (changing at 112, 224 and 448 px).

    Shape:
        - pyramid: P2.., (B, F, y, x) each
        - boxes: B times (N_b, 4)
        - output: float32 (sum of N_b, F, bins, bins)

    Args:
        aligned: the later convention, samples half a cell up and left.
        minimum_cell: only without ``aligned``: boxes smaller than one cell are widened to it.
        samples: per bin side.
    """

    def __init__(self, *, aligned: bool, minimum_cell: bool, samples: int) -> None:
        super().__init__()
        self.aligned, self.minimum_cell, self.samples = aligned, minimum_cell, samples
        self.level_of = LevelMapper(2, 5)  # canonical size 224 on level 4: the paper's FPN rule

    def forward(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor], bins: int) -> Tensor:
        """Return the features of every box, in order."""
        levels = self.level_of(list(boxes))
        frames = torch.repeat_interleave(
            torch.arange(len(boxes), device=levels.device),
            torch.tensor([len(group) for group in boxes], device=levels.device),
        )
        rows = torch.cat([frames[:, None].float(), torch.cat(list(boxes))], dim=1)
        pooled = pyramid[0].new_zeros(
            (len(rows), pyramid[0].shape[1], bins, bins), dtype=torch.float32
        )
        for level, stride in enumerate(STRIDES):
            of_level = torch.nonzero(levels == level)[:, 0]
            if len(of_level):
                # float32: roi_align has no bfloat16 kernel on the CPU
                found = self._align(pyramid[level].float(), rows[of_level], bins, stride)
                pooled = pooled.index_copy(0, of_level, found)
        return pooled

    def _align(self, features: Tensor, rows: Tensor, bins: int, stride: int) -> Tensor:
        aligned = self.aligned
        if not aligned and not self.minimum_cell:
            # torchvision's unaligned kernel widens small boxes; the aligned one, on boxes moved by
            # the half cell that it takes away, does not and is otherwise the same.
            rows = rows + rows.new_tensor([0, *[stride / 2] * 4])
            aligned = True
        return roi_align(features, rows, bins, 1 / stride, self.samples, aligned)


class BoxOutput(NamedTuple):
    """What the box head says.

    Attributes:
        logits: float32 (N, C + 1); column 0 is background.
        codes: float32 (N, 4 (C + 1)), box corrections per class.
    """

    logits: Tensor
    codes: Tensor


class BoxHead(nn.Module):
    """Class and box correction of RoI features.

    Shape:
        - features: (N, F, 7, 7)
        - output: logits (N, C + 1), codes (N, 4 (C + 1))
    """

    def __init__(self, channels: int, width: int, num_classes: int) -> None:
        super().__init__()
        self.layers = TwoMLPHead(channels * BOX_BINS**2, width)
        self.predictor = FastRCNNPredictor(width, num_classes + 1)

    def forward(self, features: Tensor) -> BoxOutput:
        """Return class logits and box codes, float32."""
        logits, codes = self.predictor(self.layers(features))
        return BoxOutput(logits.float(), codes.float())


class MaskHead(nn.Module):
    """A 28 x 28 mask per class of RoI features.

    Shape:
        - features: (N, F, 14, 14)
        - output: float32 logits (N, C + 1, 28, 28); row 0 belongs to the background, unused
    """

    def __init__(self, channels: int, width: int, layers: int, num_classes: int) -> None:
        super().__init__()
        self.layers = MaskRCNNHeads(channels, (width,) * layers, 1)
        self.predictor = MaskRCNNPredictor(width, width, num_classes + 1)

    def forward(self, features: Tensor) -> Tensor:
        """Return mask logits."""
        return self.predictor(self.layers(features)).float()


def paste(probabilities: Tensor, boxes: Tensor, size: Size) -> Tensor:
    """Lay small masks onto the image, soft.

    With a = int(x1), b = int(x2 - 1) a mask is resized to b - a + 1 columns (rows likewise),
    bilinear without corner alignment or antialias, placed at a and cut at the border.

    Args:
        probabilities: float32 (N, m, m), 0-1.
        boxes: float32 (N, 4).
        size: (height, width) of the canvas.

    Returns:
        float32 (N, height, width), 0 outside the boxes.
    """
    height, width = size
    canvas = probabilities.new_zeros((len(boxes), height, width))
    corners = torch.cat([boxes[:, :2], boxes[:, 2:] - 1], dim=1).trunc().long().tolist()
    for row, (x1, y1, x2, y2) in enumerate(corners):
        shape = (max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1))
        mask = functional.interpolate(
            probabilities[row][None, None], size=shape, mode="bilinear", align_corners=False
        )[0, 0]
        top, left = max(y1, 0), max(x1, 0)
        bottom, right = min(y1 + shape[0], height), min(x1 + shape[1], width)
        if top < bottom and left < right:
            canvas[row, top:bottom, left:right] = mask[
                top - y1 : bottom - y1, left - x1 : right - x1
            ]
    return canvas
