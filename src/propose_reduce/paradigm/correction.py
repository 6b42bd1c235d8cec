"""Correction: masks that are carried are put right by what is detected on the way.

A detection is better where there is one, propagation where there is none. So on the frames where
detections are at hand, carried masks and detections are paired one to one, and a paired mask is
carried on as it was detected.

Letters: O objects of one seed, D detections of a frame, H and W working pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from propose_reduce.masks import mask_iou
from propose_reduce.paradigm.matching import match
from propose_reduce.protocols import Proposer
from propose_reduce.settings import PropagateSettings
from propose_reduce.structures import Clip, Detections

CLASS_WEIGHT = 0.1
"""Added to the IoU of a pair of one class: it decides between detections that fit about alike."""


class DetectionCorrector:
    """Corrector: puts the detection that a carried mask is paired with in its place.

    Args:
        clip: the video, or a window of it.
        proposer: asked on the frames that are corrected on; one that remembers costs no more than
            one detection for each frame.
        origins: for each seed the detections that it started from.
        settings: the frames to correct on, and how alike a mask and a detection must be.
    """

    def __init__(
        self,
        clip: Clip,
        proposer: Proposer,
        origins: Sequence[Detections],
        settings: PropagateSettings,
    ) -> None:
        self._clip, self._proposer = clip, proposer
        self._every, self._iou = settings.correct_every, settings.correct_iou
        self._classes = [found.class_scores[:, 1:].argmax(dim=1).cpu() for found in origins]

    def correct(self, frame: int, seed: int, masks: Tensor) -> Tensor:
        """Return the masks to carry on: bool (O, H, W); the very same where none is corrected."""
        if (self._clip.start + frame) % self._every:
            return masks
        seen = self._proposer.propose(self._clip, frame)
        if not len(seen):
            return masks
        iou = mask_iou(masks, seen.masks.to(masks.device))
        classes = seen.class_scores[:, 1:].argmax(dim=1).cpu()
        same = self._classes[seed][:, None] == classes
        pairs = match(iou, same, min_iou=self._iou, class_weight=CLASS_WEIGHT)
        if not pairs:
            return masks
        corrected = masks.clone()
        rows, columns = torch.tensor(list(pairs)), torch.tensor(list(pairs.values()))
        corrected[rows.to(masks.device)] = seen.masks[columns.to(seen.masks.device)].to(
            masks.device
        )
        return corrected
