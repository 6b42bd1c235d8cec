"""How to run a model on a video: the same options for ``segment`` and the command line."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from pydantic import Field

from propose_reduce.errors import InputError
from propose_reduce.settings.base import Precision, Settings
from propose_reduce.settings.inference import (
    InferenceSettings,
    PropagateSettings,
    ProposeSettings,
    ReduceSettings,
)
from propose_reduce.settings.model import ModelSettings
from propose_reduce.settings.presets import Preset, load_preset, override
from propose_reduce.structures import Prompt

SIZE_SETTINGS = {"model.long_side", "model.short_side"}
"""What of the model may change after training: its input size."""

Function = TypeVar("Function", bound=Callable[..., Any])


def _named(section: type[Settings], name: str) -> Any:
    """Return the field of an option that names a setting: None, with the setting's text."""
    return Field(None, description=section.model_fields[name].description)


WITHOUT_NETWORK = ModelSettings(long_side=854, short_side=480)
"""Where no network of ours is at work: the size of DAVIS, which optical flow can still afford."""


class Options(Settings):
    """What can be chosen for a run; None leaves it to the preset, or else to the weights."""

    preset: str | Path | None = Field(
        None, description="preset whose inference settings and components to use"
    )
    key_frames: int | None = _named(ProposeSettings, "key_frames")
    max_objects: int | None = _named(ProposeSettings, "max_objects")
    memory_every: int | None = _named(PropagateSettings, "memory_every")
    min_score: float | None = _named(ReduceSettings, "min_score")
    classes: tuple[str, ...] = Field((), description="look for these categories only")
    start: float | None = Field(None, description="first second; for images the first number")
    end: float | None = Field(None, description="second, or number, before which to stop")
    every: int = Field(1, description="take each Nth frame")
    paradigm: str | None = _named(InferenceSettings, "paradigm")
    prompts: tuple[str, ...] = Field((), description="what a proposer that takes text looks for")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 or mps")
    precision: Precision = Field(
        "auto", description="auto, fp32 or bf16; auto: bf16 where the hardware computes in it"
    )
    compile: bool = Field(
        False, description="let torch compile the networks first; pays on long videos"
    )
    settings: tuple[str, ...] = Field((), description="further settings, each a.b=value")

    def resolve(
        self, model: ModelSettings | None = None, inference: InferenceSettings | None = None
    ) -> Preset:
        """Return the settings of a run; its training section says nothing.

        Args:
            model: what the weights are; without any the preset's sizes count.
            inference: how they are meant to be run.

        Raises:
            InputError: an unknown or faulty setting, or one that is fixed by the weights.
        """
        given = Preset() if self.preset is None else load_preset(self.preset)
        if self.preset is None and model is None:
            given = given.model_copy(update={"model": WITHOUT_NETWORK})
        if self.preset is None and inference is not None:
            given = given.model_copy(update={"inference": inference})
        components = given.components.model_copy(
            update={"prompts": self.prompts or given.components.prompts}
        )
        settings = override(
            Preset(model=model or given.model, inference=given.inference, components=components),
            [*self._assignments(), *self.settings],
        )
        for assignment in self.settings:
            name = assignment.partition("=")[0].strip()
            if not name.startswith("inference.") and name not in SIZE_SETTINGS:
                raise InputError(
                    f"setting '{name}' is fixed once trained: here inference.* may be set, and "
                    f"{', '.join(sorted(SIZE_SETTINGS))}"
                )
        return settings

    def _assignments(self) -> Iterator[str]:
        """Yield the named options as assignments to settings."""
        named = {
            "inference.paradigm": self.paradigm,
            "inference.propose.key_frames": self.key_frames,
            "inference.propose.max_objects": self.max_objects,
            "inference.propagate.memory_every": self.memory_every,
            "inference.reduce.min_score": self.min_score,
            "inference.reduce.soft_min_score": self.min_score,
        }
        yield from (f"{name}={value}" for name, value in named.items() if value is not None)


class OptionValues(TypedDict, total=False):
    """The options as keywords, for the type checker; their texts are in ``Options``."""

    preset: str | Path | None
    key_frames: int | None
    max_objects: int | None
    memory_every: int | None
    min_score: float | None
    classes: tuple[str, ...]
    start: float | None
    end: float | None
    every: int
    paradigm: str | None
    prompts: Sequence[str | Prompt]
    device: str
    precision: str
    compile: bool
    settings: tuple[str, ...]


def text_of(option: str) -> str:
    """Return what an option is for, in one line."""
    return Options.model_fields[option].description or ""


def with_option_texts(function: Function) -> Function:
    """Put the text of every option where the docstring says ``{options}``."""
    texts = [f"            {name}: {text_of(name)}." for name in Options.model_fields]
    function.__doc__ = (function.__doc__ or "").replace("{options}", "\n".join(texts).lstrip())
    return function
