"""Components by name: ``torchvision:maskrcnn_resnet50_fpn_v2``, ``flow``, ``redetect``.

A name is a kind and, for most, after a colon what to take: a model, a folder. Libraries are
imported, and weights looked for, only when a component that needs them is built
(docs/components.md).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import torch

from propose_reduce.errors import InputError, nearest
from propose_reduce.protocols import Proposer
from propose_reduce.settings import InferenceSettings

OWN = "seq-mask-rcnn"
"""The loaded model's own component; it needs a session on the clip, so it is not built here."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a component is built for.

    Attributes:
        device: where to compute.
        precision: of what is not sensitive.
        settings: of the run.
        prompts: what a proposer that takes text looks for.
        video: name of the video, for components that know one video only.
        frames: what its frames are called: images without a suffix, numbers in a video file.
        warn: called with what the user should know.
        proposer: at work on that video, for scorers that ask it.
        key_frames: the frames to propose on, given how many there are.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: torch.dtype = torch.float32
    settings: InferenceSettings = field(default_factory=InferenceSettings)
    prompts: tuple[str, ...] = ()
    video: str = ""
    frames: tuple[str, ...] = ()
    warn: Callable[[str], None] = warnings.warn
    proposer: Proposer | None = None
    key_frames: Callable[[int], Container[int]] = range


Builder: TypeAlias = Callable[[str, Request], Any]
"""Makes a component from what follows the colon."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of component.

    Attributes:
        build: makes it.
        source: what follows the colon, as the help calls it; empty for none.
        per_video: it depends on the video, so each video gets its own.
        takes_prompts: it looks for what text says.
    """

    build: Builder
    source: str = ""
    per_video: bool = False
    takes_prompts: bool = False


def _torchvision(source: str, request: Request) -> Any:
    from propose_reduce.components.torchvision_detector import TorchvisionDetector

    name, _, weights = source.partition(":")
    return TorchvisionDetector.load(
        name,
        weights or None,
        min_score=request.settings.propose.min_score,
        device=request.device,
        precision=request.precision,
    )


def _hugging_face(source: str, request: Request) -> Any:
    from propose_reduce.components.huggingface_segmenter import HuggingFaceSegmenter
    from propose_reduce.components.sam3_prompts import Sam3Prompts

    options: dict[str, Any] = {
        "min_score": request.settings.propose.min_score,
        "device": request.device,
        "precision": request.precision,
    }
    if request.prompts:
        return Sam3Prompts.load(source, request.prompts, **options)
    return HuggingFaceSegmenter.load(source, **options)


def _files(source: str, request: Request) -> Any:
    from propose_reduce.components.detection_files import DetectionFiles

    wanted = request.settings.propose
    return DetectionFiles(
        source,
        video=request.video or None,
        frames=request.frames,
        min_score=wanted.min_score,
        max_objects=wanted.max_objects,
        warn=request.warn,
    )


def _sam_video(kind: str, source: str, request: Request) -> Any:
    from propose_reduce.components.sam_video import load_sam_video

    return load_sam_video(kind, source, device=request.device, precision=request.precision)


def _flow(source: str, request: Request) -> Any:
    from propose_reduce.components.flow import FlowPropagator

    return FlowPropagator()


def _key_frame(source: str, request: Request) -> Any:
    from propose_reduce.components.scorers import KeyFrameScorer

    return KeyFrameScorer()


def _redetect(source: str, request: Request, *, everywhere: bool = True) -> Any:
    from propose_reduce.components.scorers import RedetectScorer

    if request.proposer is None:
        raise InputError("the scorer 'redetect' asks a proposer, and none is at work")
    return RedetectScorer(
        request.proposer,
        frames=range if everywhere else request.key_frames,
        missed=request.settings.score.missed_factor,
    )


_WEIGHTS = "ID|FOLDER"

KINDS: dict[str, dict[str, Kind]] = {
    "proposer": {
        "torchvision": Kind(_torchvision, "NAME"),
        "hf": Kind(_hugging_face, _WEIGHTS, takes_prompts=True),
        "file": Kind(_files, "DIR", per_video=True),
    },
    "propagator": {
        "sam2": Kind(partial(_sam_video, "sam2"), _WEIGHTS),
        "edgetam": Kind(partial(_sam_video, "edgetam"), _WEIGHTS),
        "sam3-tracker": Kind(partial(_sam_video, "sam3-tracker"), _WEIGHTS),
        "flow": Kind(_flow),
    },
    "scorer": {
        "key-frame": Kind(_key_frame, per_video=True),
        "redetect": Kind(_redetect, per_video=True),
        "redetect-key-frames": Kind(partial(_redetect, everywhere=False), per_video=True),
    },
}
"""What can stand in each role, besides the model's own component."""


def forms(role: str) -> list[str]:
    """Return how the components of a role are named, for people to read."""
    kinds = KINDS[role].items()
    return [OWN, *(f"{name}:{kind.source}" if kind.source else name for name, kind in kinds)]


def kind_of(role: str, name: str) -> Kind:
    """Return the kind of a named component.

    Args:
        role: "proposer", "propagator" or "scorer".
        name: as the user wrote it.

    Raises:
        InputError: an unknown kind, or one without what must follow its colon.
    """
    key, colon, source = name.partition(":")
    kind = KINDS[role].get(key)
    if kind is None:
        raise InputError(f"unknown {role} '{name}': {_advice(role, key)}")
    if bool(source) != bool(kind.source) or (colon and not source):
        form = f"{key}:{kind.source}" if kind.source else key
        raise InputError(f"the {role} '{name}' must read '{form}'")
    return kind


def build_component(role: str, name: str, request: Request) -> Any:
    """Return a component by name; its weights are fetched unless they are on disk.

    Raises:
        InputError: an unknown name, prompts for a component that takes none, an extra that is not
            installed, or weights that cannot be fetched.
    """
    kind = kind_of(role, name)
    if role == "proposer" and request.prompts and not kind.takes_prompts:
        raise InputError(f"the proposer '{name}' takes no prompts: only 'hf:{_WEIGHTS}' does")
    return kind.build(name.partition(":")[2], request)


def _advice(role: str, key: str) -> str:
    """Say what would have been right: the nearest name, and all."""
    for other, kinds in KINDS.items():
        if key in kinds and other != role:
            return f"it is a {other}; known: {', '.join(forms(role))}"
    guess = nearest(key, [OWN, *KINDS[role]])
    hint = f"did you mean '{guess}'? " if guess else ""
    return f"{hint}known: {', '.join(forms(role))}"
