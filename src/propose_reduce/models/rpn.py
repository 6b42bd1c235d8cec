"""Anchors and the region proposal network, on torchvision's.

Letters in this file: B frames, F pyramid channels, A anchors per place. Boxes are
(x1, y1, x2, y2) in input pixels, x2 and y2 exclusive.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import box_iou, clip_boxes_to_image

from propose_reduce.models.backbone import STRIDES
from propose_reduce.structures import Size

LEVEL_STRIDES = (*STRIDES, 64)
CROWD_OVERLAP = 0.5  # share of a box inside a crowd region from which COCO's rule ignores it


@dataclass(frozen=True, slots=True, eq=False)
class DetectionTargets:
    """The truth of one training image.

    Attributes:
        boxes: float32 (G, 4).
        labels: int64 (G,), 1..C.
        masks: bool or uint8 (G, H, W), on the padded canvas or smaller.
        crowds: float32 (R, 4), boxes of regions that are neither right nor wrong.
    """

    boxes: Tensor
    labels: Tensor
    masks: Tensor
    crowds: Tensor


class Anchors(nn.Module):
    """Anchors of known strides.

    torchvision's generator takes image size // map size for the stride, which is wrong where the
    padded size is no multiple of it (64 x 96 gives 48 on P6).

    Shape:
        - maps: P2..P6, (B, F, y, x) each
        - output: B times the anchors of one image, (sum of y x A, 4); places row by row, ratios
          innermost

    Args:
        sizes: anchor side per level, pixels.
        ratios: height / width.
        offset: the anchor's centre in its cell, as a share of the stride.
        rounding: corners of the anchor at the first cell are rounded to whole pixels.
    """

    def __init__(
        self, sizes: Sequence[int], ratios: Sequence[float], *, offset: float, rounding: bool
    ) -> None:
        super().__init__()
        self.sizes, self.ratios = tuple(sizes), tuple(ratios)
        self.offset, self.rounding = offset, rounding

    def num_anchors_per_location(self) -> list[int]:
        """Return A for each level."""
        return [len(self.ratios)] * len(self.sizes)

    def base(self, level: int) -> Tensor:
        """Return the anchors of the first cell, float32 (A, 4)."""
        root = torch.tensor(self.ratios).sqrt()
        half = torch.stack([1 / root, root], dim=1) * (self.sizes[level] / 2)
        centre = self.offset * LEVEL_STRIDES[level]
        corners = torch.cat([centre - half, centre + half], dim=1)
        return corners.round() if self.rounding else corners

    def level(self, level: int, shape: Size, device: torch.device) -> Tensor:
        """Return all anchors of a map of this (height, width), float32 (y x A, 4)."""
        stride = LEVEL_STRIDES[level]
        y, x = torch.meshgrid(
            torch.arange(shape[0], device=device) * stride,
            torch.arange(shape[1], device=device) * stride,
            indexing="ij",
        )
        shifts = torch.stack([x, y, x, y], dim=-1).reshape(-1, 1, 4)
        return (shifts + self.base(level).to(device)).reshape(-1, 4)

    def forward(self, images: ImageList, maps: list[Tensor]) -> list[Tensor]:
        """Return the anchors of each image."""
        levels = [
            self.level(index, (value.shape[-2], value.shape[-1]), value.device)
            for index, value in enumerate(maps)
        ]
        return [torch.cat(levels)] * len(images.image_sizes)


class FloatRPNHead(RPNHead):  # type: ignore[misc]
    """torchvision's head with float32 outputs, since boxes decoded in bfloat16 are off by pixels.

    Shape:
        - maps: P2..P6, (B, F, y, x) each
        - output: per level, objectness (B, A, y, x) and box codes (B, 4A, y, x)
    """

    def forward(self, maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return objectness logits and box codes."""
        objectness, codes = super().forward(maps)
        return [value.float() for value in objectness], [value.float() for value in codes]


