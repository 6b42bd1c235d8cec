"""The components of a run: given as objects, by name, or the loaded model's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch

from propose_reduce.api.model import Model
from propose_reduce.components.registry import OWN, Request, build_component, kind_of
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.errors import InputError
from propose_reduce.paradigm.detections import remembering
from propose_reduce.paradigm.pipeline import components_needed
from propose_reduce.paradigm.propose import key_frames
from propose_reduce.protocols import Propagator, Proposer, Scorer
from propose_reduce.settings import Preset
from propose_reduce.structures import Clip
from propose_reduce.video import Video


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """The components at work on one clip; None where the paradigm needs none."""

    proposer: Proposer
    propagator: Propagator | None
    scorer: Scorer | None


def by_role(
    proposer: Proposer | str | None,
    propagator: Propagator | str | None,
    scorer: Scorer | str | None,
) -> dict[str, object | None]:
    """Return what the user gave, by role."""
    return {"proposer": proposer, "propagator": propagator, "scorer": scorer}


def choose(given: Mapping[str, object | None], preset: Preset) -> dict[str, object]:
    """Return the component of each role that the paradigm needs: a name, or an object.

    Args:
        given: from ``by_role``.
        preset: fills the others.
    """
    return {
        role: getattr(preset.components, role) if given[role] is None else given[role]
        for role in components_needed(preset.inference)
    }


@dataclass(frozen=True, eq=False)
class ChosenComponents:
    """The chosen components, ready for any clip.

    Attributes:
        chosen: from ``choose``.
        model: gives the components called ``seq-mask-rcnn``.
        request: what the named ones are built for, without a video.

    Raises:
        InputError: an unknown name, a component that cannot be had, or a missing model.
    """

    chosen: Mapping[str, object]
    model: Model | None
    request: Request

    def __post_init__(self) -> None:
        missing = [role for role, component in self.chosen.items() if component == OWN]
        if self.model is None and missing:
            raise InputError(f"without a model a {missing[0]} must be given")
        if self.request.prompts and self.chosen["proposer"] == OWN:
            raise InputError("this model's own proposer takes no prompts: name another proposer")
        self._built  # noqa: B018  (so that a fault shows before a video is opened)

    @cached_property
    def _built(self) -> dict[str, Any]:
        """Return the named components that serve every video."""
        return {
            role: build_component(role, component, self.request)
            for role, component in self.chosen.items()
            if isinstance(component, str)
            and component != OWN
            and not kind_of(role, component).per_video
        }

    @property
    def categories(self) -> tuple[str, ...] | None:
        """Return the foreground classes; None where they depend on the video."""
        proposer: Any = self._built.get("proposer", self.chosen["proposer"])
        if proposer == OWN:
            return self.model.categories if self.model else None
        return None if isinstance(proposer, str) else proposer.categories

    @property
    def names(self) -> dict[str, Any]:
        """Return the components that are not the model's, by role, as plain JSON values."""
        names: dict[str, Any] = {
            role: component if isinstance(component, str) else type(component).__name__
            for role, component in self.chosen.items()
            if component != OWN
        }
        prompts = list(self.request.prompts)
        return {**names, "prompts": prompts} if prompts else names

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
        request = replace(self.request, video=video.name, frames=video.frame_labels, warn=warn)
        if self.model is None or OWN not in self.chosen.values():
            yield self._active(request, None)
            return
        component = SeqMaskRCNNComponent(
            self.model.weights.network,
            self.model.categories,
            self.request.settings,
            self.request.precision,
        )
        with component.open(clip) as session:
            yield self._active(request, session)

    def _active(self, request: Request, session: Any) -> Components:
        proposer = remembering(self._component("proposer", session, request))
        request = replace(request, proposer=proposer)
        propagator, scorer = (
            self._component(role, session, request) if role in self.chosen else None
            for role in ("propagator", "scorer")
        )
        return Components(proposer, propagator, scorer)

    def _component(self, role: str, session: Any, request: Request) -> Any:
        component = self.chosen[role]
        if component == OWN:
            return session
        if role in self._built or not isinstance(component, str):
            return self._built.get(role, component)
        return build_component(role, component, request)


def request_for(preset: Preset, device: torch.device, precision: torch.dtype) -> Request:
    """Return what named components are built for in a run."""
    return Request(
        device,
        precision,
        preset.inference,
        preset.components.prompts,
        key_frames=partial(key_frames, count=preset.inference.propose.key_frames),
    )
