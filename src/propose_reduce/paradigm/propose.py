"""Propose: what is seen on a few key frames (paper, section 3.2; supplementary, section 4).

Letters: T frames, K key frames, O objects of a key frame, C foreground classes.
"""

import torch
from torch import Tensor

from propose_reduce.errors import ContractError, InputError
from propose_reduce.masks import present
from propose_reduce.paradigm.reduce import sequence_iou, sequence_nms
from propose_reduce.protocols import Proposer
from propose_reduce.settings import ProposeSettings
from propose_reduce.structures import Clip, Detections


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
