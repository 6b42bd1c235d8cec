"""Vote: the sequences that show one object agree on its masks (not in the paper).

Sequence NMS keeps the best of the sequences of an object and throws the rest away. Its score says
that it is the best over the whole video, not that it is on every frame: where it drifted, others
did not. Voting over the masks of what non-maximum suppression drops is an old idea for boxes and
single images (Dai, He, Sun: Instance-aware semantic segmentation via multi-task network cascades,
CVPR 2016); here a voter counts on each frame by what its class score is there.

Letters: N sequences, M of them kept, V voters for one of these, T frames, C foreground classes.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.reduce import KeptSequence


def vote(
    proposals: Proposals, kept: Sequence[KeptSequence], *, threshold: float
) -> tuple[Proposals, list[KeptSequence]]:
    """Return the kept sequences with the masks that their groups vote for.

    The group of a kept sequence is itself and what it dropped: what overlaps it, but for that
    which overlaps a better one of the kept. A pixel belongs to the object where the voters that
    have it there hold at least half of all votes. A voter's weight on a frame is its score of the
    kept sequence's class there; one that sees nothing on a frame votes for that with the score it
    has over the whole video. Where none of them has any score, all count alike.

    Args:
        proposals: N sequences.
        kept: M of them, best first, as sequence NMS left them.
        threshold: the IoU from which it dropped.

    Returns:
        M sequences, whose frame scores are the means of those who see the object there, and the
        kept ones as rows of them, otherwise unchanged.
    """
    masks = PackedMasks(len(kept), proposals.masks.num_frames, proposals.masks.size)
    frame_scores = proposals.frame_scores.new_full(
        (len(kept), *proposals.frame_scores.shape[1:]), torch.nan
    )
    left = torch.ones(len(proposals), dtype=torch.bool)
    for row, item in enumerate(kept):
        group = left & (proposals.iou[item.index] >= threshold)
        group[item.index] = True  # its IoU with itself is 0 where it is empty
        left &= ~group
        voters = group.nonzero()[:, 0]
        seen = proposals.frame_scores[voters]
        weights = _voter_weights(proposals, voters, item.category)
        for frame in range(masks.num_frames):
            mask = _vote_majority(proposals.masks, voters, frame, weights[:, frame])
            if bool(mask.any()):
                masks.put(frame, mask[None], row)
                frame_scores[row, frame] = seen[:, frame].nanmean(dim=0)
    voted = replace(
        proposals,
        key_frames=tuple(proposals.key_frames[item.index] for item in kept),
        masks=masks,
        frame_scores=frame_scores,
        given={
            (row, frame): mask
            for row, item in enumerate(kept)
            for (sequence, frame), mask in proposals.given.items()
            if sequence == item.index
        },
    )
    return voted, [replace(item, index=row) for row, item in enumerate(kept)]


def _voter_weights(proposals: Proposals, voters: Tensor, category: int) -> Tensor:
    """Return how much each voter counts on each frame: float32 (V, T)."""
    present = proposals.frame_scores[voters, :, category + 1]
    overall = proposals.class_scores[voters, 1:].amax(dim=1)
    weights = torch.where(present.isnan(), overall[:, None], present)
    return weights.masked_fill((weights == 0).all(dim=0), 1.0)


def _vote_majority(masks: PackedMasks, voters: Tensor, frame: int, weights: Tensor) -> Tensor:
    """Return the pixels that hold at least half of the votes on a frame: bool (H, W)."""
    share = masks.weighted(voters.tolist(), frame, weights.tolist())
    return (share > 0) & (share >= weights.double().sum() / 2)
