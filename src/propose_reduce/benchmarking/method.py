"""This package's own way through the work, stage by stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from propose_reduce.benchmarking.stopwatch import Stopwatch
from propose_reduce.benchmarking.workload import (
    ASIDE,
    DETECTION,
    OUTPUT,
    PROPAGATION,
    SCORING,
    Workload,
)
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent, Session
from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.pipeline import ReducedSequences, find_windows
from propose_reduce.protocols import Corrector
from propose_reduce.results import VideoResult
from propose_reduce.structures import Clip, Detections, FrameMasks, Seed


class RunMethod(Protocol):
    """The work of a method, done once."""

    def __call__(
        self, work: Workload, precision: torch.dtype, watch: Stopwatch, folder: Path
    ) -> PackedMasks:
        """Do the work, result.json in the folder included.

        Args:
            work: what is to be done.
            precision: what the network computes in.
            watch: has a stage open, and gets those of ``STAGES``.
            folder: for the result.

        Returns:
            The propagated masks of the K x O sequences.
        """


def propose_reduce(
    work: Workload, precision: torch.dtype, watch: Stopwatch, folder: Path
) -> PackedMasks:
    """Do the work as ``propose_reduce.segment`` does it (see ``RunMethod``)."""
    own = SeqMaskRCNNComponent(
        work.network, work.model.settings.categories, work.inference, precision
    )
    with work.opened(watch) as clip:
        reduced = ReducedSequences(clip, work.inference, stage=watch.stage)
        with own.open(clip) as session:
            timed = _TimedComponents(session, work, watch)
            find_windows(clip, timed, timed, timed, work.inference, [reduced.add])
        write(reduced, work, watch, folder)
    return timed.followed


def write(reduced: ReducedSequences, work: Workload, watch: Stopwatch, folder: Path) -> None:
    """Join what was reduced and write the result: the last stage, the same for every method."""
    with watch.stage(OUTPUT):
        VideoResult(
            name=work.video.stem,
            size=work.scene.size,
            num_frames=work.scene.length,
            categories=dict(enumerate(work.model.settings.categories, start=1)),
            sequences=tuple(reduced.sequences),
        ).save(folder)


@dataclass
class _TimedComponents:
    """A session's components, timed; the scene's masks take the place of its own between them.

    What the network detects and propagates is computed and timed. But the masks that go on are
    the given ones, so that later stages have the same work whatever the weights are.
    """

    session: Session
    work: Workload
    watch: Stopwatch

    def __post_init__(self) -> None:
        self.categories = self.session.categories
        scene = self.work.scene
        sequences = len(self.work.key_frames) * scene.objects
        self.followed = PackedMasks(sequences, scene.length, scene.size)
        self._started = 0

    def propose(self, clip: Clip, frame: int) -> Detections:
        with self.watch.stage(DETECTION):
            self.session.propose(clip, frame)
        return Detections(self.work.masks[clip.start + frame], self.work.class_scores)

    def propagate(
        self, clip: Clip, seeds: Sequence[Seed], *, corrector: Corrector | None = None
    ) -> Iterator[FrameMasks]:
        objects = self.work.scene.objects
        first, self._started = self._started, self._started + len(seeds) * objects
        carried = self.session.propagate(clip, seeds, corrector=corrector)
        for found in self.watch.each(PROPAGATION, carried):
            frame = clip.start + found.frame
            with self.watch.stage(ASIDE):
                self.followed.put(frame, found.masks, first + found.seed * objects)
            yield FrameMasks(found.seed, found.frame, self.work.masks[frame])

    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        with self.watch.stage(SCORING):
            return self.session.score(clip, frame, masks, origins)
