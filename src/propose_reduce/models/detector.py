"""Mask R-CNN's second half: its heads, and boxes, classes and masks on given features.

Letters in this file: B frames, N boxes, G true objects, C foreground classes, H and W input
pixels. Boxes are (x1, y1, x2, y2) in input pixels, x2 and y2 exclusive; labels count from 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler, BoxCoder, Matcher
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.roi_heads import maskrcnn_loss
from torchvision.ops import batched_nms, box_iou, roi_align
from torchvision.ops.poolers import LevelMapper

from propose_reduce.models.backbone import STRIDES
from propose_reduce.models.rpn import DetectionTargets, ProposalNetwork, clip_boxes, in_crowd
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


BOX_WEIGHTS = (
    10.0,
    10.0,
    5.0,
    5.0,
)  # the inverse deviations of the box codes, (0.1, 0.1, 0.2, 0.2)
MINIMUM_SIDE = 1e-2  # px; smaller boxes are no detections (torchvision's rule)


@dataclass(frozen=True, slots=True, eq=False)
class BoxDetections:
    """Detections of one frame, best first unless they were asked for class by class.

    Attributes:
        boxes: float32 (N, 4).
        labels: int64 (N,), 1..C.
        scores: float32 (N,), probability of the label.
        class_scores: float32 (N, C + 1), the box's probabilities; column 0 is background.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    class_scores: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class _Samples:
    """Boxes of one training image: the first ``positives`` of them show ``matched`` objects."""

    boxes: Tensor
    labels: Tensor
    matched: Tensor
    positives: int


