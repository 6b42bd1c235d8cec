"""How to run a model on a video: the same options for ``segment`` and the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from propose_reduce.errors import InputError
from propose_reduce.settings import (
    InferenceSettings,
    ModelSettings,
    Preset,
    Settings,
    load_preset,
    override,
)

SIZE_SETTINGS = {"model.long_side", "model.short_side"}
"""What of the model may change after training: its input size."""


class Options(Settings):
    """What can be chosen for a run; None leaves it to the preset, or else to the weights."""

    preset: str | Path | None = Field(None, description="preset whose inference settings to use")
    key_frames: int | None = Field(None, description="K, the frames to propose on")
    max_objects: int | None = Field(None, description="O, most objects of a key frame")
    memory_every: int | None = Field(None, description="memorise every Nth frame")
    min_score: float | None = Field(None, description="sequences below this are left out")
    classes: tuple[str, ...] = Field((), description="look for these categories only")
    start: float | None = Field(None, description="first second; for images the first number")
    end: float | None = Field(None, description="second, or number, before which to stop")
    every: int = Field(1, description="take each Nth frame")
    paradigm: str | None = Field(None, description="propose-reduce or track-by-detect")
    prompts: tuple[str, ...] = Field((), description="what a proposer that takes text looks for")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1 or mps")
    precision: str = Field("auto", description="auto, fp32 or bf16")
    compile: bool = Field(False, description="let torch compile the model's networks first")
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
