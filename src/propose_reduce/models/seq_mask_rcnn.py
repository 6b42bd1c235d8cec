"""Seq Mask R-CNN: Mask R-CNN and the Seq-Prop head on one backbone.

Letters in this file: B training samples, O objects, C foreground classes, H and W padded pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from propose_reduce.models.backbone import Backbone, Features, normalise
from propose_reduce.models.detector import Detector, paste
from propose_reduce.models.rpn import DetectionTargets
from propose_reduce.models.seq_prop_head import (
    SeqPropHead,
    absence_loss,
    cross_entropy_loss,
    soft_aggregate,
    soft_iou_loss,
)
from propose_reduce.stages import FEATURES, stage
from propose_reduce.structures import padded_size


@dataclass(frozen=True, slots=True, eq=False)
class PropagationTargets:
    """The objects of one training sample that the reference shows.

    Attributes:
        reference_boxes: float32 (O, 4), (x1, y1, x2, y2) on the reference frame, exclusive ends.
        labels: int64 (O,), 1..C.
        query_masks: bool or uint8 (O, y, x), the truth on the query frame, unpadded or padded;
            empty where it does not show the object.
        reference_masks: likewise on the reference frame; None where the memory gets the mask
            head's predictions, as in the paper.
    """

    reference_boxes: Tensor
    labels: Tensor
    query_masks: Tensor
    reference_masks: Tensor | None = None


@dataclass(frozen=True, slots=True, eq=False)
class TrainingBatch:
    """B pairs of frames of one video each.

    Attributes:
        references: B images (3, y, x), RGB 0-255, uint8 or float32.
        queries: B images likewise, each of its reference's size.
        detection: the truth of each query frame.
        propagation: the objects to carry from reference to query.
        reference_detection: the truth of each reference frame, where detection is to learn from
            both frames; none in the paper.
    """

    references: Sequence[Tensor]
    queries: Sequence[Tensor]
    detection: Sequence[DetectionTargets]
    propagation: Sequence[PropagationTargets]
    reference_detection: Sequence[DetectionTargets] = ()


class SeqMaskRCNN(nn.Module):
    """The joint network.

    Shape:
        - batch: TrainingBatch
        - output: six scalar losses by name

    Args:
        backbone: gives the shared features.
        detector: finds, classifies and outlines objects.
        prop_head: carries masks through time.
        pixel_mean: RGB, 0-255.
        pixel_std: RGB.
        separate_loss: weight of the propagation loss on each object's own probabilities, before
            they compete; the paper has the loss on the competing ones alone.
        key_penalty: weight of the mean square of all keys. Nothing else bounds the logits of the
            memory read: with large steps they grow until one place takes all and no gradient is
            left. The paper has none.
        absence_weight: weight of the loss on objects that the query does not show; the paper has
            none among its samples.
        cross_entropy_weight: weight of the cross entropy of each object's own probabilities; the
            paper has none.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(
        self,
        backbone: Backbone,
        detector: Detector,
        prop_head: SeqPropHead,
        *,
        pixel_mean: Sequence[float],
        pixel_std: Sequence[float],
        separate_loss: float = 0.0,
        key_penalty: float = 0.0,
        absence_weight: float = 0.0,
        cross_entropy_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.absence_weight = absence_weight
        self.cross_entropy_weight = cross_entropy_weight
        self.separate_loss, self.key_penalty = separate_loss, key_penalty
        self.backbone, self.detector, self.prop_head = backbone, detector, prop_head
        self.register_buffer("pixel_mean", torch.tensor(pixel_mean), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(pixel_std), persistent=False)

    def compile_parts(self) -> None:
        """Compile, at their first use, what most of the time goes into; numbers may round anew."""
        head = self.prop_head
        for part in (self.backbone, head.query_encoder, head.memory_encoder, head.decoder):
            part.compile(dynamic=True)  # the number of objects changes from frame to frame

    @stage(FEATURES)
    def features(self, images: Tensor) -> Features:
        """Return the features of RGB images (B, 3, y, x), 0-255, padded to multiples of 32."""
        padded = normalise(images, self.pixel_mean, self.pixel_std)
        features: Features = self.backbone(padded.to(memory_format=torch.channels_last))
        return features

    def forward(self, batch: TrainingBatch) -> dict[str, Tensor]:
        """Return the six losses, all of weight 1.

        Names: rpn_objectness, rpn_box, class, box, mask, propagation; and propagation_separate,
        propagation_absence, propagation_cross_entropy and propagation_keys where the settings ask
        for them.
        """
        count = len(batch.queries)
        features: Features = self.backbone(self._batch([*batch.references, *batch.queries]))
        reference, query = features.rows(0, count), features.rows(count, 2 * count)
        targets = [*batch.reference_detection, *batch.detection]
        seen = features.rows(2 * count - len(targets), 2 * count)
        sizes = [(image.shape[-2], image.shape[-1]) for image in batch.queries]
        losses = self.detector.losses(seen.pyramid, (sizes * 2)[: len(targets)], targets)
        losses |= self._propagation_losses(reference, query, batch.propagation)
        return losses

    def _batch(self, images: Sequence[Tensor]) -> Tensor:
        """Return images of any sizes on one padded canvas, (N, 3, H, W), normalised."""
        largest = (max(i.shape[-2] for i in images), max(i.shape[-1] for i in images))
        canvas = self.pixel_mean.new_zeros((len(images), 3, *padded_size(largest)))
        for row, image in enumerate(images):
            scaled = normalise(image[None], self.pixel_mean, self.pixel_std)[0]
            canvas[row, :, : scaled.shape[-2], : scaled.shape[-1]] = scaled
        return canvas.to(memory_format=torch.channels_last)

    def _propagation_losses(
        self, reference: Features, query: Features, targets: Sequence[PropagationTargets]
    ) -> dict[str, Tensor]:
        """Return the mean soft IoU loss over the objects of all samples."""
        sizes = [len(target.labels) for target in targets]
        if sum(sizes) == 0:  # a loss of nothing, so that every step has all six
            return {"propagation": query.p2.sum().float() * 0}
        owners = torch.repeat_interleave(torch.arange(len(targets)), torch.tensor(sizes)).to(
            query.p2.device
        )
        masks = self._reference_masks(reference, targets)
        memory = self.prop_head.memorize(reference.p2, masks, owners)
        asked = self.prop_head.query(query.p2)
        separate = self.prop_head.segment(
            memory.key, memory.value, asked, query.c2, query.c3, owners
        )
        parts = separate.split(sizes)
        truth = torch.cat(
            [_on_canvas(t.query_masks, own) for own, t in zip(parts, targets, strict=True)]
        )
        competing = torch.cat([soft_aggregate(own)[1:] for own in parts])
        shown = truth.flatten(1).any(dim=1) | (self.absence_weight == 0)
        losses = {"propagation": _mean(soft_iou_loss(competing, truth), shown)}
        if self.separate_loss > 0:
            own_loss = _mean(soft_iou_loss(separate, truth), shown)
            losses["propagation_separate"] = self.separate_loss * own_loss
        if self.absence_weight > 0:
            absent = absence_loss(competing, masks.float().sum(dim=(1, 2)))
            share = (~shown).float().mean()  # as much as one of the others, each
            losses["propagation_absence"] = self.absence_weight * share * _mean(absent, ~shown)
        if self.cross_entropy_weight > 0:
            area = torch.maximum(masks.float().sum(dim=(1, 2)), truth.sum(dim=(1, 2)))
            entropy = cross_entropy_loss(separate, truth, area).mean()
            losses["propagation_cross_entropy"] = self.cross_entropy_weight * entropy
        if self.key_penalty > 0:
            squares = [keys.float().square().mean() for keys in (memory.key, asked.key)]
            losses["propagation_keys"] = self.key_penalty * torch.stack(squares).mean()
        return losses

    @torch.no_grad()
    def _reference_masks(
        self, reference: Features, targets: Sequence[PropagationTargets]
    ) -> Tensor:
        """Return what the memory gets: the mask head's soft predictions on the true boxes."""
        canvas = (4 * reference.p2.shape[-2], 4 * reference.p2.shape[-1])
        boxes = [target.reference_boxes for target in targets]
        small = self.detector.small_masks(
            reference.pyramid, boxes, torch.cat([target.labels for target in targets])
        )
        soft = paste(small, torch.cat(boxes), canvas).split([len(group) for group in boxes])
        given = [
            predicted
            if target.reference_masks is None
            else _on_canvas(target.reference_masks, predicted)
            for predicted, target in zip(soft, targets, strict=True)
        ]
        return torch.cat(given)


def _mean(values: Tensor, rows: Tensor) -> Tensor:
    """Return the mean of some rows of (O,), 0 where there are none."""
    return (values * rows).sum() / rows.sum().clamp(min=1)


def _on_canvas(masks: Tensor, like: Tensor) -> Tensor:
    """Return masks zero-padded right and bottom to the canvas of ``like``, in its dtype."""
    canvas = like.new_zeros((len(masks), *like.shape[-2:]))
    canvas[:, : masks.shape[-2], : masks.shape[-1]] = masks
    return canvas
