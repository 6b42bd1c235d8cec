"""Who stands in the three doors: parts of one's own, parts by name, or the loaded model's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import torch

from propose_reduce.api.model import Model
from propose_reduce.components.registry import OWN, Request, build_part, kind_of
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNPart
from propose_reduce.errors import InputError
from propose_reduce.paradigm.detections import remembering
from propose_reduce.paradigm.pipeline import doors_needed
from propose_reduce.paradigm.propose import key_frames
from propose_reduce.protocols import Propagator, Proposer, Scorer
from propose_reduce.settings import Preset
from propose_reduce.structures import Clip


@dataclass(frozen=True, slots=True, eq=False)
class Doors:
    """The parts at work on one clip; None where the paradigm needs none."""

    proposer: Proposer
    propagator: Propagator | None
    scorer: Scorer | None


def by_door(
    proposer: Proposer | str | None,
    propagator: Propagator | str | None,
    scorer: Scorer | str | None,
) -> dict[str, object | None]:
    """Return what the user gave, by door."""
    return {"proposer": proposer, "propagator": propagator, "scorer": scorer}


def choose(given: Mapping[str, object | None], preset: Preset) -> dict[str, object]:
    """Return who stands in each door that the paradigm needs: a name, or an object.

    Args:
        given: from ``by_door``.
        preset: fills the others.
    """
    return {
        door: getattr(preset.parts, door) if given[door] is None else given[door]
        for door in doors_needed(preset.inference)
    }


@dataclass(frozen=True, eq=False)
class Parts:
    """The chosen parts, ready for any clip.

    Attributes:
        chosen: from ``choose``.
        model: gives the parts called ``seq-mask-rcnn``.
        request: what the named ones are built for, without a video.

    Raises:
        InputError: an unknown name, a part that cannot be had, or a missing model.
    """

    chosen: Mapping[str, object]
    model: Model | None
    request: Request

    def __post_init__(self) -> None:
        missing = [door for door, part in self.chosen.items() if part == OWN]
        if self.model is None and missing:
            raise InputError(f"without a model a {missing[0]} must be given")
        if self.request.prompts and self.chosen["proposer"] == OWN:
            raise InputError("this model's own proposer takes no prompts: name another proposer")
        self._built  # noqa: B018  (so that a fault shows before a video is opened)

    @cached_property
    def _built(self) -> dict[str, Any]:
        """Return the named parts that serve every video."""
        return {
            door: build_part(door, part, self.request)
            for door, part in self.chosen.items()
            if isinstance(part, str) and part != OWN and not kind_of(door, part).per_video
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
        """Return who stands in the doors besides the model's parts, as plain JSON values."""
        told: dict[str, Any] = {
            door: part if isinstance(part, str) else type(part).__name__
            for door, part in self.chosen.items()
            if part != OWN
        }
        prompts = list(self.request.prompts)
        return {**told, "prompts": prompts} if prompts else told

    @contextmanager
    def open(self, clip: Clip, video: str) -> Iterator[Doors]:
        """Give the parts at work on a clip; what they hold of it is freed on exit.

        Args:
            clip: the video.
            video: its name.

        Raises:
            InputError: a part that depends on the video cannot be had.
        """
        if self.model is None or OWN not in self.chosen.values():
            yield self._doors(video, None)
            return
        part = SeqMaskRCNNPart(
            self.model.weights.network,
            self.model.categories,
            self.request.settings,
            self.request.precision,
        )
        with part.open(clip) as session:
            yield self._doors(video, session)

    def _doors(self, video: str, session: Any) -> Doors:
        proposer = remembering(self._part("proposer", session, replace(self.request, video=video)))
        request = replace(self.request, video=video, proposer=proposer)
        propagator, scorer = (
            self._part(door, session, request) if door in self.chosen else None
            for door in ("propagator", "scorer")
        )
        return Doors(proposer, propagator, scorer)

    def _part(self, door: str, session: Any, request: Request) -> Any:
        part = self.chosen[door]
        if part == OWN:
            return session
        if door in self._built or not isinstance(part, str):
            return self._built.get(door, part)
        return build_part(door, part, request)


def request_for(preset: Preset, device: torch.device, precision: torch.dtype) -> Request:
    """Return what named parts are built for in a run."""
    return Request(
        device,
        precision,
        preset.inference,
        preset.parts.prompts,
        key_frames=partial(key_frames, count=preset.inference.propose.key_frames),
    )
