"""This package's own way through the work, with given masks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from propose_reduce.benchmarking.workload import ASIDE, Workload
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent, Session
from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.pipeline import ReducedSequences, find_windows
from propose_reduce.protocols import Corrector
from propose_reduce.results import VideoResult
from propose_reduce.stages import OUTPUT, stage
from propose_reduce.structures import Clip, Detections, FrameMasks, Seed


class RunMethod(Protocol):
    """The work of a method, done once."""

    def __call__(self, work: Workload, precision: torch.dtype, folder: Path) -> PackedMasks:
        """Do the work, result.json in the folder included, in the stages of ``STAGES``.

        Args:
            work: what is to be done.
            precision: what the network computes in.
            folder: for the result.

        Returns:
            The propagated masks of the K x O sequences.
        """


def propose_reduce(work: Workload, precision: torch.dtype, folder: Path) -> PackedMasks:
    """Do the work as ``propose_reduce.segment`` does it (see ``RunMethod``)."""
    own = SeqMaskRCNNComponent(
        work.network, work.model.settings.categories, work.inference, precision
    )
    clip = work.open()
    reduced = ReducedSequences(clip, work.inference)
    with own.open(clip) as session:
        given = _GivenMasks(session, work)
        find_windows(clip, given, given, given, work.inference, [reduced.add])
    finish_and_write(reduced, work, folder)
    return given.followed


def finish_and_write(reduced: ReducedSequences, work: Workload, folder: Path) -> None:
    """Join what was reduced and write the result: the last stage, the same for every method."""
    with stage(OUTPUT):
        VideoResult(
            name=work.video.stem,
            size=work.scene.size,
            num_frames=work.scene.length,
            categories=dict(enumerate(work.model.settings.categories, start=1)),
            sequences=tuple(reduced.sequences),
        ).save(folder)


@dataclass
class _GivenMasks:
    """A session's components; the scene's masks take the place of its own between them.

    What the network detects and propagates is computed. But the masks that go on are the given
    ones, so that later stages have the same work whatever the weights are.
    """

    session: Session
    work: Workload

    def __post_init__(self) -> None:
        self.categories = self.session.categories
        scene = self.work.scene
        sequences = len(self.work.key_frames) * scene.objects
        self.followed = PackedMasks(sequences, scene.length, scene.size)
        self._started = 0

    def propose(self, clip: Clip, frame: int) -> Detections:
        self.session.propose(clip, frame)
        return Detections(self.work.masks[clip.start + frame], self.work.class_scores)

    def propagate(
        self, clip: Clip, seeds: Sequence[Seed], *, corrector: Corrector | None = None
    ) -> Iterator[FrameMasks]:
        objects = self.work.scene.objects
        first, self._started = self._started, self._started + len(seeds) * objects
        for found in self.session.propagate(clip, seeds, corrector=corrector):
            frame = clip.start + found.frame
            with stage(ASIDE):
                self.followed.put(frame, found.masks, first + found.seed * objects)
            yield FrameMasks(found.seed, found.frame, self.work.masks[frame])

    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        return self.session.score(clip, frame, masks, origins)
