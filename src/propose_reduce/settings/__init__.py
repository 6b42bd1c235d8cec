"""Every setting, with its text, default and range; presets; overrides.

A preset is one YAML file with the sections ``model`` (what the weights file carries),
``inference``, ``parts`` and ``training``; it names only what differs from the defaults here. The
defaults are the paper's ResNet-50 model for YouTube-VIS (supplementary, section 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from propose_reduce.errors import InputError, nearest, unknown_name
from propose_reduce.settings.base import Settings as Settings
from propose_reduce.settings.inference import InferenceSettings as InferenceSettings
from propose_reduce.settings.inference import LinkSettings as LinkSettings
from propose_reduce.settings.inference import PropagateSettings as PropagateSettings
from propose_reduce.settings.inference import ProposeSettings as ProposeSettings
from propose_reduce.settings.inference import ReduceSettings as ReduceSettings
from propose_reduce.settings.inference import ScoreSettings as ScoreSettings
from propose_reduce.settings.inference import WindowSettings as WindowSettings
from propose_reduce.settings.training import TrainingSettings

Model = TypeVar("Model", bound=BaseModel)

YAML_FAULTS = (yaml.YAMLError, ValueError, RecursionError)
"""What PyYAML raises: the second for a date that is none, the third for brackets without end."""


def category_set(name: str) -> tuple[str, ...]:
    """Return the categories of a known data set, in id order (docs/method.md)."""
    known = yaml.safe_load((files("propose_reduce") / "presets" / "categories.yml").read_text())
    if name not in known:
        raise unknown_name("category set", name, known)
    return tuple(known[name])


class ModelSettings(Settings):
    """What a network is; the weights file carries it."""

    categories: tuple[str, ...] = Field(
        ("instance",), min_length=1, description="foreground classes, or the name of a known set"
    )
    backbone: str = Field("resnet50", description="timm model with feature strides 4, 8, 16, 32")
    pyramid_channels: int = Field(256, ge=1, description="channels of the feature pyramid P2..P6")
    box_channels: int = Field(1024, ge=1, description="width of the box head's two layers")
    mask_channels: int = Field(256, ge=1, description="width of the mask head's layers")
    mask_layers: int = Field(4, ge=1, description="3x3 convolutions in the mask head")
    propagation_channels: int = Field(256, ge=2, description="width of the Seq-Prop head")
    key_channels: int = Field(64, ge=1, description="channels of memory and query keys")
    anchor_sizes: tuple[int, int, int, int, int] = Field(
        (32, 64, 128, 256, 512), description="anchor side on P2..P6, pixels"
    )
    anchor_ratios: tuple[float, ...] = Field((0.5, 1.0, 2.0), description="anchor height / width")
    anchor_offset: float = Field(
        0.5, ge=0, le=1, description="anchor centre in its cell: 0.5 authors, 0 torchvision"
    )
    anchor_rounding: bool = Field(True, description="round anchor corners to whole pixels")
    roi_aligned: bool = Field(
        False, description="RoIAlign shifts by half a cell (the later convention)"
    )
    roi_minimum_cell: bool = Field(
        False, description="RoIs smaller than one cell are widened to it, as torchvision does"
    )
    roi_samples: int = Field(2, ge=1, description="RoIAlign samples per bin side")
    rpn_proposals: int = Field(200, ge=1, description="RPN boxes per level before and in all after")
    rpn_nms: float = Field(0.7, ge=0, le=1, description="RPN box NMS IoU per level")
    batch_norm_eps: float = Field(1e-5, ge=0, description="epsilon of the backbone's batch norms")
    long_side: int = Field(640, ge=32, description="input fits into this long side, pixels")
    short_side: int = Field(360, ge=32, description="input fits into this short side, pixels")
    pixel_mean: tuple[float, float, float] = Field(
        (123.675, 116.28, 103.53), description="subtracted from RGB 0-255"
    )
    pixel_std: tuple[float, float, float] = Field(
        (58.395, 57.12, 57.375), description="RGB is divided by this"
    )
    frozen_stages: int = Field(
        2, ge=0, le=5, description="backbone stages without training: 1 = stem, 2 = and layer1, .."
    )
    freeze_batch_norm: bool = Field(
        True, description="batch-norm statistics stay fixed (their affine parameters train)"
    )

    @field_validator("categories", mode="before")
    @classmethod
    def _named_set(cls, value: object) -> object:
        return category_set(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> ModelSettings:
        if len(set(self.categories)) != len(self.categories):
            raise ValueError(f"categories must be distinct, got {list(self.categories)}")
        if self.long_side < self.short_side:
            raise ValueError(
                f"long_side ({self.long_side}) must be at least short_side ({self.short_side})"
            )
        return self


class PartsSettings(Settings):
    """Which parts do the work, by name (docs/parts.md)."""

    proposer: str = Field("seq-mask-rcnn", description="finds objects on the key frames")
    propagator: str = Field("seq-mask-rcnn", description="follows them through the video")
    scorer: str = Field("seq-mask-rcnn", description="says what class their masks show")
    prompts: tuple[str, ...] = Field(
        (), description="what a proposer that takes text looks for: its categories"
    )

    @property
    def use_model(self) -> bool:
        """Return whether one of them is the model's own."""
        return "seq-mask-rcnn" in (self.proposer, self.propagator, self.scorer)


