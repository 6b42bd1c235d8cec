"""The components of a run: given as objects, by name, or the loaded model's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import torch

from propose_reduce.api.model import Model
from propose_reduce.components.published_weights import PublishedWeights, prepare_downloads
from propose_reduce.components.registry import (
    OWN,
    PROPAGATORS,
    PROPOSERS,
    SCORERS,
    TABLES,
    Components,
    Request,
    Table,
    published_weights,
    weights_of_presets,
)
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent, Session
from propose_reduce.errors import InputError
from propose_reduce.paradigm.pipeline import components_needed
from propose_reduce.paradigm.propose import key_frames, remembering
from propose_reduce.paradigm.score import other_classes
from propose_reduce.protocols import Propagator, Proposer, Scorer
from propose_reduce.settings import Preset
from propose_reduce.structures import Clip
from propose_reduce.video import Video

Component = TypeVar("Component")


@dataclass(frozen=True, slots=True, eq=False)
class ChosenComponents:
    """The components of a run: an object or a name for each role; None where none is needed."""

    proposer: Proposer | str | None
    propagator: Propagator | str | None
    scorer: Scorer | str | None

    @classmethod
    def of(
        cls,
        preset: Preset,
        proposer: Proposer | str | None,
        propagator: Propagator | str | None,
        scorer: Scorer | str | None,
        *,
        objects_given: bool = False,
    ) -> ChosenComponents:
        """Return what was given, or else the preset's, for the roles that its paradigm needs.

        Where the objects are given nothing but a propagator is needed.

        Raises:
            InputError: a proposer or scorer was given as well as the objects, or the preset names
                a class that is not installed as a component.
        """
        needed, names = components_needed(preset.inference), preset.components
        if objects_given:
            needed = ("propagator",)
            for role, component in (("proposer", proposer), ("scorer", scorer)):
                if component is not None:
                    raise InputError(
                        f"the objects are given, so no {role} is asked: leave out --{role}"
                    )
        return cls(
            _given(PROPOSERS, proposer, names.proposer) if "proposer" in needed else None,
            _given(PROPAGATORS, propagator, names.propagator) if "propagator" in needed else None,
            _given(SCORERS, scorer, names.scorer) if "scorer" in needed else None,
        )

    @property
    def by_role(self) -> dict[str, object]:
        """What there is, by role."""
        every = {"proposer": self.proposer, "propagator": self.propagator, "scorer": self.scorer}
        return {role: component for role, component in every.items() if component is not None}

    @property
    def use_model(self) -> bool:
        """Whether one of them is the model's own."""
        return OWN in self.by_role.values()

    @property
    def names(self) -> dict[str, str]:
        """The components that are not the model's, by role, as plain JSON values."""
        return {
            role: component if isinstance(component, str) else type(component).__name__
            for role, component in self.by_role.items()
            if component != OWN
        }