class ProposalNetwork(RegionProposalNetwork):  # type: ignore[misc]
    """torchvision's network; anchors that lie in a crowd region are left out of its loss.

    Shape:
        - maps: P2..P6, (B, F, y, x) each
        - output: B times boxes (<= proposals, 4)

    Args:
        channels: F.
        anchors: the anchor generator.
        proposals: boxes per level before the NMS, and in all after it.
        nms: IoU of the NMS on each level.
        samples: anchors per image in the loss.
        positive: at most this share of them positive.
        keep_outside: boxes beyond the image are kept (see ``clip_boxes``).
    """

    def __init__(
        self,
        channels: int,
        anchors: Anchors,
        *,
        proposals: int = 200,
        nms: float = 0.7,
        samples: int = 64,
        positive: float = 0.5,
        keep_outside: bool = False,
    ) -> None:
        limit = {"training": proposals, "testing": proposals}
        head = FloatRPNHead(channels, anchors.num_anchors_per_location()[0])
        super().__init__(anchors, head, 0.7, 0.3, samples, positive, limit, limit, nms)
        self.keep_outside = keep_outside

    def propose(
        self,
        maps: Sequence[Tensor],
        sizes: Sequence[Size],
        targets: Sequence[DetectionTargets] | None = None,
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Return boxes per image, best first, and, in training, the two losses.

        Args:
            maps: P2..P6.
            sizes: (height, width) of each image without its padding: boxes are clipped to it.
            targets: needed in training mode only.
        """
        images = ImageList(maps[0], list(sizes))
        truth = [{"boxes": t.boxes, "crowds": t.crowds} for t in targets or ()]
        levels = {str(index): value for index, value in enumerate(maps)}
        proposals, losses = self(images, levels, truth or None)
        return proposals, losses

    def filter_proposals(
        self,
        proposals: Tensor,
        objectness: Tensor,
        image_shapes: list[Size],
        num_anchors_per_level: list[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Return the best boxes of each image and their scores, clipped to it."""
        clipped = [
            clip_boxes(boxes, size, keep_outside=self.keep_outside)
            for boxes, size in zip(proposals, image_shapes, strict=True)
        ]
        found: tuple[list[Tensor], list[Tensor]] = super().filter_proposals(
            torch.stack(clipped), objectness, image_shapes, num_anchors_per_level
        )
        return found

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Match anchors and truth; -1 marks anchors outside the loss."""
        labels, matched = super().assign_targets_to_anchors(anchors, targets)
        for label, boxes, target in zip(labels, anchors, targets, strict=True):
            label[(label == 0) & in_crowd(boxes, target["crowds"])] = -1
        return labels, matched


def clip_boxes(boxes: Tensor, size: Size, *, keep_outside: bool) -> Tensor:
    """Return boxes (..., 4) cut at the border of an image.

    Args:
        boxes: of any place.
        size: (height, width) of the image.
        keep_outside: what lies beyond it becomes 1 px wide at the border, as in the authors' code,
            where corners are pixels; otherwise it has no area left.
    """
    if not keep_outside:
        return clip_boxes_to_image(boxes, size)
    low = boxes.new_tensor([0, 0, 1, 1])
    high = boxes.new_tensor([size[1] - 1, size[0] - 1, size[1], size[0]])
    return boxes.clamp(min=low).minimum(high)


def in_crowd(boxes: Tensor, crowds: Tensor) -> Tensor:
    """Return which boxes (N, 4) lie, for the larger part, inside one of the crowd boxes (R, 4)."""
    if len(crowds) == 0:
        return torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)[:, None]
    crowd_areas = (crowds[:, 2:] - crowds[:, :2]).prod(dim=1)[None]
    iou = box_iou(boxes, crowds)
    overlap = iou * (areas + crowd_areas) / (1 + iou)  # |A & B| from |A|, |B| and the IoU
    return (overlap / areas.clamp(min=1e-6) >= CROWD_OVERLAP).any(dim=1)