class Preset(Settings):
    """A model with how it is run and trained."""

    model: ModelSettings = ModelSettings()
    inference: InferenceSettings = InferenceSettings()
    parts: PartsSettings = PartsSettings()
    training: TrainingSettings = TrainingSettings()


def preset_names() -> list[str]:
    """Return the names of the presets in the package, sorted."""
    folder = files("propose_reduce") / "presets"
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )


def load_preset(name: str | Path) -> Preset:
    """Return a preset by name, or from a YAML file of one's own.

    Raises:
        InputError: no such preset or file, a file that is no YAML mapping, an unknown key (the
            nearest one is offered), or a value out of range.
    """
    if str(name) in preset_names():
        text = (files("propose_reduce") / "presets" / f"{name}.yaml").read_text()
    elif Path(name).suffix in {".yaml", ".yml"}:
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"preset file '{name}' cannot be read: {reason}") from error
    else:
        raise unknown_name("preset", str(name), preset_names())
    try:
        data = yaml.safe_load(text) or {}
    except YAML_FAULTS as error:
        raise InputError(f"preset '{name}' is no YAML: {_yaml_fault(error)}") from error
    return validate(Preset, data, f"preset '{name}'")


def validate(kind: type[Model], data: Any, source: str) -> Model:
    """Return settings made from plain data, or raise InputError with the first fault.

    Args:
        kind: the settings class.
        data: mappings and plain values, as YAML or JSON gives them.
        source: where the data comes from, for the message; empty where that says nothing.
    """
    source += ": " if source else ""
    if not isinstance(data, dict):
        raise InputError(f"{source}must be a mapping of settings, got {type(data).__name__}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        path = [str(part) for part in fault["loc"]]
        if fault["type"] == "extra_forbidden":
            known = _keys_beside(kind, path)
            guess = nearest(path[-1], known) or _path_to(kind, path[-1])
            advice = f"did you mean '{guess}'?" if guess else f"known: {', '.join(sorted(known))}"
            raise InputError(f"{source}unknown setting '{'.'.join(path)}': {advice}") from error
        message = fault["msg"].removeprefix("Value error, ")
        value = "" if isinstance(fault["input"], dict) else f" = {fault['input']!r}"
        where = f"{'.'.join(path)}{value}: " if path else ""
        raise InputError(f"{source}{where}{message}") from error


def _keys_beside(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Return the keys that would have been right where ``path`` ends."""
    level: Any = kind
    for part in path[:-1]:
        field = getattr(level, "model_fields", {}).get(part)
        if field is not None:
            arguments = getattr(field.annotation, "__args__", ())  # dict[str, Section] -> Section
            level = arguments[-1] if arguments else field.annotation
    return list(getattr(level, "model_fields", {}))


def _path_to(kind: type[BaseModel], name: str, *above: str) -> str | None:
    """Return the dotted path of the first setting of this name, in whatever section it is."""
    for key, field in kind.model_fields.items():
        if key == name:
            return ".".join([*above, key])
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            found = _path_to(section, name, *above, key)
            if found:
                return found
    return None


def _yaml_fault(error: Exception) -> str:
    """Return what is wrong with a YAML text, and where in it."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


def override(settings: Model, assignments: Iterable[str]) -> Model:
    """Return settings with ``a.b=value`` assignments applied; values are read as YAML.

    Raises:
        InputError: an assignment without ``=``, an unknown key or stage, or a value that is no
            YAML or out of range.
    """
    data = settings.model_dump()
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise InputError(f"setting '{assignment}' must read name.name=value")
        target = data
        for level, key in enumerate(keys[:-1]):
            if key not in target and keys[:level] == ["training", "stages"]:
                raise unknown_name("stage", key, target)
            target = target.setdefault(key, {})
            if not isinstance(target, dict):
                raise InputError(f"setting '{path}': '{key}' is a value, not a section")
        try:
            target[keys[-1]] = yaml.safe_load(text)
        except YAML_FAULTS as error:
            raise InputError(f"setting '{assignment}': '{text}' is no YAML value") from error
    return validate(type(settings), data, "")
