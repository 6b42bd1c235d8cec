"""Lightning's trainer for one stage: devices, precision, logs, checkpoints, batch size finder."""

import logging
import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.tuner.tuning import Tuner

from propose_reduce.data.shapes.export import export_shapes
from propose_reduce.data.videos import VideoSet, with_categories
from propose_reduce.errors import InputError
from propose_reduce.settings import Preset
from propose_reduce.settings.training import SourceSettings, TrainingSettings, ValidationSettings
from propose_reduce.training.callbacks import (
    LAST,
    DeadHead,
    SamplePictures,
    StageProgress,
    StopsOnSignals,
    Throughput,
    Validation,
    WeightsFile,
    WholeCheckpoints,
)
from propose_reduce.training.data import StageData
from propose_reduce.training.module import TrainingModule
from propose_reduce.training.sources import open_videos

LONGEST_WAIT = timedelta(days=1)
"""Of processes for the first one, which alone looks at all images, and judges on its way."""

PRECISIONS: dict[str, Any] = {"float32": "32-true", "bfloat16": "bf16-mixed"}  # Lightning's words


def make_trainer(
    preset: Preset,
    stage: str,
    run: Path,
    devices: int | None,
    note: Callable[[str], None] = lambda _: None,
) -> lightning.Trainer:
    """Return the trainer of a stage; the number of its steps is set by the caller.

    Args:
        preset: how often it logs, validates and saves.
        stage: its name; ``run / stage`` gets logs and checkpoints.
        run: folder of the run.
        devices: GPUs, or processes on the CPU; None: what ``torchrun`` says, or one.
        note: called with what the user should know on the way.
    """
    training, folder = preset.training, run / stage
    count = devices or int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    _quiet()
    return lightning.Trainer(
        default_root_dir=folder,
        logger=_loggers(folder),
        callbacks=_callbacks(preset, stage, run, note),
        plugins=[WholeCheckpoints()],
        precision=PRECISIONS[training.precision],
        devices=count,
        num_nodes=max(1, int(os.environ.get("WORLD_SIZE", "1")) // count),
        strategy=_strategy(count),
        max_epochs=1,
        accumulate_grad_batches=training.stages[stage].accumulate,
        gradient_clip_val=training.clip_gradient,
        log_every_n_steps=training.log_every,
        use_distributed_sampler=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
    )


def largest_batch_size(module: TrainingModule, data: StageData, training: TrainingSettings) -> int:
    """Return how many pairs fit on the CUDA device at once, by Lightning's finder.

    Args:
        module: for the trial alone: it is trained a few steps.
        data: its batch size is tried out.
        training: the precision.

    Raises:
        InputError: there is no CUDA device, whose memory would set a limit.
    """
    if not has_cuda():
        raise InputError("--batch-size auto needs a CUDA device: give a number")
    trainer = lightning.Trainer(
        precision=PRECISIONS[training.precision],
        devices=1,
        gradient_clip_val=training.clip_gradient,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    found = Tuner(trainer).scale_batch_size(
        module, datamodule=data, mode="binsearch", init_val=2, batch_arg_name="batch_size"
    )
    if found is None:
        raise InputError("--batch-size auto found no batch that fits: give a number")
    return found


def _loggers(folder: Path) -> list[Any]:
    """Return a csv and a TensorBoard log; a resumed run gets files of its own beside the first."""
    version = f"logs-{1 + len(list(folder.glob('logs-*')))}"
    return [
        CSVLogger(folder, name="", version=version),
        TensorBoardLogger(folder, name="", version=version),
    ]


def _callbacks(
    preset: Preset, stage: str, run: Path, note: Callable[[str], None]
) -> list[Callback]:
    training, folder = preset.training, run / stage
    callbacks: list[Callback] = [
        WeightsFile(run / "last.safetensors", preset, training.checkpoint_every),
        StageProgress(stage),
        StopsOnSignals(),
        SamplePictures(folder / "pictures", training.pictures_every),
        Throughput(training.log_every, note),
        DeadHead(note),
        LearningRateMonitor("step"),
        ModelCheckpoint(
            dirpath=folder,
            filename=Path(LAST).stem,
            every_n_train_steps=training.checkpoint_every,
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        ),
    ]
    if training.validation.wanted:
        # torchrun's processes come here at once: one of them renders, and it alone judges
        videos = validation_videos(preset, run) if is_first_process() else None
        callbacks.append(Validation(videos, preset, folder, run / "best.safetensors", note))
    return callbacks


def validation_videos(preset: Preset, run: Path) -> VideoSet:
    """Return the videos to validate on; those of the shapes benchmark are rendered first."""
    wanted: ValidationSettings = preset.training.validation
    folder = run / f"validation-{wanted.videos}"  # another number of them on resuming: others
    source: SourceSettings = wanted
    if wanted.annotations is None:
        if not (folder / "annotations.json").is_file():
            export_shapes(folder, "val", wanted.videos)
        source = SourceSettings(annotations=str(folder / "annotations.json"))
    videos = with_categories(open_videos(source), preset.model.categories, wanted.categories)
    judged = [v for v in videos.videos if wanted.hold_out is None or v.id % wanted.hold_out == 0]
    return VideoSet(videos.name, videos.categories, tuple(judged[: wanted.videos]))


def _strategy(devices: int) -> Any:
    """Return how devices share a step: one process each, gradients averaged."""
    if devices == 1 and "LOCAL_WORLD_SIZE" not in os.environ:
        return "auto"
    backend = "nccl" if has_cuda() else "gloo"
    # A batch without any object to propagate leaves the Seq-Prop head without a gradient.
    return DDPStrategy(
        process_group_backend=backend, find_unused_parameters=True, timeout=LONGEST_WAIT
    )


def is_first_process() -> bool:
    """Tell the process that starts the others, or that torchrun numbers 0."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def has_cuda() -> bool:
    """Return whether there is a CUDA device to train on."""
    return torch.cuda.is_available()


def _quiet() -> None:
    """Silence what Lightning says about things that are meant to be so."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    for meant in (
        ".*module.s. in eval mode",  # the moving average and frozen batch norms
        ".*overridden `transfer_batch_to_device`",
        ".*does not have many workers",
        ".*Checkpoint directory .* exists and is not empty",
        ".*`isinstance.treespec, LeafSpec.` is deprecated",
        ".*your dataloader is not resumable",  # it is: it starts at the trainer's step
    ):
        warnings.filterwarnings("ignore", meant)
