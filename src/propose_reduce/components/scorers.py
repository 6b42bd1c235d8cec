"""Scorers that ask the proposer: what it said on the key frame, or what it says on other frames."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass

import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.protocols import Proposer
from propose_reduce.structures import Clip, Detections

CACHED_FRAMES = 1000  # a propagator may come by a frame once per seed; 100 masks take about 30 KB


class KeyFrameScorer:
    """Scorer: the class scores that the proposer gave on the key frame, on every frame."""

    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        """Return the origins' class scores: float32 (N, C + 1)."""
        return origins.class_scores


class RedetectScorer:
    """Scorer: detects again, and believes the detection that overlaps a mask most.

    It has no opinion of a mask that no detection overlaps enough, nor of any on a frame that is
    not looked at, so a sequence's scores are the mean over the frames where it is seen again.
    """

    def __init__(
        self,
        proposer: Proposer,
        *,
        frames: Callable[[int], Container[int]] = range,
        min_iou: float = 0.5,
    ) -> None:
        """Take a proposer.

        Args:
            proposer: is asked once for each frame.
            frames: the frames to look at, given the number of frames in the clip: all by default,
                ``lambda count: range(0, count, 5)`` for every fifth.
            min_iou: a detection overlaps a mask from this IoU on.

        Raises:
            InputError: ``min_iou`` is not in (0, 1].
        """
        if not 0 < min_iou <= 1:
            raise InputError(f"min_iou must be above 0 and at most 1, got {min_iou}")
        self._proposer, self._frames, self._min_iou = proposer, frames, min_iou
        self._clip: Clip | None = None
        self._looked_at: Container[int] = ()
        self._seen: dict[int, _Seen] = {}

    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        """Return the class scores of the detections that overlap: float32 (N, C + 1), or NaN.

        Raises:
            InputError: the proposer has other classes than the one behind the origins.
        """
        if clip is not self._clip:
            self._clip, self._looked_at = clip, self._frames(len(clip.frames))
            self._seen.clear()
        scores = torch.full_like(origins.class_scores, torch.nan)
        if frame not in self._looked_at:
            return scores
        seen = self._detections(clip, frame)
        if seen.class_scores.shape[1] != scores.shape[1]:
            raise InputError(
                f"the detector that scores knows {seen.class_scores.shape[1] - 1} classes, the "
                f"proposer {scores.shape[1] - 1}: give the same to both"
            )
        overlaps = torch.from_numpy(rle.iou(_encoded(masks), seen.masks))
        if overlaps.shape[1]:
            best = overlaps.max(dim=1)
            found = (best.values >= self._min_iou).to(scores.device)
            scores[found] = seen.class_scores[best.indices].to(scores.device)[found]
        return scores

    def _detections(self, clip: Clip, frame: int) -> _Seen:
        """Return what is seen on a frame, found unless it is among the last ones."""
        if frame not in self._seen:
            while len(self._seen) >= CACHED_FRAMES:
                self._seen.pop(next(iter(self._seen)))
            found = self._proposer.propose(clip, frame)
            self._seen[frame] = _Seen(_encoded(found.masks), found.class_scores.cpu())
        return self._seen[frame]


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Detections in little memory."""

    masks: list[rle.Rle]
    class_scores: Tensor


def _encoded(masks: Tensor) -> list[rle.Rle]:
    return [rle.encode(mask) for mask in masks.cpu().numpy()]
