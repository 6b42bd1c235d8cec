"""Track by detect, the baseline: objects are detected on every frame, detections are linked.

What the paper argues against: a link is made once, from what two frames show, and a wrong or a
missing one cuts the sequence. Nothing is propagated: where nothing is detected, nothing is.

Letters: N tracks, O detections of a frame, C foreground classes, H and W working pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from propose_reduce.masks import PackedMasks, mask_iou
from propose_reduce.paradigm.propagate import match
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.propose import propose
from propose_reduce.protocols import Progress, Proposer
from propose_reduce.settings import InferenceSettings, LinkSettings
from propose_reduce.structures import Clip, Detections


@dataclass(eq=False)
class _Track:
    """An object that was seen lately.

    Attributes:
        number: its row among all tracks, in the order in which they began.
        last: the frame it was last seen on.
        mask: bool (H, W), as seen there.
        scores: float32 (C + 1,), the sum of its detections' class scores.
        length: how many detections it has.
    """

    number: int
    last: int
    mask: Tensor
    scores: Tensor
    length: int = 1

    def go_on(self, frame: int, mask: Tensor, scores: Tensor) -> None:
        """Take a detection in."""
        self.last, self.mask = frame, mask
        self.scores, self.length = self.scores + scores, self.length + 1


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """The masks of one frame, packed, and the track that each belongs to.

    Attributes:
        masks: O of one frame.
        scores: float32 (O, C + 1).
        tracks: the number of each one's.
    """

    masks: PackedMasks
    scores: Tensor
    tracks: Sequence[int]


def track_by_detect(
    clip: Clip, proposer: Proposer, settings: InferenceSettings, *, progress: Progress | None = None
) -> Proposals:
    """Return the tracks of a clip as sequences, in the order in which they begin.

    A track's key frame is the one it begins on, and its class scores are the mean of its
    detections', with what counts on the frames between them on which it was looked for and not
    found. Each frame is proposed on by the rules of a key frame.

    Args:
        clip: the video.
        proposer: asked about every frame, in order.
        settings: of proposing and linking.
        progress: told about each frame, as stage "propose".

    Raises:
        ContractError: the proposer breaks its contract.
    """
    alive: list[_Track] = []
    begun: list[int] = []
    frames: list[SeenFrame] = []
    for frame in range(len(clip.frames)):
        found = propose(clip, proposer, frame, settings.propose)
        found = Detections(found.masks.cpu(), found.class_scores.cpu())
        alive = [track for track in alive if frame - track.last <= settings.link.max_gap + 1]
        links = _links(alive, found, settings.link)
        tracks = []
        for row, (mask, scores) in enumerate(zip(found.masks, found.class_scores, strict=True)):
            if row in links:
                track = alive[links[row]]
                track.go_on(frame, mask, scores)
            else:
                track = _Track(len(begun), frame, mask, scores)
                begun.append(frame)
                alive.append(track)
            tracks.append(track.number)
        frames.append(SeenFrame(PackedMasks.pack(found.masks[:, None]), found.class_scores, tracks))
        if progress is not None:
            progress("propose", frame + 1, len(clip.frames))
    tracked = sorted_into_tracks(clip, proposer.categories, begun, frames)
    tracked = replace(tracked, absent_weight=settings.score.absent)
    if settings.score.missed_factor is not None:
        _count_missed(tracked, settings.score.missed_factor)
    return tracked


def link(tracks: Detections, seen: Detections, settings: LinkSettings) -> dict[int, int]:
    """Return which detection goes on with which track: row of ``seen`` -> row of ``tracks``.

    A detector that changes its mind about the class for a frame does not cut the track (see
    ``match``).

    Args:
        tracks: each track's last mask and mean class scores.
        seen: the detections of a frame.
        settings: thresholds and weights.
    """
    if not len(tracks) or not len(seen):
        return {}
    iou = mask_iou(seen.masks, tracks.masks)
    classes = [one.class_scores[:, 1:].argmax(dim=1) for one in (seen, tracks)]
    same = classes[0][:, None] == classes[1]
    return match(iou, same, min_iou=settings.iou, class_weight=settings.class_weight)


def _links(alive: Sequence[_Track], seen: Detections, settings: LinkSettings) -> dict[int, int]:
    if not alive:
        return {}
    masks = torch.stack([track.mask for track in alive])
    scores = torch.stack([track.scores / track.length for track in alive]).clamp(max=1)
    return link(Detections(masks, scores), seen, settings)


def sorted_into_tracks(
    clip: Clip, categories: tuple[str, ...], begun: Sequence[int], frames: Sequence[SeenFrame]
) -> Proposals:
    """Return the masks of each frame in the rows of their tracks.

    Args:
        clip: the video.
        categories: foreground classes.
        begun: the key frame of each track.
        frames: of the whole clip.
    """
    masks = PackedMasks(len(begun), len(frames), clip.working_size)
    frame_scores = torch.full((len(begun), len(frames), len(categories) + 1), torch.nan)
    for frame, seen in enumerate(frames):
        for row, track in enumerate(seen.tracks):
            masks.put(frame, seen.masks.mask(row, 0)[None], track)
            frame_scores[track, frame] = seen.scores[row]
    return Proposals(categories, tuple(begun), masks, frame_scores, image_size=clip.image_size)


def _count_missed(tracks: Proposals, factor: float) -> None:
    """Set the class scores of the frames inside a track on which nothing was detected.

    Args:
        tracks: their frame scores change.
        factor: of the class scores that a track began with; the rest is background.
    """
    for areas, scores in zip(tracks.masks.areas, tracks.frame_scores, strict=True):
        seen = np.flatnonzero(areas)
        missed = np.setdiff1d(np.arange(seen[0], seen[-1]), seen)
        scores[missed] = factor * scores[seen[0]]
        scores[missed, 0] += 1 - factor
