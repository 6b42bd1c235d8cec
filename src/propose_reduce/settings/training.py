"""The settings of a training run: data sources, stages, what both share (docs/training.md)."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from propose_reduce.errors import cut, unknown_name
from propose_reduce.settings.base import Precision, Settings


class StagingSettings(Settings):
    """How far two frames of a still image go apart, beyond the paper's affine views."""

    rotation: float = Field(20.0, ge=0, le=180, description="degrees to either side")
    scale: tuple[float, float] = Field((0.8, 1.7), description="smallest and largest zoom")
    shift: float = Field(0.15, ge=0, description="share of the picture's sides")
    perspective: float = Field(
        0.15, ge=0, lt=0.5, description="change of depth from the middle to a border, share"
    )
    warp: float = Field(
        0.04, ge=0, description="thin-plate warp: way of its points, share of the sides"
    )
    blur: float = Field(0.02, ge=0, description="longest motion blur, share of the long side")
    colour: float = Field(
        0.15, ge=0, description="change of light, contrast, saturation and balance, share"
    )
    steady: float = Field(
        0.5, ge=0, le=1, description="share of pairs whose second frame is near the first"
    )
    occluder: float = Field(
        0.5,
        ge=0,
        le=1,
        description="probability of each of two objects that are pasted in from other images",
    )
    elsewhere: float = Field(
        0.15, ge=0, le=1, description="share of pairs whose second frame is another image"
    )


class SourceSettings(Settings):
    """Where training pairs come from."""

    kind: Literal["annotated", "shapes"] = Field(
        "annotated", description="a data set of one's own, or rendered shapes without end"
    )
    annotations: str | None = Field(
        None, description="a YouTube-VIS or COCO json file, or a DAVIS folder"
    )
    images: str | None = Field(
        None, description="folder that the file's image names start from; null: JPEGImages beside"
    )
    split: str | None = Field(None, description="DAVIS: a list of ImageSets; null: every video")
    weight: float | None = Field(
        None, ge=0, description="share of the samples; null for all: each sample once per epoch"
    )
    categories: dict[str, str | None] = Field(
        default_factory=dict,
        description="its category -> the model's, null drops it; '*' stands for all others",
    )
    staging: StagingSettings | None = Field(
        None, description="of still images: stronger views and occluders; null: the paper's views"
    )
    licences: tuple[str, ...] = Field(
        (), description="only images whose licence matches one of these patterns; all when empty"
    )
    hold_out: int | None = Field(
        None,
        ge=2,
        description="images whose id it divides are kept out, for evaluation (validation: they "
        "alone are taken); null: none",
    )
    samples: int = Field(10_000, ge=1, description="shapes: samples of one epoch, new ones in each")

    @model_validator(mode="after")
    def _check(self) -> SourceSettings:
        if self.kind == "annotated" and self.annotations is None:
            raise ValueError("a source of annotated data needs 'annotations', its file or folder")
        return self


class StageSettings(Settings):
    """One stage of training."""

    sources: tuple[str, ...] = Field((), description="names of its sources; all when empty")
    epochs: int = Field(4, ge=1, description="passes over the training samples")
    steps: int | None = Field(None, ge=1, description="optimiser steps, in place of epochs")
    batch_size: int = Field(2, ge=1, description="pairs on one device at a time")
    accumulate: int = Field(1, ge=1, description="batches whose gradients make one step")
    optimizer: Literal["sgd", "adamw"] = Field("sgd", description="optimiser")
    learning_rate: float = Field(5e-3, gt=0, description="initial learning rate")
    head_learning_rate: float | None = Field(
        None, gt=0, description="of the Seq-Prop head; null: the same as of the rest"
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD momentum")
    weight_decay: float = Field(1e-4, ge=0, description="weight decay")
    schedule: Literal["step", "cosine"] = Field(
        "step", description="divided by 10 at the milestones, or half a cosine down to 1/100"
    )
    warmup_steps: int = Field(0, ge=0, description="steps over which the learning rate rises")
    milestones: tuple[int, ...] = Field(
        (), description="epochs, from 1, at whose start the learning rate is divided by 10"
    )
    long_side: int | None = Field(None, ge=32, description="in place of the model's, pixels")
    short_side: int | None = Field(None, ge=32, description="in place of the model's, pixels")
    distance: int | None = Field(
        None, ge=1, description="most frames between reference and query; null: any"
    )
    true_masks: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of samples whose memory gets true masks, not the mask head's",
    )
    detect_on_reference: bool = Field(
        False, description="detection learns from both frames; in the paper from the query alone"
    )
    separate_loss: float = Field(
        0.0,
        ge=0,
        description="weight of the propagation loss before the objects compete; the paper's is 0",
    )


