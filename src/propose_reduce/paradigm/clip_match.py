"""Clip match, the rival: short clips around every frame, matched where they overlap (MaskProp).

Objects are detected on every frame. Each detection is carried to the frames near it, which gives
an instance track of a short clip. The tracks of overlapping clips are matched by their masks on
the frames that they share, and an object's mask on a frame is the average of those of all clips
that cover it. A missed detection is bridged by its neighbours, but no track is longer than a clip,
and a wrong match stays.

Bertasius and Torresani, Classifying, Segmenting, and Tracking Object Instances in Video with Mask
Propagation, CVPR 2020 (arXiv 1912.04573), section 3.3, with any proposer, propagator and scorer.

Letters: O tracks of a clip, L frames of it, N objects, C foreground classes, H and W working
pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.propagate import match, propagate
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.propose import propose
from propose_reduce.paradigm.score import score_frame
from propose_reduce.paradigm.track_by_detect import SeenFrame, sorted_into_tracks
from propose_reduce.paradigm.windows import window_of
from propose_reduce.protocols import Progress, Propagator, Proposer, Scorer
from propose_reduce.settings import InferenceSettings, LinkSettings
from propose_reduce.structures import Clip, Detections, Seed


@dataclass(frozen=True, slots=True, eq=False)
class _ClipTracks:
    """The detections of one frame, carried to the frames around it.

    Attributes:
        frames: of the clip.
        masks: bool (O, L, H, W).
        scores: float32 (O, L, C + 1); NaN where there is no mask or no opinion.
        origins: the O detections.
    """

    frames: range
    masks: Tensor
    scores: Tensor
    origins: Detections


@dataclass(eq=False)
class _Average:
    """What the clips that cover a frame say of one object there.

    Attributes:
        votes: int16 (H, W), how many have the pixel.
        clips: how many there are.
        scores: float32 (C + 1,), the sum of their class scores.
        scored: how many of them have some.
    """

    votes: Tensor
    clips: int
    scores: Tensor
    scored: int

    def add(self, mask: Tensor, scores: Tensor) -> None:
        """Take in what one more clip says."""
        self.votes += mask
        self.clips += 1
        if not bool(scores.isnan().any()):
            self.scores, self.scored = self.scores + scores, self.scored + 1

    @property
    def mask(self) -> Tensor:
        """What at least half of the clips have: bool (H, W)."""
        return 2 * self.votes >= self.clips


class _Objects:
    """The objects of the video so far: their averages on the frames that clips still reach.

    Attributes:
        begun: the key frame of each, the frame of its first detection.
    """

    def __init__(self, clip: Clip, columns: int, settings: LinkSettings) -> None:
        self._size, self._columns, self._settings = clip.working_size, columns, settings
        self._averages: dict[int, dict[int, _Average]] = {}  # by object, then by frame
        self._classes: list[Tensor] = []  # of each object, the sum of its detections' scores
        self.begun: list[int] = []

    def add(self, frame: int, tracks: _ClipTracks) -> None:
        """Take in the tracks of the clip around a frame, each as an object known or new."""
        alive = sorted(self._averages)
        found = self._matched(alive, tracks)
        for row, scores in enumerate(tracks.origins.class_scores):
            if row in found:
                number = alive[found[row]]
                self._classes[number] = self._classes[number] + scores
            else:
                number = len(self.begun)
                self.begun.append(frame)
                self._classes.append(scores)
            averages = self._averages.setdefault(number, {})
            for place, covered in enumerate(tracks.frames):
                if covered not in averages:
                    votes = torch.zeros(self._size, dtype=torch.int16)
                    averages[covered] = _Average(votes, 0, torch.zeros(self._columns), 0)
                averages[covered].add(tracks.masks[row, place], tracks.scores[row, place])

    def finish(self, frame: int) -> SeenFrame:
        """Return all objects of a frame, which no later clip reaches, and let it go."""
        masks = [torch.zeros(0, *self._size, dtype=torch.bool)]
        scores = [torch.zeros(0, self._columns)]
        numbers = []
        for number, averages in list(self._averages.items()):
            average = averages.pop(frame, None)
            if not averages:
                del self._averages[number]
            if average is None or not bool((mask := average.mask).any()):
                continue
            numbers.append(number)
            masks.append(mask[None])
            mean = average.scores / average.scored if average.scored else average.scores + torch.nan
            scores.append(mean[None])
        packed = PackedMasks.pack(torch.cat(masks)[:, None])
        return SeenFrame(packed, torch.cat(scores), numbers)

    def _matched(self, alive: Sequence[int], tracks: _ClipTracks) -> dict[int, int]:
        """Return which track is which object: row of ``tracks`` -> row of ``alive``.

        The overlap is that of the whole masks on the frames that both cover (equation 2 of the
        paper of Propose-Reduce, there).
        """
        if not alive or not len(tracks.masks):
            return {}
        shared = torch.zeros(len(tracks.masks), len(alive), dtype=torch.float64)
        either = torch.zeros_like(shared)
        for place, frame in enumerate(tracks.frames):
            columns = [c for c, number in enumerate(alive) if frame in self._averages[number]]
            if not columns:
                continue
            theirs = torch.stack([self._averages[alive[c]][frame].mask for c in columns])
            ours = tracks.masks[:, place]
            rows, others = ours.flatten(1).float(), theirs.flatten(1).float()
            both = (rows @ others.T).double()
            shared[:, columns] += both
            either[:, columns] += rows.sum(1)[:, None].double() + others.sum(1).double() - both
        best = torch.stack([self._classes[number] for number in alive])[:, 1:].argmax(dim=1)
        classes = tracks.origins.class_scores[:, 1:].argmax(dim=1)
        return match(
            shared / either.clamp(min=1),
            classes[:, None] == best,
            min_iou=self._settings.iou,
            class_weight=self._settings.class_weight,
        )


def clip_match(
    clip: Clip,
    proposer: Proposer,
    propagator: Propagator,
    scorer: Scorer,
    settings: InferenceSettings,
    *,
    progress: Progress | None = None,
) -> Proposals:
    """Return the matched tracks of a clip as sequences, in the order in which they begin.

    Args:
        clip: the video.
        proposer: asked about every frame, in order.
        propagator: carries the detections of each frame to the frames around it.
        scorer: names what their masks show there.
        settings: of proposing, linking and scoring.
        progress: told about each frame, as stage "propagate".

    Raises:
        ContractError: a component breaks its contract.
    """
    length, reach = len(clip.frames), settings.link.reach
    objects = _Objects(clip, len(proposer.categories) + 1, settings.link)
    finished: list[SeenFrame] = []
    for frame in range(length):
        found = propose(clip, proposer, frame, settings.propose)
        if len(found):
            frames = range(max(0, frame - reach), min(length, frame + reach + 1))
            objects.add(frame, _carried(clip, frame, frames, found, propagator, scorer))
        reached = length if frame == length - 1 else max(0, frame + 1 - reach)
        finished += [objects.finish(done) for done in range(len(finished), reached)]
        if progress is not None:
            progress("propagate", frame + 1, length)
    tracked = sorted_into_tracks(clip, proposer.categories, objects.begun, finished)
    return replace(tracked, absent_weight=settings.score.absent)


def _carried(
    clip: Clip,
    frame: int,
    frames: range,
    found: Detections,
    propagator: Propagator,
    scorer: Scorer,
) -> _ClipTracks:
    """Return the detections of a frame on all frames of the clip around it."""
    part = window_of(clip, frames)
    seed = Seed(frame - frames.start, found.masks)
    origins = Detections(found.masks.cpu(), found.class_scores.cpu())
    masks = torch.zeros(len(found), len(frames), *clip.working_size, dtype=torch.bool)
    scores = torch.full((*masks.shape[:2], found.class_scores.shape[1]), torch.nan)
    for carried in propagate(part, propagator, [seed]):
        masks[:, carried.frame] = carried.masks.cpu()
        scores[:, carried.frame] = score_frame(
            part, scorer, carried.frame, carried.masks, found, carried.presence
        )
    return _ClipTracks(frames, masks, scores, origins)
