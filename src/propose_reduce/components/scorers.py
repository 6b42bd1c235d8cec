"""Scorers that ask the proposer: what it said on the key frame, or what it says on other frames."""

from collections.abc import Callable, Container

import torch
from torch import Tensor

from propose_reduce.errors import InputError
from propose_reduce.masks import mask_iou
from propose_reduce.paradigm.propose import remembering
from propose_reduce.paradigm.score import other_classes
from propose_reduce.protocols import Proposer
from propose_reduce.structures import Clip, Detections


class KeyFrameScorer:
    """Scorer: the class scores that the proposer gave on the key frame, on every frame."""

    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        """Return the origins' class scores: float32 (N, C + 1)."""
        return origins.class_scores


class RedetectScorer:
    """Scorer: detects again, and believes the detection that overlaps a mask most.

    Where it looked and no detection overlaps a mask enough, the mask shows the object with the
    probability ``missed`` only. On a frame that is not looked at it has no opinion.
    """

    def __init__(
        self,
        proposer: Proposer,
        frames: Callable[[int], Container[int]] = range,
        *,
        every: int | None = None,
        min_iou: float = 0.5,
        missed: float | None = 0.0,
    ) -> None:
        """Take a proposer.

        Args:
            proposer: is asked once for each frame.
            frames: the frames to look at, given the number of frames in the clip: all by default.
            every: besides these, every so many frames of the whole video; None: no others.
            min_iou: a detection overlaps a mask from this IoU on.
            missed: a mask that no detection overlaps has so many times the key frame's scores, and
                is background for the rest; None: no opinion, as if the frame was not looked at.

        Raises:
            InputError: ``min_iou`` is not in (0, 1], or ``missed`` not in [0, 1].
        """
        if not 0 < min_iou <= 1:
            raise InputError(f"min_iou must be above 0 and at most 1, got {min_iou}")
        if missed is not None and not 0 <= missed <= 1:
            raise InputError(f"missed must lie in [0, 1] or be None, got {missed}")
        self._proposer, self._frames = remembering(proposer), frames
        self._every, self._min_iou, self._missed = every, min_iou, missed

    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        """Return the class scores of the detections that overlap: float32 (N, C + 1), or NaN.

        Raises:
            InputError: the proposer has other classes than the one behind the origins.
        """
        regular = self._every is not None and (clip.start + frame) % self._every == 0
        if not regular and frame not in self._frames(len(clip.frames)):
            return torch.full_like(origins.class_scores, torch.nan)
        scores = self._not_found(origins)
        seen = self._proposer.propose(clip, frame)
        if seen.class_scores.shape[1] != scores.shape[1]:
            raise other_classes(seen.class_scores.shape[1] - 1, scores.shape[1] - 1)
        if len(seen):
            best = mask_iou(masks, seen.masks.to(masks.device)).max(dim=1)
            found = (best.values >= self._min_iou).to(scores.device)
            rows = best.indices.to(seen.class_scores.device)
            scores[found] = seen.class_scores[rows].to(scores.device)[found]
        return scores

    def _not_found(self, origins: Detections) -> Tensor:
        """Return the class scores of masks that nothing overlaps."""
        if self._missed is None:
            return torch.full_like(origins.class_scores, torch.nan)
        scores = self._missed * origins.class_scores
        scores[:, 0] += 1 - self._missed
        return scores