def _paper_stages() -> dict[str, StageSettings]:
    return {
        "main": StageSettings(milestones=(3, 4)),
        "finetune": StageSettings(epochs=5, learning_rate=5e-5),
    }


class ValidationSettings(SourceSettings):
    """What the run is judged by on its way: average precision on the first videos of a set."""

    kind: Literal["annotated", "shapes"] = Field("shapes", description="as of a source")
    every: int | None = Field(
        None,
        ge=0,
        description="steps between two validations; 0: none; null: five times in a stage where a "
        "data set is given, otherwise none",
    )
    videos: int = Field(12, ge=1, description="the first so many videos")
    share: float | None = Field(
        None,
        gt=0,
        le=0.5,
        description="of the data set given by --data: as much of it is judged on, not trained on",
    )

    @property
    def wanted(self) -> bool:
        """Whether a run is judged on its way."""
        return self.every != 0 and (self.every is not None or self.annotations is not None)


STAGE_NAME = re.compile(r"[\w-]{1,64}")
"""Of a folder inside the run's folder, wherever the preset comes from."""


class TrainingSettings(Settings):
    """How the network is trained."""

    sources: dict[str, SourceSettings] = Field(
        default_factory=dict, description="where samples come from, by name"
    )
    stages: dict[str, StageSettings] = Field(
        default_factory=_paper_stages, min_length=1, description="stages by name, in order"
    )
    validation: ValidationSettings = ValidationSettings()
    seed: int = Field(0, ge=0, description="of weights and samples")
    init: str | None = Field(None, description="weights file to start from; null: random")
    model_from_init: bool = Field(
        False, description="the model, but for its categories, is that of the weights file"
    )
    check_images: bool = Field(
        True, description="decode every image before the first step; false: read headers only"
    )
    precision: Precision = Field(
        "auto", description="of what is not sensitive; auto: bfloat16 where the hardware has it"
    )
    average: float = Field(
        0.0, ge=0, lt=1, description="decay of the moving average of the weights; 0: none"
    )
    key_penalty: float = Field(
        0.0, ge=0, description="weight of the keys' mean square, which bounds the memory's logits"
    )
    absence_loss: float = Field(
        0.0,
        ge=0,
        description="weight of the loss on objects that the query does not show; 0: no samples",
    )
    clip_gradient: float = Field(35.0, gt=0, description="largest gradient norm")
    max_objects: int = Field(5, ge=1, description="most objects of one sample")
    cross_entropy_loss: float = Field(
        0.0, ge=0, description="weight of the cross entropy of each object's mask over its area"
    )
    smallest_object: float = Field(
        0.0, ge=0, lt=1, description="share of the frame below which no object is propagated"
    )
    flip: float = Field(0.5, ge=0, le=1, description="probability of a horizontal flip of a pair")
    rpn_samples: int = Field(64, ge=1, description="anchors per image in the RPN loss")
    rpn_positive: float = Field(0.5, ge=0, le=1, description="most of them positive, share")
    rpn_proposals: int = Field(200, ge=1, description="proposals per image")
    box_samples: int = Field(128, ge=1, description="boxes per image in the box loss")
    box_positive: float = Field(0.25, ge=0, le=1, description="most of them positive, share")
    workers: int = Field(1, ge=0, description="processes that make samples; 0: the run itself")
    log_every: int = Field(20, ge=1, description="steps between two lines of the logs")
    checkpoint_every: int = Field(200, ge=1, description="steps between two checkpoints")
    pictures_every: int = Field(0, ge=0, description="steps between two sample pictures; 0: none")

    @model_validator(mode="after")
    def _check(self) -> TrainingSettings:
        for name, stage in self.stages.items():
            if not STAGE_NAME.fullmatch(name):
                raise ValueError(
                    f"the stage {cut(name)} must be called by letters, digits, '-' and '_', 64 at "
                    "most: its folder is called so"
                )
            for source in stage.sources:
                if source not in self.sources:
                    raise unknown_name(f"source of stage '{name}':", source, self.sources)
        return self
