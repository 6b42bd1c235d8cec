"""Detections that are computed once for each frame, whoever asks for them.

Key frames, correction and scoring all look at what a proposer sees; it is asked once, and its
masks are kept bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.errors import check_kind
from propose_reduce.masks import PackedMasks
from propose_reduce.protocols import Proposer
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
