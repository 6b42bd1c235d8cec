"""Report: the sequences that stay, in the video's own pixels (supplementary, section 4)."""

from __future__ import annotations

import math

from propose_reduce import rle
from propose_reduce.masks import PackedMasks, resize
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.reduce import Kept
from propose_reduce.structures import InstanceSequence, Size


def report(proposals: Proposals, kept: Kept, size: Size, number: int) -> InstanceSequence:
    """Return one kept sequence as the user gets it.

    Args:
        proposals: what was proposed.
        kept: the sequence among them, with the scores to report.
        size: (height, width) of the video.
        number: the id it gets.
    """
    names = proposals.categories
    column = kept.category + 1  # column 0 is background
    segmentations = [
        _segmentation(proposals.masks, kept.index, frame, size)
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


def _segmentation(masks: PackedMasks, sequence: int, frame: int, size: Size) -> rle.Rle | None:
    """Return one mask at the video's size, encoded; None where nothing is left of it."""
    if masks.areas[sequence, frame] == 0:
        return None
    mask = resize(masks.mask(sequence, frame)[None], size)[0]
    return rle.encode(mask.numpy()) if bool(mask.any()) else None
