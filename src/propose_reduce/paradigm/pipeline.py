"""Propose-Reduce: video instance segmentation without linking frames or clips.

Propose on K key frames, follow every proposal through the whole video, score the K x O complete
sequences, keep one for each object (paper, section 3; supplementary, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from propose_reduce.errors import InputError
from propose_reduce.paradigm.compose import compose
from propose_reduce.paradigm.detections import remembering
from propose_reduce.paradigm.proposals import Proposals, to_sequence
from propose_reduce.paradigm.reduce import reduce
from propose_reduce.paradigm.sequences import propose_sequences
from propose_reduce.paradigm.track_by_detect import track_by_detect
from propose_reduce.paradigm.vote import vote
from propose_reduce.paradigm.windows import JoinedSequences, window_of, windows
from propose_reduce.protocols import Progress, Propagator, Proposer, Scorer
from propose_reduce.settings import InferenceSettings, ReduceSettings
from propose_reduce.structures import Clip, InstanceSequence, Size


def segment_clip(
    clip: Clip,
    proposer: Proposer,
    propagator: Propagator | None,
    scorer: Scorer | None,
    settings: InferenceSettings,
    *,
    progress: Progress | None = None,
) -> list[InstanceSequence]:
    """Return every object of a clip as one complete sequence, best first, ids from 1.

    Args:
        clip: the video; one frame is enough.
        proposer: finds objects on the key frames.
        propagator: follows them, in both directions; None where the paradigm needs none.
        scorer: names what their masks show; likewise.
        settings: of each stage.
        progress: told about each step.

    Raises:
        InputError: a component is missing.
        ContractError: one breaks its contract (see protocols.py).
    """
    joined = JoinedSequences(
        len(clip.frames), settings.windows, min_score=settings.reduce.min_reported_score
    )
    for window in find_sequences(clip, proposer, propagator, scorer, settings, progress=progress):
        joined.add(
            window.frames,
            reduce_sequences(
                window.proposals, clip.original_size, settings.reduce, progress=progress
            ),
        )
    return joined.sequences


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The sequences of one window of a video, before they are reduced.

    Attributes:
        frames: what the window covers.
        proposals: its sequences, in frames of the window.
    """

    frames: range
    proposals: Proposals


def find_sequences(
    clip: Clip,
    proposer: Proposer,
    propagator: Propagator | None,
    scorer: Scorer | None,
    settings: InferenceSettings,
    *,
    progress: Progress | None = None,
) -> Iterator[Window]:
    """Yield the scored sequences of each window of a clip, by the paradigm set.

    Args and errors are those of ``segment_clip``. What was yielded is not held.
    """
    needed = {"propagator": propagator, "scorer": scorer}
    for name in components_needed(settings)[1:]:
        if needed[name] is None:
            raise InputError(f"the paradigm '{settings.paradigm}' needs a {name}")
    proposer = remembering(proposer)
    cut = windows(len(clip.frames), settings.windows)
    for number, frames in enumerate(cut):
        window_progress = _progress_of_window(progress, number, len(cut))
        window = window_of(clip, frames)
        if propagator is None or scorer is None or settings.paradigm == "track-by-detect":
            yield Window(
                frames, track_by_detect(window, proposer, settings, progress=window_progress)
            )
        else:
            yield Window(
                frames,
                propose_sequences(
                    window, proposer, propagator, scorer, settings, progress=window_progress
                ),
            )


def components_needed(settings: InferenceSettings) -> tuple[str, ...]:
    """Return the roles that the paradigm needs a component for."""
    if settings.paradigm == "track-by-detect":
        return ("proposer",)
    return ("proposer", "propagator", "scorer")


def reduce_sequences(
    proposals: Proposals, size: Size, settings: ReduceSettings, *, progress: Progress | None = None
) -> list[InstanceSequence]:
    """Return one sequence for each object, in pixels of the video's own size (height, width)."""
    sequences = []
    if settings.kind == "compose":
        proposals = compose(proposals, min_iou=settings.compose_iou)
    kept = reduce(proposals.class_scores, proposals.iou, settings)
    if settings.kind == "hard" and settings.vote:
        proposals, kept = vote(proposals, kept, threshold=settings.iou)
    for number, item in enumerate(kept, start=1):
        sequences.append(to_sequence(proposals, item, size, number))
        if progress is not None:
            progress("report", number, len(kept))
    return sequences


def _progress_of_window(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return the callback for one of ``count`` windows as a part of the whole."""
    if progress is None or count == 1:
        return progress
    return lambda stage, done, total: progress(stage, number * total + done, count * total)
