"""Propose, propagate, score: from the key frames of a clip to complete sequences.

Every key frame starts sequences of its own, and all of them travel together. With ``skip_covered``
key frames come one after the other, and a detection that a sequence from an earlier one already
covers starts none: less to propagate, at the risk that the earlier sequence is the worse one.

Letters: O detections of a key frame, N sequences so far, T frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import accumulate

import torch

from propose_reduce.masks import PackedMasks, mask_iou
from propose_reduce.paradigm.correction import DetectionCorrector
from propose_reduce.paradigm.propagate import propagate
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.propose import key_frames, propose, select
from propose_reduce.paradigm.score import score_frame
from propose_reduce.protocols import Progress, Propagator, Proposer, Scorer
from propose_reduce.settings import InferenceSettings, PropagateSettings
from propose_reduce.structures import Clip, Detections, Seed


def propose_sequences(
    clip: Clip,
    proposer: Proposer,
    propagator: Propagator,
    scorer: Scorer,
    settings: InferenceSettings,
    *,
    progress: Progress | None = None,
) -> Proposals:
    """Return the complete, scored sequences of all key frames, before they are reduced.

    Args:
        clip: the video, or a window of it.
        proposer: finds objects on the key frames.
        propagator: follows them, in both directions.
        scorer: names what their masks show.
        settings: of each stage.
        progress: told about each step; of the propagation a step is one seed on one frame.

    Raises:
        ContractError: one of the components breaks its contract (see protocols.py).
    """
    frames = key_frames(len(clip.frames), settings.propose.key_frames)
    follow = partial(_follow, clip, proposer, propagator, scorer, settings.propagate)
    if not settings.propose.skip_covered:
        seen = {}
        for done, frame in enumerate(frames, start=1):
            seen[frame] = propose(clip, proposer, frame, settings.propose)
            _report(progress, "propose", done, len(frames))
        steps = len(clip.frames) * sum(len(found) > 0 for found in seen.values())
        return follow(seen, progress, 0, steps)
    found = follow({}, None, 0, 0)
    for round_, frame in enumerate(frames):
        seen_now = propose(clip, proposer, frame, settings.propose)
        new = _uncovered(found, frame, seen_now, settings.propose.covered_iou)
        done, steps = round_ * len(clip.frames), len(frames) * len(clip.frames)
        found = Proposals.joined([found, follow({frame: new}, progress, done, steps)])
        _report(progress, "propagate", done + len(clip.frames), steps)
    return found


def _follow(
    clip: Clip,
    proposer: Proposer,
    propagator: Propagator,
    scorer: Scorer,
    settings: PropagateSettings,
    detections: Mapping[int, Detections],
    progress: Progress | None,
    done: int,
    steps: int,
) -> Proposals:
    """Return the sequences that detections on some key frames start."""
    seen = {frame: found for frame, found in detections.items() if len(found)}
    seeds = [Seed(frame, found.masks) for frame, found in seen.items()]
    origins = list(seen.values())
    firsts = [0, *accumulate(len(found) for found in origins)]
    shape = (firsts[-1], len(clip.frames), len(proposer.categories) + 1)
    masks = PackedMasks(*shape[:2], clip.working_size)
    frame_scores = torch.full(shape, torch.nan)
    corrector = None
    if settings.correct == "detections":
        corrector = DetectionCorrector(clip, proposer, origins, settings)
    carried = propagate(clip, propagator, seeds, corrector=corrector)
    for step, found in enumerate(carried, start=done + 1):
        first, end = firsts[found.seed : found.seed + 2]
        masks.put(found.frame, found.masks, first)
        frame_scores[first:end, found.frame] = score_frame(
            clip, scorer, found.frame, found.masks, origins[found.seed], found.presence
        )
        _report(progress, "propagate", step, steps)
    started = tuple(frame for frame, found in seen.items() for _ in range(len(found)))
    return Proposals(proposer.categories, started, masks, frame_scores)


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


def _report(progress: Progress | None, stage: str, done: int, total: int) -> None:
    if progress is not None:
        progress(stage, done, total)
