"""Propose: what is seen on a few key frames (paper, section 3.2; supplementary, section 4).

Letters: T frames, K key frames, O objects of a key frame, C foreground classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.errors import ContractError, InputError, check_kind
from propose_reduce.masks import PackedMasks, present
from propose_reduce.paradigm.reduce import sequence_iou, sequence_nms
from propose_reduce.protocols import Proposer
from propose_reduce.settings import ProposeSettings
from propose_reduce.structures import Clip, Detections, Frames

STORE_BYTES = 2**28
"""Most bytes of packed masks that are kept; a mask of 100,000 pixels takes about 20,000."""


class RememberingProposer:
    """Proposer: what another one sees, found once for each frame of a video.

    Frames are known by their place in the whole video, so that the windows of one share them.

    Args:
        proposer: asked about a frame that is not remembered.
        limit: bytes that remembered masks may take; the oldest frames go first, and the last one
            stays in any case.
    """

    def __init__(self, proposer: Proposer, *, limit: int = STORE_BYTES) -> None:
        self.proposer = proposer
        self._limit = limit
        self._frames: Frames | None = None
        self._seen: dict[int, _Remembered] = {}
        self._bytes = 0

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the class score columns."""
        return self.proposer.categories

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Return what is seen on a frame, as the other proposer said it.

        Raises:
            ContractError: it says something else than ``Detections``.
        """
        frames, place = (clip.whole or clip).frames, clip.start + frame
        if frames is not self._frames:
            self._frames, self._bytes = frames, 0
            self._seen.clear()
        if place not in self._seen:
            found = self.proposer.propose(clip, frame)
            check_kind(found, Detections, f"frame {frame}: what the proposer gives")
            self._remember(place, found)
            return found
        return self._seen[place].detections

    def _remember(self, place: int, found: Detections) -> None:
        seen = _Remembered.of(found)
        self._bytes += seen.masks.nbytes
        while self._seen and self._bytes > self._limit:
            self._bytes -= self._seen.pop(next(iter(self._seen))).masks.nbytes
        self._seen[place] = seen


def remembering(proposer: Proposer) -> RememberingProposer:
    """Return a proposer that remembers; one that does is returned as it is."""
    if isinstance(proposer, RememberingProposer):
        return proposer
    return RememberingProposer(proposer)


@dataclass(frozen=True, slots=True, eq=False)
class _Remembered:
    """Detections in little memory, and the device that their masks came on."""

    masks: PackedMasks
    class_scores: Tensor
    device: torch.device
    given: tuple[rle.Rle | None, ...]

    @classmethod
    def of(cls, found: Detections) -> _Remembered:
        packed = PackedMasks.pack(found.masks[:, None])
        return cls(packed, found.class_scores, found.masks.device, found.given)

    @property
    def detections(self) -> Detections:
        masks = self.masks.frame(0).to(self.device)
        return Detections(masks, self.class_scores, self.given)


def key_frames(num_frames: int, count: int) -> list[int]:
    """Return ``count`` frames spread evenly over the video, its ends included.

    In a video shorter than that every frame is one; a single key frame is the middle one.

    Raises:
        InputError: no frames, or a count below 1.
    """
    if num_frames < 1:
        raise InputError(f"key frames need a video of at least 1 frame, got {num_frames}")
    if count < 1:
        raise InputError(f"the number of key frames must be at least 1, got {count}")
    if count == 1:
        return [(num_frames - 1) // 2]
    if count >= num_frames:
        return list(range(num_frames))
    return [k * (num_frames - 1) // (count - 1) for k in range(count)]


def mask_nms(masks: Tensor, threshold: float) -> Tensor:
    """Drop every mask that overlaps a better one, so that no object is followed twice.

    Args:
        masks: bool (O, H, W) of one frame, most confident first.
        threshold: IoU from which the worse of two goes.

    Returns:
        int64 (M,), the kept masks in their order.
    """
    ranks = -torch.arange(len(masks))  # the same rule as between sequences, on one frame
    iou = sequence_iou(masks[:, None])
    return sequence_nms(ranks, iou, threshold=threshold, min_score=-len(masks))


def propose(clip: Clip, proposer: Proposer, frame: int, settings: ProposeSettings) -> Detections:
    """Return the objects to follow from one key frame, most confident first.

    At most ``max_objects`` of the best detections, without empty masks and without those that
    ``mask_nms`` drops.

    Raises:
        ContractError: masks that are not of the clip's working size, or not one score column per
            category and one for the background.
    """
    found = proposer.propose(clip, frame)
    if tuple(found.masks.shape[1:]) != clip.working_size:
        raise ContractError(
            f"key frame {frame}: the proposer's masks are {tuple(found.masks.shape[1:])}, "
            f"the clip's working size is {clip.working_size}; they must be equal"
        )
    columns = len(proposer.categories) + 1
    if found.class_scores.shape[1] != columns:
        raise ContractError(
            f"key frame {frame}: the proposer gives {found.class_scores.shape[1]} class scores, "
            f"expected {columns} (background and {columns - 1} categories)"
        )
    best = select(found, torch.arange(min(len(found), settings.max_objects)))
    best = select(best, present(best.masks).nonzero()[:, 0])
    if settings.mask_nms is None:
        return best
    return select(best, mask_nms(best.masks, settings.mask_nms))


def select(detections: Detections, rows: Tensor) -> Detections:
    """Return the given rows of the detections."""
    rows = rows.to(detections.masks.device)
    given = tuple(detections.given[row] for row in rows.tolist()) if detections.given else ()
    return Detections(detections.masks[rows], detections.class_scores[rows], given)
