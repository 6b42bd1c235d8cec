"""The composition root: video, settings and parts come together here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from propose_reduce.api.model import Model, choose_precision
from propose_reduce.api.options import Options
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.paradigm.pipeline import Progress, propose_sequences, reduce_sequences
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.reduce import Kept
from propose_reduce.paradigm.report import report
from propose_reduce.parts.seq_mask_rcnn import SeqMaskRCNNPart
from propose_reduce.protocols import Propagator, Proposer, Scorer
from propose_reduce.results import VideoResult
from propose_reduce.settings import InferenceSettings, ModelSettings, Preset
from propose_reduce.structures import Clip, InstanceSequence, fitted_size
from propose_reduce.video import Video, open_video, select


@dataclass(frozen=True, slots=True, eq=False)
class Doors:
    """The three parts at work on one clip."""

    proposer: Proposer
    propagator: Propagator
    scorer: Scorer


@dataclass(frozen=True, slots=True, eq=False)
class Segmented:
    """One video's outcome.

    Attributes:
        result: one sequence for each object.
        proposals: all sequences before they were reduced, if asked for.
    """

    result: VideoResult
    proposals: VideoResult | None


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A model, or parts of one's own, with how to run it on any video.

    Attributes:
        model: gives every part that is not given; may be None when all three are.
        options: how to run it.
        proposer: in place of the model's, and so on.
        propagator: follows masks.
        scorer: names masks.

    Raises:
        InputError: a part is missing, or an option is unknown or faulty.
    """

    model: Model | None = None
    options: Options = field(default_factory=Options)
    proposer: Proposer | None = None
    propagator: Propagator | None = None
    scorer: Scorer | None = None

    def __post_init__(self) -> None:
        missing = [name for name, part in self._given().items() if part is None]
        if self.model is None and missing:
            raise InputError(f"without a model a {missing[0]} must be given")
        for name in self.options.classes:
            if name not in self.categories:
                raise unknown_name("class", name, self.categories)
        self.settings()  # so that a faulty option shows before a video is opened

    @property
    def categories(self) -> tuple[str, ...]:
        """Return the foreground classes, in the order of the class score columns."""
        if self.proposer is not None:
            return self.proposer.categories
        return () if self.model is None else self.model.categories

    def settings(self) -> dict[str, Any]:
        """Return all that a result depends on besides the video, as plain JSON values."""
        chosen = self._resolve()
        told: dict[str, Any] = {
            "input": {
                "long_side": chosen.model.long_side,
                "short_side": chosen.model.short_side,
            },
            "inference": chosen.inference.model_dump(mode="json"),
            **self.options.model_dump(mode="json", include={"classes", "start", "end", "every"}),
        }
        if self.model is not None:
            told["weights"] = {"name": self.model.name, "sha256": self.model.sha256}
            told["precision"] = str(self._precision()).removeprefix("torch.")
        own = {name: type(part).__name__ for name, part in self._given().items() if part}
        return {**told, "parts": own} if own else told

    def open(self, source: str | Path | np.ndarray) -> Video:
        """Open a video and take the part of it that the options ask for.

        Raises:
            InputError: see ``open_video``; nothing of it is left.
        """
        asked = self.options
        video = open_video(source)
        return select(video, start=asked.start, end=asked.end, every=asked.every)

    def __call__(
        self, video: Video, *, progress: Progress | None = None, keep_proposals: bool = False
    ) -> Segmented:
        """Segment one video.

        Args:
            video: what ``open`` returned.
            progress: told about each step (see ``segment_clip``).
            keep_proposals: return the sequences before they are reduced too.

        Raises:
            InputError: a part breaks its contract, or the GPU's memory is too small.
        """
        chosen = self._resolve()
        size = fitted_size(
            video.size, long_side=chosen.model.long_side, short_side=chosen.model.short_side
        )
        clip = Clip(video.frames, size, video.size)
        try:
            with self._open(clip, chosen.inference) as doors:
                proposals = propose_sequences(
                    clip,
                    doors.proposer,
                    doors.propagator,
                    doors.scorer,
                    chosen.inference,
                    progress=progress,
                )
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise InputError(
                f"out of GPU memory on '{video.name}' at {size[1]} x {size[0]}: lower max-objects "
                "or key-frames, or set inference.propagate.batch_objects or model.long_side lower"
            ) from error
        sequences = reduce_sequences(
            _restricted(proposals, self.options.classes),
            video.size,
            chosen.inference.reduce,
            progress=progress,
        )
        return Segmented(
            self._result(video, sequences),
            self._result(video, _unreduced(proposals, video)) if keep_proposals else None,
        )

    def _given(self) -> dict[str, object]:
        return {
            "proposer": self.proposer,
            "propagator": self.propagator,
            "scorer": self.scorer,
        }

    def _resolve(self) -> Preset:
        if self.model is None:
            return self.options.resolve(ModelSettings(), InferenceSettings())
        weights = self.model.weights
        return self.options.resolve(weights.settings, weights.inference)

    def _precision(self) -> torch.dtype:
        device = torch.device("cpu") if self.model is None else self.model.device
        return choose_precision(self.options.precision, device)

    @contextmanager
    def _open(self, clip: Clip, inference: InferenceSettings) -> Iterator[Doors]:
        """Give the three parts at work: those given, the model's for the others."""
        if self.proposer and self.propagator and self.scorer:
            yield Doors(self.proposer, self.propagator, self.scorer)
            return
        if self.model is None:
            raise InputError("without a model all three parts must be given")
        part = SeqMaskRCNNPart(
            self.model.weights.network, self.model.categories, inference, self._precision()
        )
        with part.open(clip) as session:
            yield Doors(
                self.proposer or session, self.propagator or session, self.scorer or session
            )

    def _result(self, video: Video, sequences: list[InstanceSequence]) -> VideoResult:
        return VideoResult(
            name=video.name,
            size=video.size,
            num_frames=len(video.frames),
            categories=dict(enumerate(self.categories, start=1)),
            sequences=tuple(sequences),
            fps=video.fps,
            timestamps=video.timestamps,
            settings=self.settings(),
        )


def _restricted(proposals: Proposals, classes: tuple[str, ...]) -> Proposals:
    """Return the proposals with the score columns of some classes only; with all for none."""
    if not classes:
        return proposals
    chosen = [i for i, name in enumerate(proposals.categories) if name in classes]
    columns = [0, *(i + 1 for i in chosen)]  # column 0 is background
    return replace(
        proposals,
        categories=tuple(proposals.categories[i] for i in chosen),
        frame_scores=proposals.frame_scores[..., columns],
    )


def _unreduced(proposals: Proposals, video: Video) -> list[InstanceSequence]:
    """Return every proposal as a sequence with all its class scores, best first."""
    scores = proposals.class_scores[:, 1:]
    order = scores.amax(dim=1).argsort(descending=True, stable=True).tolist()
    sequences = []
    for number, index in enumerate(order, start=1):
        ranked = scores[index].argsort(descending=True, stable=True).tolist()
        kept = Kept(index, {category: float(scores[index, category]) for category in ranked})
        sequences.append(report(proposals, kept, video.size, number))
    return sequences
