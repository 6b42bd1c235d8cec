"""Report: the sequences that stay, in the video's own pixels (supplementary, section 4)."""

from __future__ import annotations

from propose_reduce import rle
from propose_reduce.masks import resize
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
    segmentations: list[rle.Rle | None] = []
    frame_scores: list[float | None] = []
    for frame in range(proposals.masks.num_frames):
        mask = resize(proposals.masks.mask(kept.index, frame)[None], size)[0]
        seen = bool(mask.any())
        score = proposals.frame_scores[kept.index, frame, kept.category + 1].item()
        segmentations.append(rle.encode(mask.numpy()) if seen else None)
        frame_scores.append(score if seen else None)
    return InstanceSequence(
        id=number,
        category=names[kept.category],
        score=kept.score,
        class_scores={names[column]: score for column, score in kept.class_scores.items()},
        key_frame=proposals.key_frames[kept.index],
        size=size,
        segmentations=tuple(segmentations),
        frame_scores=tuple(frame_scores),
    )
