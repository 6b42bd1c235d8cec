"""The sequences between proposing and reducing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.reduce import packed_sequence_iou
from propose_reduce.paradigm.score import mean_scores


@dataclass(frozen=True, eq=False)
class Proposals:
    """N complete sequences, redundant ones among them, in the order of their key frames.

    Kept, they can be reduced again with other settings; nothing is computed twice.

    Attributes:
        categories: C foreground classes, in the order of the class score columns.
        key_frames: N key frames, 0-based: where each sequence was proposed.
        masks: their masks on the clip's working size.
        frame_scores: float32 (N, T, C + 1), class probabilities on each frame; NaN where absent.
    """

    categories: tuple[str, ...]
    key_frames: tuple[int, ...]
    masks: PackedMasks
    frame_scores: Tensor

    @classmethod
    def joined(cls, parts: Sequence[Proposals]) -> Proposals:
        """Return the sequences of several, of one clip and proposer, one after the other."""
        return cls(
            parts[0].categories,
            tuple(frame for part in parts for frame in part.key_frames),
            PackedMasks.joined([part.masks for part in parts]),
            torch.cat([part.frame_scores for part in parts]),
        )

    def __len__(self) -> int:
        """Return N."""
        return len(self.key_frames)

    @cached_property
    def class_scores(self) -> Tensor:
        """Class probabilities of the whole sequences: float32 (N, C + 1)."""
        return mean_scores(self.frame_scores)

    @cached_property
    def iou(self) -> Tensor:
        """Sequence IoU of each two: float64 (N, N)."""
        return packed_sequence_iou(self.masks)