@dataclass(frozen=True, slots=True, eq=False)
class LoadedComponents:
    """The components of a run with their networks, ready for any clip.

    Attributes:
        chosen: those that serve every video are objects; the others are built for each.
        model: gives the components called ``seq-mask-rcnn``.
        request: what the named ones are built for, without a video.
        networks: the model's weights and the named components that have weights of their own.
    """

    chosen: ChosenComponents
    model: Model | None
    request: Request
    networks: tuple[str, ...]

    @classmethod
    def load(
        cls, chosen: ChosenComponents, model: Model | None, request: Request
    ) -> LoadedComponents:
        """Build all that do not depend on the video; networks are loaded.

        Raises:
            InputError: an unknown name, a component that cannot be had, or a missing model.
        """
        missing = [role for role, component in chosen.by_role.items() if component == OWN]
        if model is None and missing:
            raise InputError(f"without a model a {missing[0]} must be given")
        if request.prompts and chosen.proposer is None:
            raise InputError("the objects are given, so no prompt is asked for: leave out --prompt")
        if request.settings.propagate.padding == "canvas" and chosen.names:
            raise InputError(
                "inference.propagate.padding=canvas is for the model's own components, and the "
                f"{next(iter(chosen.names))} is another: set it to image"
            )
        if request.prompts and chosen.proposer == OWN:
            raise InputError("this model's own proposer takes no prompts: name another proposer")
        names = {role: name for role, name in chosen.by_role.items() if isinstance(name, str)}
        for role, component in chosen.by_role.items():
            if role not in names:
                TABLES[role].check(component, f"the {role} given")
        networks = [name for role, name in names.items() if TABLES[role].has_weights(name)]
        weights = published_weights(names)
        if weights:
            prepare_downloads(weights, _fetched_as(weights))
        ready = ChosenComponents(
            _ready(PROPOSERS, chosen.proposer, request),
            _ready(PROPAGATORS, chosen.propagator, request),
            _ready(SCORERS, chosen.scorer, request),
        )
        own = "" if model is None else f"weights {model.name}"
        said = dict.fromkeys(own if name == OWN else name for name in networks)
        return cls(ready, model, request, tuple(said))

    @property
    def categories(self) -> tuple[str, ...] | None:
        """The foreground classes; None where they depend on the video."""
        if self.chosen.proposer == OWN:
            return self.model.categories if self.model else None
        proposer = self.chosen.proposer
        return None if proposer is None or isinstance(proposer, str) else proposer.categories

    def check_scorer(self, categories: tuple[str, ...]) -> None:
        """Raise InputError where the scorer is known to name other classes than the proposer."""
        scorer = self.chosen.scorer
        if scorer == OWN and self.model is not None:
            known = self.model.categories
        else:
            known = getattr(scorer, "categories", categories)
        if tuple(known) != tuple(categories):
            raise other_classes(known, categories)

    def request_for(self, video: Video, warn: Callable[[str], None] = warnings.warn) -> Request:
        """Return what components that depend on the video are built for."""
        return replace(self.request, video=video.name, frames=video.frame_labels, warn=warn)

    @contextmanager
    def open(
        self, clip: Clip, video: Video, warn: Callable[[str], None] = warnings.warn
    ) -> Iterator[Components]:
        """Give the components at work on a clip; what they hold of it is freed on exit.

        Args:
            clip: the video as the components see it.
            video: what is known of it.
            warn: called by a component with what the user should know.

        Raises:
            InputError: a component that depends on the video cannot be had.
        """
        request = self.request_for(video, warn)
        if self.model is None or not self.chosen.use_model:
            yield self._at_work(request, None)
            return
        weights = self.model.weights
        own = SeqMaskRCNNComponent(
            weights.network,
            self.model.categories,
            request.settings,
            request.precision,
            warn=warn,
        )
        with own.open(clip) as session:
            yield self._at_work(request, session)

    def _at_work(self, request: Request, session: Session | None) -> Components:
        chosen = self.chosen
        proposer = _at_work(PROPOSERS, chosen.proposer, session, request)
        if proposer is not None:
            proposer = remembering(proposer)
            request = replace(request, proposer=proposer)
        return Components(
            proposer,
            _at_work(PROPAGATORS, chosen.propagator, session, request),
            _at_work(SCORERS, chosen.scorer, session, request),
        )


def _fetched_as(weights: Sequence[PublishedWeights]) -> str:
    """Return what the command that fetches them calls them: a preset, if one needs just these."""
    presets = [name for name, wanted in weights_of_presets().items() if wanted == list(weights)]
    return presets[0] if presets else " ".join(each.name for each in weights)


def _given(
    table: Table[Component], given: Component | str | None, in_preset: str
) -> Component | str:
    return table.listed(in_preset) if given is None else given


def _ready(
    table: Table[Component], chosen: Component | str | None, request: Request
) -> Component | str | None:
    """Return the component, built unless it is the model's own or depends on the video."""
    if not isinstance(chosen, str) or chosen == OWN or table.kind(chosen).per_video:
        return chosen
    return table.build(chosen, request)


def _at_work(
    table: Table[Component], chosen: Component | str | None, session: Any, request: Request
) -> Component | None:
    """Return the component for one video; the model's own is the session."""
    if not isinstance(chosen, str):
        return chosen
    return session if chosen == OWN else table.build(chosen, request)


def request_for(preset: Preset, device: torch.device, precision: torch.dtype) -> Request:
    """Return what named components are built for in a run."""
    return Request(
        device,
        precision,
        preset.inference,
        preset.components.prompts,
        key_frames=partial(key_frames, count=preset.inference.propose.key_frames),
    )
