"""Propose-Reduce: video instance segmentation without linking frames or clips.

Propose on K key frames, follow every proposal through the whole video, score the K x O complete
sequences, keep one for each object (paper, section 3; supplementary, section 4).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from propose_reduce.errors import InputError
from propose_reduce.paradigm.clip_match import clip_match
from propose_reduce.paradigm.compose import compose, vote
from propose_reduce.paradigm.proposals import Proposals, to_sequence
from propose_reduce.paradigm.propose import propose, remembering
from propose_reduce.paradigm.reduce import reduce
from propose_reduce.paradigm.sequences import SequenceBuilder
from propose_reduce.paradigm.track_by_detect import track_by_detect
from propose_reduce.paradigm.windows import (
    JoinedSequences,
    progress_of_window,
    window_of,
    windows,
)
from propose_reduce.protocols import Progress, Propagator, Proposer, Scorer
from propose_reduce.settings import InferenceSettings, ReduceSettings
from propose_reduce.stages import OUTPUT, REDUCTION, stage
from propose_reduce.structures import Clip, InstanceSequence, Size, padded_size


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The sequences of one window of a video, before they are reduced.

    Attributes:
        frames: what the window covers.
        proposals: its sequences, in frames of the window.
    """

    frames: range
    proposals: Proposals


def working_clip(clip: Clip, settings: InferenceSettings) -> Clip:
    """Return a clip with the working size that the settings ask for (``propagate.padding``)."""
    if settings.propagate.padding == "image" or clip.image_size is not None:
        return clip
    canvas = padded_size(clip.working_size)
    return replace(clip, working_size=canvas, image_size=clip.working_size)


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
        progress: called with each step.

    Raises:
        InputError: a component is missing.
        ContractError: one breaks its contract (see protocols.py).
    """
    reduced = ReducedSequences(clip, settings, progress=progress)
    find_windows(clip, proposer, propagator, scorer, settings, [reduced.add], progress=progress)
    return reduced.sequences


def find_windows(
    clip: Clip,
    proposer: Proposer | None,
    propagator: Propagator | None,
    scorer: Scorer | None,
    settings: InferenceSettings,
    takers: Sequence[Callable[[Window], None]],
    *,
    progress: Progress | None = None,
) -> None:
    """Find the scored sequences of each window of a clip, by the paradigm set.

    Args:
        clip: the video; one frame is enough.
        proposer: finds objects on the key frames.
        propagator: follows them, in both directions; None where the paradigm needs none.
        scorer: names what their masks show; likewise.
        settings: of each stage.
        takers: called with each window, in order; it is not held once all have taken it.
        progress: called with each step.

    Raises:
        InputError: a component is missing.
        ContractError: one breaks its contract (see protocols.py).
    """
    given = {"proposer": proposer, "propagator": propagator, "scorer": scorer}
    missing = [role for role in components_needed(settings) if given[role] is None]
    if proposer is None or missing:
        raise InputError(f"the paradigm '{settings.paradigm}' needs a {missing[0]}")
    proposer = remembering(proposer)
    cut = windows(len(clip.frames), settings.windows)
    for number, frames in enumerate(cut):
        part, report = window_of(clip, frames), progress_of_window(progress, number, len(cut))
        if propagator is None or scorer is None or settings.paradigm == "track-by-detect":
            proposals = track_by_detect(part, proposer, settings, progress=report)
        elif settings.paradigm == "clip-match":
            proposals = clip_match(part, proposer, propagator, scorer, settings, progress=report)
        else:
            builder = SequenceBuilder(part, proposer, propagator, scorer, settings, report)
            for key_frames in builder.rounds:
                for frame in key_frames:
                    builder.add(frame, propose(part, proposer, frame, settings.propose))
                builder.follow()
            proposals = builder.proposals
            del builder
        window = Window(frames, proposals)
        for take in takers:
            take(window)
        del proposals, window  # the next one needs the memory


def components_needed(settings: InferenceSettings) -> tuple[str, ...]:
    """Return the roles that the paradigm needs a component for."""
    if settings.paradigm == "track-by-detect":
        return ("proposer",)
    return ("proposer", "propagator", "scorer")


class ReducedSequences:
    """The sequences of a clip, one for each object: each window reduced, neighbours joined.

    Args:
        clip: the whole video.
        settings: how to reduce and join.
        classes: the categories whose scores count; all for none.
        progress: called with each sequence of a window, as stage "report".
    """

    def __init__(
        self,
        clip: Clip,
        settings: InferenceSettings,
        *,
        classes: tuple[str, ...] = (),
        progress: Progress | None = None,
    ) -> None:
        self._size, self._settings, self._classes = clip.original_size, settings.reduce, classes
        self._progress = progress
        min_score = settings.reduce.min_reported_score
        self._joined = JoinedSequences(len(clip.frames), settings.windows, min_score=min_score)

    def add(self, window: Window) -> None:
        """Reduce the next window, and join it to the last one."""
        self._joined.add(
            window.frames,
            reduce_sequences(
                window.proposals.of_classes(self._classes),
                self._size,
                self._settings,
                progress=self._progress,
            ),
        )

    @property
    def sequences(self) -> list[InstanceSequence]:
        """All sequences so far in frames of the video, by falling score."""
        return self._joined.sequences


def reduce_sequences(
    proposals: Proposals,
    size: Size,
    settings: ReduceSettings,
    *,
    progress: Progress | None = None,
) -> list[InstanceSequence]:
    """Return one sequence for each object, in pixels of the video's own size (height, width).

    Settings and progress are those of ``ReducedSequences``.
    """
    with stage(REDUCTION):
        if settings.kind == "compose":
            proposals = compose(proposals, min_iou=settings.compose_iou)
        kept = reduce(proposals.class_scores, proposals.iou, settings)
        if settings.kind == "hard" and settings.vote:
            proposals, kept = vote(proposals, kept, threshold=settings.iou)
    sequences = []
    with stage(OUTPUT):
        for number, item in enumerate(kept, start=1):
            sequences.append(to_sequence(proposals, item, size, number))
            if progress is not None:
                progress("report", number, len(kept))
    return sequences
