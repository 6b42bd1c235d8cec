"""Propose-Reduce: video instance segmentation without linking frames or clips.

Propose on K key frames, follow every proposal through the whole video, score the K x O complete
sequences, keep one for each object (paper, section 3; supplementary, section 4).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import TypeAlias

import torch

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.propagate import propagate
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.propose import key_frames, propose
from propose_reduce.paradigm.reduce import reduce
from propose_reduce.paradigm.report import report
from propose_reduce.paradigm.score import score_frame
from propose_reduce.protocols import Propagator, Proposer, Scorer
from propose_reduce.settings import InferenceSettings, ReduceSettings
from propose_reduce.structures import Clip, Detections, InstanceSequence, Seed, Size

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with a stage ("propose", "propagate", "report"), steps done, and steps in all."""


def segment_clip(
    clip: Clip,
    proposer: Proposer,
    propagator: Propagator,
    scorer: Scorer,
    settings: InferenceSettings,
    *,
    progress: Progress | None = None,
) -> list[InstanceSequence]:
    """Return every object of a clip as one complete sequence, best first, ids from 1.

    Args:
        clip: the video; one frame is enough.
        proposer: finds objects on the key frames.
        propagator: follows them, in both directions.
        scorer: names what their masks show.
        settings: of each stage.
        progress: told about each step; of the propagation a step is one seed on one frame.

    Raises:
        InputError: one of the parts breaks its contract (see protocols.py).
    """
    proposals = propose_sequences(clip, proposer, propagator, scorer, settings, progress=progress)
    return reduce_sequences(proposals, clip.original_size, settings.reduce, progress=progress)


def propose_sequences(
    clip: Clip,
    proposer: Proposer,
    propagator: Propagator,
    scorer: Scorer,
    settings: InferenceSettings,
    *,
    progress: Progress | None = None,
) -> Proposals:
    """Return the complete, scored sequences of all key frames, before they are reduced."""
    frames = key_frames(len(clip.frames), settings.propose.key_frames)
    seen: dict[int, Detections] = {}
    for done, frame in enumerate(frames, start=1):
        detections = propose(clip, proposer, frame, settings.propose)
        if len(detections):
            seen[frame] = detections
        _tell(progress, "propose", done, len(frames))

    seeds = [Seed(frame, detections.masks) for frame, detections in seen.items()]
    origins = list(seen.values())
    firsts = [0, *accumulate(len(detections) for detections in origins)]
    shape = (firsts[-1], len(clip.frames), len(proposer.categories) + 1)
    masks = PackedMasks(*shape[:2], clip.working_size)
    frame_scores = torch.full(shape, torch.nan)
    for done, found in enumerate(propagate(clip, propagator, seeds), start=1):
        first, end = firsts[found.seed : found.seed + 2]
        masks.put(found.frame, found.masks, first)
        frame_scores[first:end, found.frame] = score_frame(
            clip, scorer, found.frame, found.masks, origins[found.seed]
        )
        _tell(progress, "propagate", done, len(seeds) * len(clip.frames))
    started = tuple(frame for frame, detections in seen.items() for _ in range(len(detections)))
    return Proposals(proposer.categories, started, masks, frame_scores)


def reduce_sequences(
    proposals: Proposals, size: Size, settings: ReduceSettings, *, progress: Progress | None = None
) -> list[InstanceSequence]:
    """Return one sequence for each object, in pixels of the video's own size (height, width)."""
    sequences = []
    kept = reduce(proposals.class_scores, proposals.iou, settings)
    for number, one in enumerate(kept, start=1):
        sequences.append(report(proposals, one, size, number))
        _tell(progress, "report", number, len(kept))
    return sequences


def _tell(progress: Progress | None, stage: str, done: int, total: int) -> None:
    if progress is not None:
        progress(stage, done, total)
