"""The sequences between proposing and reducing, and what becomes of those that are kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.masks import PackedMasks, resize
from propose_reduce.paradigm.reduce import KeptSequence, packed_sequence_iou
from propose_reduce.paradigm.score import mean_scores
from propose_reduce.structures import InstanceSequence, Size


@dataclass(frozen=True, eq=False)
class Proposals:
    """N complete sequences, redundant ones among them, in the order of their key frames.

    Kept, they can be reduced again with other settings; nothing is computed twice.

    Attributes:
        categories: C foreground classes, in the order of the class score columns.
        key_frames: N key frames, 0-based: where each sequence was proposed.
        masks: their masks on the clip's working size.
        frame_scores: float32 (N, T, C + 1), class probabilities on each frame; NaN where absent.
        absent_weight: how much a frame without a mask counts as background in the class scores.
        given: masks in the video's own pixels that stand as they are, by sequence and frame.
        image_size: the part of the masks that shows the video (see ``Clip``); None for all.
    """

    categories: tuple[str, ...]
    key_frames: tuple[int, ...]
    masks: PackedMasks
    frame_scores: Tensor
    absent_weight: float = 0.0
    given: Mapping[tuple[int, int], rle.Rle] = field(default_factory=dict)
    image_size: Size | None = None

    @classmethod
    def joined(cls, groups: Sequence[Proposals]) -> Proposals:
        """Return the sequences of several, of one clip and proposer, one after the other."""
        firsts = accumulate((len(group) for group in groups), initial=0)
        return cls(
            groups[0].categories,
            tuple(frame for group in groups for frame in group.key_frames),
            PackedMasks.joined([group.masks for group in groups]),
            torch.cat([group.frame_scores for group in groups]),
            groups[0].absent_weight,
            {
                (first + sequence, frame): mask
                for first, group in zip(firsts, groups, strict=False)
                for (sequence, frame), mask in group.given.items()
            },
            groups[0].image_size,
        )

    def __len__(self) -> int:
        """Return N."""
        return len(self.key_frames)

    def of_classes(self, names: tuple[str, ...]) -> Proposals:
        """Return the proposals with the score columns of some classes only; with all for none."""
        if not names:
            return self
        chosen = [i for i, name in enumerate(self.categories) if name in names]
        columns = [0, *(i + 1 for i in chosen)]  # column 0 is background
        return replace(
            self,
            categories=tuple(self.categories[i] for i in chosen),
            frame_scores=self.frame_scores[..., columns],
        )

    @cached_property
    def class_scores(self) -> Tensor:
        """Class probabilities of the whole sequences: float32 (N, C + 1)."""
        absent = torch.from_numpy(self.masks.areas == 0)
        return mean_scores(self.frame_scores, absent, absent_weight=self.absent_weight)

    @cached_property
    def iou(self) -> Tensor:
        """Sequence IoU of each two: float64 (N, N)."""
        return packed_sequence_iou(self.masks)


def to_sequence(
    proposals: Proposals, kept: KeptSequence, size: Size, number: int
) -> InstanceSequence:
    """Return a kept sequence as the user gets it, in the video's own pixels.

    Args:
        proposals: what was proposed.
        kept: the sequence among them, with the scores to report.
        size: (height, width) of the video.
        number: the id it gets.
    """
    names = proposals.categories
    column = kept.category + 1  # column 0 is background
    segmentations = [
        proposals.given.get((kept.index, frame))
        or _segmentation(proposals, kept.index, frame, size)
        for frame in range(proposals.masks.num_frames)
    ]
    frame_scores = [
        None if segmentation is None or math.isnan(probability) else probability
        for segmentation, probability in zip(
            segmentations, proposals.frame_scores[kept.index, :, column].tolist(), strict=True
        )
    ]
    return InstanceSequence(
        id=number,
        category=names[kept.category],
        score=kept.score,
        class_scores={names[category]: score for category, score in kept.class_scores.items()},
        key_frame=proposals.key_frames[kept.index],
        size=size,
        segmentations=tuple(segmentations),
        frame_scores=tuple(frame_scores),
    )


def _segmentation(proposals: Proposals, sequence: int, frame: int, size: Size) -> rle.Rle | None:
    """Return one mask at the video's size, encoded; None where nothing is left of it."""
    if proposals.masks.areas[sequence, frame] == 0:
        return None
    height, width = proposals.image_size or proposals.masks.size
    mask = resize(proposals.masks.mask(sequence, frame)[None, :height, :width], size)[0]
    return rle.encode(mask.numpy()) if bool(mask.any()) else None
