"""Compose: the sequences that meet are one object, each near its key frame (not in the paper).

Sequence NMS keeps one whole sequence of an object. But a proposal is right near the frame where it
was made and wrong where it has drifted, so of five sequences each is the best one somewhere. Here
sequences of different key frames that agree between these are one object, and on each frame its
mask is what they say who started near.

Letters: N sequences, G groups of them, M members of a group, T frames, C foreground classes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
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


FLOOR = 0.02
"""Added to a member's score as a voter, so that nearness decides where none of them has any."""


def compose(proposals: Proposals, *, min_iou: float) -> Proposals:
    """Return one sequence for each group of sequences that meet.

    A member's weight on a frame halves with every half gap between key frames that it is away from
    its own, and counts by its score of the group's class there; one that has no score there counts
    by that of the whole sequence. A pixel belongs to the object where members that have it there
    hold at least half of all weight; where a member's mask was given, that stands. The class scores
    of a frame are the mean of those of the members that are present, by weight and by how alike
    their masks are to the composed one.

    Args:
        proposals: N sequences.
        min_iou: how much two of them must overlap to meet (see ``agreement``).

    Returns:
        G sequences, each with the key frame of its best member, in the order of their first ones.
    """
    groups = meeting(agreement(proposals), proposals.key_frames, min_iou=min_iou)
    masks = PackedMasks(len(groups), proposals.masks.num_frames, proposals.masks.size)
    shape = (len(groups), *proposals.frame_scores.shape[1:])
    frame_scores = proposals.frame_scores.new_full(shape, torch.nan)
    given = {}
    for row, members in enumerate(groups):
        weights = _weights(proposals, members)
        for frame in range(masks.num_frames):
            present = [m for m in members if proposals.masks.areas[m, frame]]
            if present:
                weight = weights[[members.index(m) for m in present], frame]
                standing = [m for m in present if (m, frame) in proposals.given]
                if standing:
                    mask = proposals.masks.mask(standing[0], frame)
                    given[row, frame] = proposals.given[standing[0], frame]
                else:
                    total = weights[:, frame].sum()
                    mask = _majority(proposals.masks, present, frame, weight, total)
                masks.put(frame, mask[None], row)
                frame_scores[row, frame] = _scores(proposals, present, frame, weight, mask)
    best = proposals.class_scores[:, 1:].amax(dim=1)
    leaders = [max(members, key=lambda member: float(best[member])) for members in groups]
    return replace(
        proposals,
        key_frames=tuple(proposals.key_frames[leader] for leader in leaders),
        masks=masks,
        frame_scores=frame_scores,
        given=given,
    )


def agreement(proposals: Proposals) -> Tensor:
    """Return the sequence IoU of each two from the one's key frame to the other's: float64 (N, N).

    There both are as near to where they were right as they get; what they do farther off, after
    one of them has drifted, says nothing about whether they are one object.
    """
    masks, starts = proposals.masks, np.array(proposals.key_frames, dtype=np.int64)
    first = np.minimum(starts[:, None], starts)
    last = np.maximum(starts[:, None], starts)
    shared = np.zeros((len(starts), len(starts)), dtype=np.int64)
    union = np.zeros_like(shared)
    for frame in range(masks.num_frames):
        between = (first <= frame) & (frame <= last)
        overlaps, areas = masks.overlaps(frame), masks.areas[:, frame]
        shared += between * overlaps
        union += between * (areas[:, None] + areas - overlaps)
    return torch.from_numpy(shared / np.maximum(union, 1))


def meeting(agree: Tensor, key_frames: Sequence[int], *, min_iou: float) -> list[list[int]]:
    """Return the groups of sequences that meet: each sequence once, in order.

    The two that agree most are joined first. Sequences of one key frame are different objects, so
    groups that have a key frame in common never join.

    Args:
        agree: (N, N), how much each two agree.
        key_frames: N key frames.
        min_iou: sequences that agree less do not meet.
    """
    groups = {row: [row] for row in range(len(key_frames))}
    group_of = list(range(len(key_frames)))
    rows, columns = torch.triu_indices(len(key_frames), len(key_frames), offset=1)
    pairs = agree[rows, columns]
    order = pairs.argsort(descending=True, stable=True)
    for pair in order[pairs[order] >= min_iou].tolist():
        one, other = sorted((group_of[rows[pair]], group_of[columns[pair]]))
        if one == other:
            continue
        frames = [{key_frames[member] for member in groups[group]} for group in (one, other)]
        if frames[0].isdisjoint(frames[1]):
            for member in groups[other]:
                group_of[member] = one
            groups[one] += groups.pop(other)
    return [sorted(group) for group in sorted(groups.values(), key=min)]


def _weights(proposals: Proposals, members: Sequence[int]) -> Tensor:
    """Return how much each member counts on each frame: float32 (M, T)."""
    overall = proposals.class_scores[list(members)]
    column = int(overall[:, 1:].mean(dim=0).argmax()) + 1
    scores = proposals.frame_scores[list(members), :, column]
    scores = torch.where(scores.isnan(), overall[:, column, None], scores)
    starts = torch.tensor([proposals.key_frames[member] for member in members])
    num_frames = proposals.masks.num_frames
    half_life = num_frames / (2 * len(set(proposals.key_frames)))
    away = (torch.arange(num_frames) - starts[:, None]).abs()
    return (FLOOR + scores) * 0.5 ** (away / half_life)


def _majority(
    masks: PackedMasks, present: Sequence[int], frame: int, weight: Tensor, total: Tensor
) -> Tensor:
    """Return the pixels that hold at least half of the total weight on a frame: bool (H, W)."""
    share = masks.weighted(present, frame, weight.tolist())
    return (share > 0) & (share >= total / 2)


def _scores(
    proposals: Proposals, present: Sequence[int], frame: int, weight: Tensor, mask: Tensor
) -> Tensor:
    """Return the class scores of a composed mask: float32 (C + 1,); NaN where it is empty."""
    scores = proposals.frame_scores[list(present), frame]
    known = ~scores.isnan().any(dim=1)
    area = int(mask.sum())
    if not area or not bool(known.any()):
        return scores.new_full(scores.shape[1:], torch.nan)
    shared = torch.tensor(
        [int((proposals.masks.mask(member, frame) & mask).sum()) for member in present]
    )
    areas = torch.from_numpy(proposals.masks.areas[list(present), frame])
    alike = shared / (areas + area - shared)
    weight = (weight * alike**2)[known]
    return (scores[known] * weight[:, None]).sum(dim=0) / weight.sum()
