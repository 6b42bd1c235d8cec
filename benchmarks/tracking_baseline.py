"""A baseline without propagation: objects are detected on every frame and linked by overlap.

A detection goes on with the track whose mask on the frame before overlaps its own the most, among
those of at least LINK_IOU (best pairs first); otherwise it starts a track. A track that finds no
detection ends. Class and score of a track are the means over its frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.paradigm.propose import propose
from propose_reduce.parts.seq_mask_rcnn import SeqMaskRCNNPart
from propose_reduce.structures import Clip, Detections

LINK_IOU = 0.3  # the usual choice of linking trackers: IoU-Tracker takes 0.3 to 0.5
MIN_SCORE = 0.05  # tracks below are not reported, as in the sequence NMS


@dataclass
class Track:
    """One object from the frame it was first seen on.

    Attributes:
        masks: bool (H, W) by frame.
        class_scores: float32 (C + 1,) of each of those frames.
    """

    masks: dict[int, Tensor] = field(default_factory=dict)
    class_scores: list[Tensor] = field(default_factory=list)


def link(frames: Iterable[Detections]) -> list[Track]:
    """Return the tracks of a video's detections, frame by frame."""
    tracks: list[Track] = []
    alive: list[Track] = []
    for t, seen in enumerate(frames):
        pairs = _pairs(alive, seen, t)
        going_on = []
        for row in range(len(seen)):
            track = alive[pairs[row]] if row in pairs else Track()
            if row not in pairs:
                tracks.append(track)
            track.masks[t] = seen.masks[row]
            track.class_scores.append(seen.class_scores[row])
            going_on.append(track)
        alive = going_on
    return tracks


def _pairs(alive: list[Track], seen: Detections, t: int) -> dict[int, int]:
    """Return which detection goes on with which track, best overlaps first."""
    if not alive or not len(seen):
        return {}
    before = torch.stack([track.masks[t - 1] for track in alive])
    iou = overlaps(seen.masks, before)
    pairs: dict[int, int] = {}
    for place in iou.flatten().argsort(descending=True).tolist():
        row, column = divmod(place, len(alive))
        if iou[row, column] < LINK_IOU:
            break
        if row not in pairs and column not in pairs.values():
            pairs[row] = column
    return pairs


def overlaps(left: Tensor, right: Tensor) -> Tensor:
    """Return the IoU of bool masks (N, H, W) and (M, H, W): float32 (N, M)."""
    a, b = left.flatten(1).float(), right.flatten(1).float()
    shared = a @ b.T
    return shared / (a.sum(dim=1)[:, None] + b.sum(dim=1) - shared).clamp(min=1)


def track_clip(part: SeqMaskRCNNPart, clip: Clip) -> list[Track]:
    """Detect on every frame and link."""
    with part.open(clip) as session:
        frames = (propose(clip, session, t, part.settings.propose) for t in range(len(clip.frames)))
        return link(frames)


def predictions(part: SeqMaskRCNNPart, clip: Clip, video: int) -> list[dict[str, Any]]:
    """Return the tracks of a clip of its own working size as YouTube-VIS predictions."""
    found = []
    for track in track_clip(part, clip):
        scores = torch.stack(track.class_scores).mean(dim=0)[1:]
        score, category = scores.max(dim=0)
        if score >= MIN_SCORE:
            runs = [
                rle.encode(track.masks[t].numpy()) if t in track.masks else None
                for t in range(len(clip.frames))
            ]
            found.append(
                {
                    "video_id": video,
                    "category_id": int(category) + 1,
                    "score": float(score),
                    "segmentations": runs,
                }
            )
    return found