class Detector(nn.Module):
    """Proposals, boxes, classes and masks from a feature pyramid.

    Shape:
        - pyramid: P2..P6, (B, F, y, x) each
        - boxes: B times (N_b, 4)
        - output: see the methods
    """

    def __init__(
        self,
        rpn: ProposalNetwork,
        roi_features: RoIFeatures,
        box_head: BoxHead,
        mask_head: MaskHead,
        *,
        box_samples: int = 128,
        box_positive: float = 0.25,
    ) -> None:
        super().__init__()
        self.rpn, self.roi_features = rpn, roi_features
        self.box_head, self.mask_head = box_head, mask_head
        self.box_coder = BoxCoder(BOX_WEIGHTS)
        self.matcher = Matcher(0.5, 0.5, allow_low_quality_matches=False)
        self.sampler = BalancedPositiveNegativeSampler(box_samples, box_positive)

    def detect(
        self,
        pyramid: Sequence[Tensor],
        size: Size,
        *,
        min_score: float,
        nms: float,
        max_objects: int,
        by_class: bool = False,
    ) -> BoxDetections:
        """Find the objects of one frame (B = 1).

        Args:
            pyramid: P2..P6 of the padded frame.
            size: (height, width) of the frame without its padding.
            min_score: a detection's probability is above this.
            nms: box NMS IoU inside one class.
            max_objects: the best so many are returned.
            by_class: where there are no more than that, they come class by class.
        """
        proposals, _ = self.rpn.propose(pyramid, [size])
        boxes = proposals[0]
        output = self._box_output(pyramid, [boxes])
        probabilities = output.logits.softmax(dim=1)
        decoded = self.box_coder.decode(output.codes, [boxes])  # (N, C + 1, 4)
        decoded = clip_boxes(decoded, size, keep_outside=self.rpn.keep_outside)
        box_rows, columns = torch.nonzero(probabilities[:, 1:] > min_score, as_tuple=True)
        labels = columns + 1
        candidates, scores = decoded[box_rows, labels], probabilities[box_rows, labels]
        large = ((candidates[:, 2:] - candidates[:, :2]) >= MINIMUM_SIDE).all(dim=1)
        box_rows, labels = box_rows[large], labels[large]
        candidates, scores = candidates[large], scores[large]
        kept = batched_nms(candidates, scores, labels, nms)
        if by_class and len(kept) <= max_objects:
            kept = kept[labels[kept].argsort(stable=True)]
        kept = kept[:max_objects]
        return BoxDetections(
            candidates[kept], labels[kept], scores[kept], probabilities[box_rows[kept]]
        )

    def classify(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor]) -> Tensor:
        """Return class probabilities, float32 (sum of N_b, C + 1), of B times given boxes."""
        return self._box_output(pyramid, boxes).logits.softmax(dim=1)

    def small_masks(
        self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor], labels: Tensor
    ) -> Tensor:
        """Return mask probabilities, float32 (N, 28, 28), of B times given boxes and labels."""
        if len(labels) == 0:
            return pyramid[0].new_zeros((0, 2 * MASK_BINS, 2 * MASK_BINS), dtype=torch.float32)
        logits = self.mask_head(self.roi_features(pyramid, boxes, MASK_BINS))
        return logits[torch.arange(len(labels), device=labels.device), labels].sigmoid()

    def masks(self, pyramid: Sequence[Tensor], boxes: Tensor, labels: Tensor, size: Size) -> Tensor:
        """Return soft masks of one frame's boxes on the image, float32 (N, height, width)."""
        return paste(self.small_masks(pyramid, [boxes], labels), boxes, size)

    def losses(
        self,
        pyramid: Sequence[Tensor],
        sizes: Sequence[Size],
        targets: Sequence[DetectionTargets],
    ) -> dict[str, Tensor]:
        """Return the five detection losses of B training images, each a scalar.

        Args:
            pyramid: P2..P6.
            sizes: (height, width) of each image without its padding.
            targets: the truth of each image.
        """
        proposals, rpn_losses = self.rpn.propose(pyramid, sizes, targets)
        samples = [
            self._sample(boxes.detach(), target)
            for boxes, target in zip(proposals, targets, strict=True)
        ]
        box_loss = self._box_losses(pyramid, samples, targets)
        return {
            "rpn_objectness": rpn_losses["loss_objectness"],
            "rpn_box": rpn_losses["loss_rpn_box_reg"],
            **box_loss,
            "mask": self._mask_loss(pyramid, samples, targets),
        }

    def _box_output(self, pyramid: Sequence[Tensor], boxes: Sequence[Tensor]) -> BoxOutput:
        output: BoxOutput = self.box_head(self.roi_features(pyramid, boxes, BOX_BINS))
        return output

    def _sample(self, proposals: Tensor, target: DetectionTargets) -> _Samples:
        """Choose the boxes that one image trains on; the truth is among the candidates."""
        boxes = torch.cat([target.boxes, proposals])
        if len(target.boxes):
            found = self.matcher(box_iou(target.boxes, boxes))
        else:
            found = torch.full((len(boxes),), -1, device=boxes.device)
        labels = torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
        labels[found >= 0] = target.labels[found[found >= 0]]
        labels[(found < 0) & in_crowd(boxes, target.crowds)] = -1
        positive, negative = self.sampler([labels])
        first, rest = torch.nonzero(positive[0])[:, 0], torch.nonzero(negative[0])[:, 0]
        chosen = torch.cat([first, rest])
        return _Samples(boxes[chosen], labels[chosen], found[first], len(first))

    def _box_losses(
        self,
        pyramid: Sequence[Tensor],
        samples: Sequence[_Samples],
        targets: Sequence[DetectionTargets],
    ) -> dict[str, Tensor]:
        output = self._box_output(pyramid, [sample.boxes for sample in samples])
        labels = torch.cat([sample.labels for sample in samples])
        positive = torch.nonzero(labels > 0)[:, 0]
        codes = output.codes.unflatten(1, (-1, 4))[positive, labels[positive]]
        matched = [target.boxes[s.matched] for s, target in zip(samples, targets, strict=True)]
        wanted = self.box_coder.encode(matched, [s.boxes[: s.positives] for s in samples])
        # beta 1, where torchvision's own loss has 1/9; averaged over all samples
        box_loss = functional.smooth_l1_loss(codes, torch.cat(wanted), beta=1.0, reduction="sum")
        return {
            # not the mean, which is no number where an image has but crowds
            "class": functional.cross_entropy(output.logits, labels, reduction="sum")
            / max(len(labels), 1),
            "box": box_loss / max(len(labels), 1),
        }

    def _mask_loss(
        self,
        pyramid: Sequence[Tensor],
        samples: Sequence[_Samples],
        targets: Sequence[DetectionTargets],
    ) -> Tensor:
        boxes = [sample.boxes[: sample.positives] for sample in samples]
        logits = self.mask_head(self.roi_features(pyramid, boxes, MASK_BINS))
        loss: Tensor = maskrcnn_loss(
            logits,
            boxes,
            [target.masks.float() for target in targets],
            [target.labels for target in targets],
            [sample.matched for sample in samples],
        )
        return loss
