"""Segmenting a video: model, components, options and video come together here."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import torch

from propose_reduce.api.components import ChosenComponents, LoadedComponents, request_for
from propose_reduce.api.model import (
    Model,
    choose_device,
    choose_precision,
    compile_model,
    default_model,
    load,
)
from propose_reduce.components.given_masks import GivenMasks, ObjectSource
from propose_reduce.components.given_prompts import GivenPrompts
from propose_reduce.errors import InputError, ResourceError, unknown_name
from propose_reduce.paradigm.given import follow
from propose_reduce.paradigm.pipeline import ReducedSequences, Window, find_windows, working_clip
from propose_reduce.paradigm.proposals import to_sequence
from propose_reduce.paradigm.reduce import KeptSequence
from propose_reduce.paradigm.windows import JoinedSequences
from propose_reduce.protocols import MaskMaker, Progress, Propagator, Proposer, Scorer
from propose_reduce.results import GIVEN, VideoResult
from propose_reduce.settings import InferenceSettings, Preset, validate
from propose_reduce.settings.options import Options, OptionValues, with_option_texts
from propose_reduce.structures import Clip, InstanceSequence, Prompt, fitted_size
from propose_reduce.video import Video, open_video, select_frames

MOST_NAMED = 12
"""Categories that a run's first line names; of more it says how many there are."""


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

    Networks of named components are loaded by ``load``, or else with the first video.

    Attributes:
        model: gives every component that nothing else gives; may be None where none is left.
        options: how to run it.
        proposer: a component of one's own or a component's name (docs/components.md), in place
            of the preset's and the model's; likewise the others.
        propagator: follows masks.
        scorer: names masks.
        given: the objects to follow, in place of what a proposer would find.
    """

    model: Model | None = None
    options: Options = field(default_factory=Options)
    proposer: Proposer | str | None = None
    propagator: Propagator | str | None = None
    scorer: Scorer | str | None = None
    given: ObjectSource | None = None

    def load(self) -> Segmenter:
        """Load what does not depend on the video, and return the segmenter itself.

        Raises:
            InputError: a component is missing or cannot be had, or an option is unknown or faulty.
        """
        self._check_classes(self._components.categories)
        if self.given is not None:
            self.settings()  # prepares the objects
        return self

    @property
    def categories(self) -> tuple[str, ...] | None:
        """What it looks for, as far as the options narrow it; None: not known before a video."""
        found = self._components.categories
        classes = self.options.classes
        return tuple(name for name in found if name in classes) if found and classes else found

    @property
    def introduction(self) -> str:
        """What networks are at work and what they know, in one line; empty without any."""
        names = self._components.networks
        if not names:
            return ""
        said = ", ".join(names)
        known = self.categories or ()
        if not known:
            return said
        more = f", .. ({len(known)} categories)" if len(known) > MOST_NAMED else ""
        return f"{said}: knows {', '.join(known[:MOST_NAMED])}{more}"

    @cached_property
    def _preset(self) -> Preset:
        if self.model is None:
            return self.options.resolve()
        return self.options.resolve(self.model.weights.settings, self.model.weights.inference)

    @cached_property
    def _chosen(self) -> ChosenComponents:
        return ChosenComponents.of(
            self._preset,
            self.proposer,
            self.propagator,
            self.scorer,
            objects_given=self.given is not None,
        )

    @cached_property
    def _components(self) -> LoadedComponents:
        request = request_for(self._preset, self._device, self._precision)
        return LoadedComponents.load(self._chosen, self.model, request)

    @cached_property
    def _objects(self) -> ObjectSource | None:
        """The given objects, with what it takes to get at them."""
        if self.given is None:
            return None
        return self.given.prepared(self._chosen.propagator, self._components.request)

    @property
    def _device(self) -> torch.device:
        return choose_device(self.options.device) if self.model is None else self.model.device

    @property
    def _precision(self) -> torch.dtype:
        return choose_precision(self.options.precision, self._device)

    def settings(self) -> dict[str, Any]:
        """Return all that a result depends on besides the video, as plain JSON values."""
        preset = self._preset
        values: dict[str, Any] = {
            "input": {
                "long_side": preset.model.long_side,
                "short_side": preset.model.short_side,
            },
            "inference": preset.inference.model_dump(mode="json"),
            **self.options.model_dump(mode="json", include={"classes", "start", "end", "every"}),
        }
        if self._objects is not None:
            values[GIVEN] = self._objects.settings
        if self.model is not None:
            values["weights"] = {"name": self.model.name, "sha256": self.model.sha256}
        own: dict[str, Any] = {**self._chosen.names}
        if preset.components.prompts:
            own["prompts"] = list(preset.components.prompts)
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
        return select_frames(video, start=options.start, end=options.end, every=options.every)

    def __call__(
        self, video: Video, *, progress: Progress | None = None, keep_proposals: bool = False
    ) -> SegmentationOutput:
        """Segment one video.

        Args:
            video: what ``open`` returned.
            progress: called with each step (see ``segment_clip``).
            keep_proposals: return the sequences before they are reduced too.

        Raises:
            InputError: the given objects cannot be had, or proposals are to be kept of them.
            ContractError: a component breaks its contract.
            ResourceError: the GPU's memory is too small.
        """
        preset = self._preset
        size = fitted_size(
            video.size,
            long_side=preset.model.long_side,
            short_side=preset.model.short_side,
            grow=self.model is not None,  # other networks have sizes of their own
        )
        clip = Clip(video.frames, size, video.size)
        notes: list[str] = []
        try:
            if self._objects is not None:
                if keep_proposals:
                    raise InputError(
                        "given objects are followed and not proposed: leave out --keep-proposals"
                    )
                return self._follow(self._objects, clip, video, notes, progress)
            clip = working_clip(clip, preset.inference)
            reduced = ReducedSequences(
                clip, preset.inference, classes=self.options.classes, progress=progress
            )
            unreduced = _Unreduced(clip, preset.inference)
            with self._components.open(clip, video, notes.append) as components:
                categories = components.categories
                self._check_classes(categories)
                find_windows(
                    clip,
                    components.proposer,
                    components.propagator,
                    components.scorer,
                    preset.inference,
                    [reduced.add, unreduced.add] if keep_proposals else [reduced.add],
                    progress=progress,
                )
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise ResourceError(
                f"out of GPU memory on '{video.name}' at {size[1]} x {size[0]}: lower max-objects "
                "or key-frames, or set inference.propagate.batch_objects or model.long_side lower"
            ) from error
        return SegmentationOutput(
            self._result(video, categories, reduced.sequences),
            self._result(video, categories, unreduced.sequences) if keep_proposals else None,
            tuple(notes),
        )

    def _follow(
        self,
        given: ObjectSource,
        clip: Clip,
        video: Video,
        notes: list[str],
        progress: Progress | None,
    ) -> SegmentationOutput:
        """Follow the objects that are given; warnings go into the notes."""
        request = self._components.request_for(video, notes.append)
        objects = given.objects(clip, request)
        categories = tuple(dict.fromkeys(item.category for item in objects))
        self._check_classes(categories)
        wanted = self.options.classes or categories
        sequences: list[InstanceSequence] = []
        with self._components.open(clip, video, notes.append) as components:
            if components.propagator is not None:
                objects = tuple(item for item in objects if item.category in wanted)
                sequences = follow(clip, components.propagator, objects, progress=progress)
        result = self._result(video, categories, sequences)
        return SegmentationOutput(result, None, tuple(notes))

    def _check_classes(self, categories: tuple[str, ...] | None) -> None:
        """Check the classes asked for, and those of the scorer, if the proposer's are known yet.

        Raises:
            InputError: one is asked for that is none, or the scorer has others.
        """
        if categories is None:
            return
        self._components.check_scorer(categories)
        for name in self.options.classes:
            if name not in categories:
                raise unknown_name("class", name, categories)

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


class _Unreduced:
    """Every proposal as a sequence with all its class scores, best first; none are joined."""

    def __init__(self, clip: Clip, settings: InferenceSettings) -> None:
        self._size = clip.original_size
        self._all = JoinedSequences(len(clip.frames), settings.windows)

    def add(self, window: Window) -> None:
        """Take the proposals of the next window."""
        proposals = window.proposals
        scores = proposals.class_scores[:, 1:]
        order = scores.amax(dim=1).argsort(descending=True, stable=True).tolist()
        sequences = []
        for number, index in enumerate(order, start=1):
            ranked = scores[index].argsort(descending=True, stable=True).tolist()
            kept = KeptSequence(index, {column: float(scores[index, column]) for column in ranked})
            sequences.append(to_sequence(proposals, kept, self._size, number))
        self._all.add(window.frames, sequences, join=False)

    @property
    def sequences(self) -> list[InstanceSequence]:
        """All proposals in frames of the video, by falling score."""
        return self._all.sequences


@with_option_texts
def segment(
    video: Any,
    model: Model | str | Path | None = None,
    *,
    proposer: Proposer | str | None = None,
    propagator: Propagator | str | None = None,
    scorer: Scorer | str | None = None,
    given: Any = None,
    given_first: bool = False,
    mask_maker: MaskMaker | str | None = None,
    progress: Progress | None = None,
    **options: Unpack[OptionValues],
) -> VideoResult:
    """Return every object of a video as a labelled, scored mask sequence.

    A damaged video gives what can be read of it, and a Python warning says what is missing.

    Args:
        video: a video file, a folder of images, or frames in memory: an array or tensor
            (T, H, W, 3) or (T, 3, H, W), or a list or generator of pictures (Pillow images too);
            RGB, uint8 or floats of 0 to 1.
        model: what ``load`` returned, or what it takes; where one is needed and none is given
            "real-tiny", or the bundled model of the preset.
        proposer: a component of one's own in place of the model's (see ``protocols.py``), or the
            name of one as on the command line (docs/components.md).
        propagator: likewise.
        scorer: likewise.
        given: masks of the objects to follow, which nothing then proposes: label maps as a folder,
            the file of the first frame, an array (H, W) for the first frame, or arrays by 0-based
            frame; or the path of a JSON file of boxes and points. The sequences carry the maps'
            numbers as ids. ``prompts`` with ``Box`` and ``Point`` give objects too.
        given_first: take each object's first given mask alone.
        mask_maker: makes masks of boxes and points: one of one's own, or the name of one.
        progress: called with a stage ("propose", "propagate", "report"), steps done and all steps.
        **options: as on the command line:
            {options}

    Raises:
        InputError: the video cannot be read, or an option is unknown or faulty.
    """
    prompts = tuple(options.pop("prompts", ()))
    marks = [prompt for prompt in prompts if isinstance(prompt, Prompt)]
    texts = tuple(prompt for prompt in prompts if not isinstance(prompt, Prompt))
    segmenter = prepare(
        model,
        validate(Options, {**options, "prompts": texts}, "segment"),
        proposer,
        propagator,
        scorer,
        given=given_objects(given, marks, first_only=given_first, mask_maker=mask_maker),
    )
    opened = segmenter.open(video)
    for warning in opened.warnings:
        warnings.warn(f"{opened.name}: {warning}", stacklevel=2)
    output = segmenter(opened, progress=progress)
    for warning in output.warnings:
        warnings.warn(f"{opened.name}: {warning}", stacklevel=2)
    return output.result


def prepare(
    model: Model | str | Path | None,
    options: Options,
    proposer: Proposer | str | None = None,
    propagator: Propagator | str | None = None,
    scorer: Scorer | str | None = None,
    *,
    given: ObjectSource | None = None,
) -> Segmenter:
    """Return a segmenter; weights are loaded only where one of the components is the model's.

    Args:
        model: what ``load`` returned, or what it takes; None for the default.
        options: how to run it.
        proposer: a component of one's own, or its name; likewise the others.
        propagator: follows masks.
        scorer: names masks.
        given: the objects to follow, in place of a proposer's.

    Raises:
        InputError: a component or the model cannot be had, an option is faulty, weights are named
            that no component would use, or another device than the loaded model's.
    """
    if not isinstance(model, Model):
        inference = tuple(a for a in options.settings if a.strip().startswith("inference."))
        preset = options.model_copy(update={"settings": inference}).resolve()
        chosen = ChosenComponents.of(
            preset, proposer, propagator, scorer, objects_given=given is not None
        )
        if chosen.use_model:
            model = load(model or default_model(options.preset), device=options.device)
        elif model is not None:
            raise InputError(f"no component would use the weights '{model}': leave them out")
    elif options.device != "auto" and not _same(choose_device(options.device), model.device):
        raise InputError(
            f"the model was loaded on {model.device}: leave out device='{options.device}', or "
            "give it to load"
        )
    if options.compile and isinstance(model, Model):
        compile_model(model)
    return Segmenter(model, options, proposer, propagator, scorer, given).load()


def given_objects(
    source: Any = None,
    marks: Sequence[Prompt] = (),
    *,
    first_only: bool = False,
    mask_maker: MaskMaker | str | None = None,
) -> ObjectSource | None:
    """Return the objects that a user gave, if any; see ``segment``.

    Args:
        source: label maps, or the path of a JSON file of boxes and points.
        marks: boxes and points; with label maps there are none.
        first_only: take each object's first given mask alone.
        mask_maker: makes masks of boxes and points.

    Raises:
        InputError: there is nothing at a path, masks and boxes are given both, or something is
            said of what is not given.
    """
    listed = isinstance(source, str | Path) and Path(source).suffix.lower() == ".json"
    if listed or marks:
        if source is not None and not listed:
            raise InputError("give either label maps (--given), or boxes and points, not both")
        if first_only:
            raise InputError("--given-first is for label maps: of boxes and points all count")
        files = [Path(source)] if listed else []
        return GivenPrompts((*marks, *files), mask_maker)
    if mask_maker is not None:
        raise InputError("a mask maker needs --box, --point or a JSON file of them (--given)")
    if source is None:
        if first_only:
            raise InputError("--given-first says which of the masks of --given count: give both")
        return None
    return GivenMasks(source, first_only)


def _same(requested: torch.device, present: torch.device) -> bool:
    """Return whether a device is what was requested; without a number any of its kind is."""
    return requested.type == present.type and requested.index in {None, present.index or 0}
