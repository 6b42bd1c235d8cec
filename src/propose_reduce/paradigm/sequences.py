"""Propose, propagate, score: from the key frames of a clip to complete sequences.

Every key frame starts sequences of its own, and all of them travel together; or proposals that are
one object start one sequence (``association.py``). With ``skip_covered`` key frames come one after
the other, and a detection that a sequence from an earlier one already covers starts none: less to
propagate, at the risk that the earlier sequence is the worse one.

Letters: O detections of a key frame, N sequences so far, T frames.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

import torch

from propose_reduce.masks import PackedMasks, mask_iou
from propose_reduce.paradigm.association import Start, associated, separate
from propose_reduce.paradigm.propagate import DetectionCorrector, propagate
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.propose import key_frames, select
from propose_reduce.paradigm.score import score_frame
from propose_reduce.protocols import Progress, Propagator, Proposer, Scorer
from propose_reduce.settings import InferenceSettings
from propose_reduce.structures import Clip, Detections, FrameMasks


class SequenceBuilder:
    """The complete, scored sequences of a clip, built round by round from detections.

    Args:
        clip: the video, or a window of it.
        proposer: gives the detections, and corrects masks by what it sees on the way.
        propagator: follows them, in both directions.
        scorer: names what their masks show.
        settings: of each stage.
        progress: called with each step; of the propagation a step is one seed on one frame.

    Attributes:
        rounds: the key frames whose detections are followed together, round by round: all at once,
            or with ``skip_covered`` each by itself.
        proposals: the sequences so far.
    """

    def __init__(
        self,
        clip: Clip,
        proposer: Proposer,
        propagator: Propagator,
        scorer: Scorer,
        settings: InferenceSettings,
        progress: Progress | None = None,
    ) -> None:
        frames = key_frames(len(clip.frames), settings.propose.key_frames)
        one_by_one = settings.propose.skip_covered
        self.rounds = [[frame] for frame in frames] if one_by_one else [frames]
        self._clip, self._settings = clip, settings
        self._proposer, self._propagator, self._scorer = proposer, propagator, scorer
        self._progress = progress
        self._round = 0
        self._detections: dict[int, Detections] = {}
        self.proposals = self._follow([], 0, 0)

    def add(self, frame: int, seen: Detections) -> None:
        """Take the detections of a key frame into the round; those that are covered start none."""
        covered_iou = self._settings.propose.covered_iou
        self._detections[frame] = _uncovered(self.proposals, frame, seen, covered_iou)
        if len(self.rounds) == 1:
            self._report("propose", len(self._detections), len(self.rounds[0]))

    def follow(self) -> None:
        """Follow the detections of the round through the clip, and end the round.

        Raises:
            ContractError: the propagator or the scorer breaks its contract (see protocols.py).
        """
        starts = self._starts({f: found for f, found in self._detections.items() if len(found)})
        length = len(self._clip.frames)
        if len(self.rounds) == 1:
            self.proposals = self._follow(starts, 0, length * len(starts))
        else:
            done, steps = self._round * length, len(self.rounds) * length
            found = self._follow(starts, done, steps)
            self.proposals = Proposals.joined([self.proposals, found])
            self._report("propagate", done + length, steps)
        self._round += 1
        self._detections = {}

    def _starts(self, detections: Mapping[int, Detections]) -> list[Start]:
        """Return what is to be followed of the detections of some key frames, by the schedule."""
        settings = self._settings.propagate
        if settings.schedule == "full" or len(detections) < 2:
            return separate(detections)
        if not getattr(self._propagator, "reads_more", False):
            warnings.warn(
                f"{type(self._propagator).__name__} follows from one key frame at a time: every "
                "proposal travels by itself (inference.propagate.schedule)",
                stacklevel=2,
            )
            return separate(detections)
        return associated(self._clip, self._propagator, detections, min_iou=settings.associate_iou)

    def _follow(self, starts: Sequence[Start], done: int, steps: int) -> Proposals:
        """Return the sequences of the objects of some starts.

        Args:
            starts: what to follow.
            done: steps of the propagation that were done before.
            steps: of the propagation in all.
        """
        clip, origins = self._clip, [start.origins for start in starts]
        categories = self._proposer.categories
        seeds = [start.seed for start in starts]
        firsts = [0, *accumulate(len(found) for found in origins)]
        shape = (firsts[-1], len(clip.frames), len(categories) + 1)
        masks = PackedMasks(*shape[:2], clip.working_size)
        frame_scores = torch.full(shape, torch.nan)
        corrector = None
        if self._settings.propagate.correct == "detections":
            corrector = DetectionCorrector(clip, self._proposer, origins, self._settings.propagate)
        carried = propagate(clip, self._propagator, seeds, corrector=corrector)
        for step, found in enumerate(carried, start=done + 1):
            first, end = firsts[found.seed : found.seed + 2]
            if found.frame in starts[found.seed].seen:
                found = _standing(found, *starts[found.seed].seen[found.frame])
            masks.put(found.frame, found.masks, first)
            frame_scores[first:end, found.frame] = score_frame(
                clip, self._scorer, found.frame, found.masks, origins[found.seed], found.presence
            )
            self._report("propagate", step, steps)
        started = tuple(frame for start in starts for frame in start.key_frames)
        given = {
            (first + row, frame): mask
            for first, start in zip(firsts, starts, strict=False)
            for frame, (rows, seen) in start.seen.items()
            for row, mask in zip(rows, seen.given, strict=False)
            if mask is not None
        }
        absent = self._settings.score.absent
        return Proposals(categories, started, masks, frame_scores, absent, given, clip.image_size)

    def _report(self, stage: str, done: int, steps: int) -> None:
        if self._progress is not None:
            self._progress(stage, done, steps)


def _standing(found: FrameMasks, rows: Sequence[int], seen: Detections) -> FrameMasks:
    """Return the masks of a key frame with those that were given in place of the propagator's.

    Given is what came in the video's own pixels, and what its proposer has no doubt of.

    Args:
        found: the propagator's.
        rows: of the objects that were detected there.
        seen: their detections.
    """
    scores = seen.class_scores  # a softmax may round to 1, but leaves something to background
    stands = (scores[:, 1:].amax(dim=1) >= 1) & (scores[:, 0] == 0)
    for row, mask in enumerate(seen.given):
        stands[row] |= mask is not None
    if not bool(stands.any()):
        return found
    masks = found.masks.clone()
    given = stands.nonzero()[:, 0].tolist()
    masks[[rows[row] for row in given]] = seen.masks[given].to(masks.device)
    return replace(found, masks=masks)


def _uncovered(found: Proposals, frame: int, seen: Detections, min_iou: float) -> Detections:
    """Return the detections that no sequence covers on their frame.

    Where one is covered and surer of its class than the sequence is there, its class scores become
    the sequence's scores of that frame.

    Args:
        found: N sequences; their frame scores may change.
        frame: the key frame.
        seen: O detections on it.
        min_iou: mask IoU from which a detection is covered.
    """
    if not len(found) or not len(seen):
        return seen
    best = mask_iou(seen.masks.cpu(), found.masks.frame(frame)).max(dim=1)
    covered = best.values >= min_iou
    for row in covered.nonzero()[:, 0].tolist():
        detection = seen.class_scores[row].cpu()
        scores = found.frame_scores[int(best.indices[row]), frame]
        if not scores[1:].max() >= detection[1:].max():  # NaN, too, gives way
            scores.copy_(detection)
    return select(seen, (~covered).nonzero()[:, 0])
