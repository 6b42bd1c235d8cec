"""Association: which proposals of different key frames are one object, before any is followed.

The paper follows all K x O proposals through the whole video, and finds out afterwards which of
them are one object. Here each is carried to the neighbouring key frames alone. Those that meet are
one object, which is then followed once, from all its key frames together (not in the paper).

Letters: K key frames, O objects of one start, N proposals of all key frames, H and W pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from propose_reduce.masks import mask_iou
from propose_reduce.paradigm.compose import meeting
from propose_reduce.paradigm.propagate import propagate
from propose_reduce.paradigm.propose import select
from propose_reduce.protocols import Propagator
from propose_reduce.structures import Clip, Detections, Seed


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Objects that are followed together, and what is known of them before.

    Attributes:
        seed: their masks on their key frames.
        origins: O detections, one for each object.
        key_frames: for each object the key frame of its surest detection.
        seen: by key frame, which of the objects were detected there, and as what.
    """

    seed: Seed
    origins: Detections
    key_frames: tuple[int, ...]
    seen: Mapping[int, tuple[Sequence[int], Detections]]


def separate(detections: Mapping[int, Detections]) -> list[Start]:
    """Return a start for each key frame: every detection is followed by itself, as in the paper."""
    return [
        Start(
            Seed(frame, found.masks),
            found,
            (frame,) * len(found),
            {frame: (range(len(found)), found)},
        )
        for frame, found in detections.items()
    ]


def associated(
    clip: Clip,
    propagator: Propagator,
    detections: Mapping[int, Detections],
    *,
    min_iou: float,
) -> list[Start]:
    """Return starts in which the detections of one object on several key frames are one object.

    Two detections of neighbouring key frames meet where the mean IoU of the one carried to the
    other's frame with the other, and of the other carried back with the one, reaches ``min_iou``.
    Objects that were seen side by side on a key frame are surely different, and travel together.

    Args:
        clip: the video.
        propagator: carries masks to some frames only, and reads several key frames.
        detections: by key frame, in order, at least one on each.
        min_iou: detections that agree less do not meet.
    """
    frames = [frame for frame, found in detections.items() for _ in range(len(found))]
    groups = meeting(_agreement(clip, propagator, detections), frames, min_iou=min_iou)
    return [_start(objects, frames, detections) for objects in _together(groups, frames)]


def _agreement(clip: Clip, propagator: Propagator, detections: Mapping[int, Detections]) -> Tensor:
    """Return how much each two detections agree: float64 (N, N), 0 but for neighbours in time."""
    frames = list(detections)
    neighbours = [frozenset(frames[max(0, row - 1) : row + 2]) for row in range(len(frames))]
    seeds = [
        Seed(frame, detections[frame].masks, frames=near)
        for frame, near in zip(frames, neighbours, strict=True)
    ]
    sizes = [len(found) for found in detections.values()]
    ends = list(accumulate(sizes))
    rows = {f: slice(end - size, end) for f, end, size in zip(frames, ends, sizes, strict=True)}
    carried = torch.zeros(ends[-1], ends[-1], dtype=torch.float64)
    for found in propagate(clip, propagator, seeds):
        seen = detections[found.frame].masks.to(found.masks.device)
        own = rows[frames[found.seed]]
        if found.frame != frames[found.seed]:
            carried[own, rows[found.frame]] = mask_iou(found.masks, seen).double().cpu()
    return (carried + carried.T) / 2


def _together(groups: Sequence[list[int]], frames: Sequence[int]) -> list[list[list[int]]]:
    """Return objects that were all seen side by side with each other, those seen most first.

    Args:
        groups: the rows of each object's detections.
        frames: the key frame of each row.
    """
    bundles: list[list[list[int]]] = []
    for group in sorted(groups, key=len, reverse=True):
        own = {frames[row] for row in group}
        for bundle in bundles:
            if all(own & {frames[row] for row in other} for other in bundle):
                bundle.append(group)
                break
        else:
            bundles.append([group])
    return bundles


def _start(
    objects: Sequence[Sequence[int]], frames: Sequence[int], detections: Mapping[int, Detections]
) -> Start:
    """Return the start of some objects.

    Args:
        objects: the rows of each one's detections.
        frames: the key frame of each row.
        detections: by key frame; the rows count them one after the other.
    """
    firsts = dict(zip(detections, accumulate([0, *map(len, detections.values())]), strict=False))
    scores = torch.cat([found.class_scores for found in detections.values()])
    seen, masks = {}, {}
    for frame in sorted({frames[row] for rows in objects for row in rows}):
        pairs = [
            (place, row - firsts[frame])
            for place, rows in enumerate(objects)
            for row in rows
            if frames[row] == frame
        ]
        places = [place for place, _ in pairs]
        found = select(detections[frame], torch.tensor([row for _, row in pairs]))
        seen[frame] = places, found
        masks[frame] = found.masks.new_zeros(len(objects), *found.masks.shape[1:])
        masks[frame][places] = found.masks
    best = scores[:, 1:].amax(dim=1)
    leaders = [max(rows, key=lambda row: float(best[row])) for rows in objects]
    origins = Detections(
        torch.stack([detections[frames[row]].masks[row - firsts[frames[row]]] for row in leaders]),
        torch.stack([scores[list(rows)].mean(dim=0) for rows in objects]),
    )
    first, *others = masks
    seed = Seed(first, masks[first], {frame: masks[frame] for frame in others})
    return Start(seed, origins, tuple(frames[row] for row in leaders), seen)
