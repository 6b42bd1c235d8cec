"""The composition root: video, settings and components come together here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch

from propose_reduce.api.components import ChosenComponents, by_role, choose, request_for
from propose_reduce.api.model import Model, choose_device, choose_precision
from propose_reduce.api.options import Options
from propose_reduce.errors import ResourceError, unknown_name
from propose_reduce.paradigm.pipeline import find_sequences, reduce_sequences
from propose_reduce.paradigm.proposals import Proposals, to_sequence
from propose_reduce.paradigm.reduce import KeptSequence
from propose_reduce.paradigm.windows import JoinedSequences
from propose_reduce.protocols import Progress, Propagator, Proposer, Scorer
from propose_reduce.results import VideoResult
from propose_reduce.settings import Preset
from propose_reduce.structures import Clip, InstanceSequence, fitted_size
from propose_reduce.video import Video, open_video, select


@dataclass(frozen=True, slots=True, eq=False)
class SegmentationOutput:
    """What segmenting one video gives.

    Attributes:
        result: one sequence for each object.
        proposals: all sequences before they were reduced, if asked for.
        warnings: what the components found that the user should know.
    """

    result: VideoResult
    proposals: VideoResult | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A model, or other components, with how to run it on any video.

    Attributes:
        model: gives every component that nothing else gives; may be None where none is left.
        options: how to run it.
        proposer: a component of one's own or a component's name (docs/components.md), in place
            of the preset's and the model's; likewise the others.
        propagator: follows masks.
        scorer: names masks.

    Raises:
        InputError: a component is missing or cannot be had, or an option is unknown or faulty.
    """

    model: Model | None = None
    options: Options = field(default_factory=Options)
    proposer: Proposer | str | None = None
    propagator: Propagator | str | None = None
    scorer: Scorer | str | None = None

    def __post_init__(self) -> None:
        self._check_classes(self._components.categories)

    @cached_property
    def _chosen(self) -> Preset:
        if self.model is None:
            return self.options.resolve()
        return self.options.resolve(self.model.weights.settings, self.model.weights.inference)

    @cached_property
    def _components(self) -> ChosenComponents:
        given = by_role(self.proposer, self.propagator, self.scorer)
        request = request_for(self._chosen, self._device, self._precision)
        return ChosenComponents(choose(given, self._chosen), self.model, request)

    @property
    def _device(self) -> torch.device:
        return choose_device(self.options.device) if self.model is None else self.model.device

    @property
    def _precision(self) -> torch.dtype:
        return choose_precision(self.options.precision, self._device)

    def settings(self) -> dict[str, Any]:
        """Return all that a result depends on besides the video, as plain JSON values."""
        chosen = self._chosen
        values: dict[str, Any] = {
            "input": {
                "long_side": chosen.model.long_side,
                "short_side": chosen.model.short_side,
            },
            "inference": chosen.inference.model_dump(mode="json"),
            **self.options.model_dump(mode="json", include={"classes", "start", "end", "every"}),
        }
        if self.model is not None:
            values["weights"] = {"name": self.model.name, "sha256": self.model.sha256}
        own = self._components.names
        if self.model is not None or any(":" in str(name) for name in own.values()):
            values["precision"] = str(self._precision).removeprefix("torch.")
        return {**values, "components": own} if own else values

    def open(self, source: Any) -> Video:
        """Open a video and take the part of it that the options ask for.

        Raises:
            InputError: see ``open_video``; nothing of it is left.
        """
        options = self.options
        video = open_video(source)
        return select(video, start=options.start, end=options.end, every=options.every)

    def __call__(
        self, video: Video, *, progress: Progress | None = None, keep_proposals: bool = False
    ) -> SegmentationOutput:
        """Segment one video.

        Args:
            video: what ``open`` returned.
            progress: called with each step (see ``segment_clip``).
            keep_proposals: return the sequences before they are reduced too.

        Raises:
            ContractError: a component breaks its contract.
            ResourceError: the GPU's memory is too small.
        """
        chosen = self._chosen
        size = fitted_size(
            video.size, long_side=chosen.model.long_side, short_side=chosen.model.short_side
        )
        clip = Clip(video.frames, size, video.size)
        length, cut = len(video.frames), chosen.inference.windows
        min_score = chosen.inference.reduce.min_reported_score
        notes: list[str] = []
        joined = JoinedSequences(length, cut, min_score=min_score)
        unreduced = JoinedSequences(length, cut)
        try:
            with self._components.open(clip, video, notes.append) as components:
                categories = components.proposer.categories
                self._check_classes(categories)
                found = find_sequences(
                    clip,
                    components.proposer,
                    components.propagator,
                    components.scorer,
                    chosen.inference,
                    progress=progress,
                )
                for window in found:
                    reduced = reduce_sequences(
                        _restricted(window.proposals, self.options.classes),
                        video.size,
                        chosen.inference.reduce,
                        progress=progress,
                    )
                    joined.add(window.frames, reduced)
                    if keep_proposals:
                        every = _unreduced(window.proposals, video)
                        unreduced.add(window.frames, every, join=False)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise ResourceError(
                f"out of GPU memory on '{video.name}' at {size[1]} x {size[0]}: lower max-objects "
                "or key-frames, or set inference.propagate.batch_objects or model.long_side lower"
            ) from error
        return SegmentationOutput(
            self._result(video, categories, joined.sequences),
            self._result(video, categories, unreduced.sequences) if keep_proposals else None,
            tuple(notes),
        )

    def _check_classes(self, categories: tuple[str, ...] | None) -> None:
        """Raise InputError where a class is asked for that is none, if they are known yet."""
        for name in self.options.classes if categories is not None else ():
            if name not in (categories or ()):
                raise unknown_name("class", name, categories or ())

    def _result(
        self, video: Video, categories: tuple[str, ...], sequences: list[InstanceSequence]
    ) -> VideoResult:
        return VideoResult(
            name=video.name,
            size=video.size,
            num_frames=len(video.frames),
            categories=dict(enumerate(categories, start=1)),
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
        kept = KeptSequence(
            index, {category: float(scores[index, category]) for category in ranked}
        )
        sequences.append(to_sequence(proposals, kept, video.size, number))
    return sequences
