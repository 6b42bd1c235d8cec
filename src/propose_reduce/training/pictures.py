"""Sample pictures of a run: what went in, what was predicted, what would have been right."""

import numpy as np
import torch
from torch import Tensor

from propose_reduce.drawing.paint import paint
from propose_reduce.drawing.palette import colour_of
from propose_reduce.models.backbone import Features
from propose_reduce.models.roi_heads import paste
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN, TrainingBatch
from propose_reduce.models.seq_prop_head import soft_aggregate


@torch.no_grad()
def sample_picture(network: SeqMaskRCNN, batch: TrainingBatch) -> np.ndarray:
    """Return one picture of the first pair of a batch, uint8 RGB (H, 4 W, 3).

    From left to right: the reference with the masks that the memory gets, the query, the
    propagated masks, the truth.

    Args:
        network: in evaluation mode.
        batch: its first pair is shown.
    """
    reference, query, target = batch.references[0], batch.queries[0], batch.propagation[0]
    height, width = query.shape[-2:]
    before, now = network.features(reference[None]), network.features(query[None])
    given = target.reference_masks
    memory_masks = _predicted_masks(network, before, target.reference_boxes, target.labels)
    if given is not None:
        memory_masks = given.float()
    propagated = torch.zeros((0, height, width))
    if len(target.labels):
        memory = network.prop_head.memorize(before.p2, memory_masks)
        separate = network.prop_head.segment(
            memory.key, memory.value, network.prop_head.query(now.p2), now.c2, now.c3
        )
        propagated = soft_aggregate(separate)[1:, :height, :width]
    panels = [
        _overlay(reference, memory_masks[:, :height, :width] > 0.5),
        _overlay(query, torch.zeros((0, height, width), dtype=torch.bool)),
        _overlay(query, propagated > 0.5),
        _overlay(query, target.query_masks[:, :height, :width] > 0),
    ]
    return np.concatenate(panels, axis=1)


def _predicted_masks(
    network: SeqMaskRCNN, features: Features, boxes: Tensor, labels: Tensor
) -> Tensor:
    """Return the mask head's soft masks of true boxes on the padded canvas."""
    canvas = (4 * features.p2.shape[-2], 4 * features.p2.shape[-1])
    return paste(network.detector.small_masks(features.pyramid, [boxes], labels), boxes, canvas)


def _overlay(image: Tensor, masks: Tensor) -> np.ndarray:
    """Return an image (3, H, W) with masks (O, H, W) in colours, uint8 RGB (H, W, 3)."""
    picture = image.permute(1, 2, 0).cpu().numpy().astype(np.uint8)
    colours = [colour_of(number) for number in range(1, len(masks) + 1)]
    return paint(picture, list(masks.cpu().numpy()), colours)
