"""What happens on a run's way: weights files, validations, pictures, throughput, its early end."""

import signal
import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image

from propose_reduce.data.videos import VideoSet
from propose_reduce.files import replacing
from propose_reduce.models.weights import load_weights, save_weights
from propose_reduce.settings import Preset
from propose_reduce.training.batches import MicroBatch
from propose_reduce.training.module import TrainingModule
from propose_reduce.training.pictures import sample_picture
from propose_reduce.training.validation import judge


def write_result(
    path: Path,
    module: TrainingModule,
    preset: Preset,
    card: dict[str, Any],
    dtype: torch.dtype | None = torch.float16,
) -> None:
    """Write the network to use, with how it was trained in its card."""
    card = {"training": preset.training.model_dump(mode="json"), **card}
    save_weights(path, module.result, preset.model, preset.inference, card, dtype=dtype)


ENDING = [signal.Signals[n] for n in ("SIGTERM", "SIGHUP") if n in signal.Signals.__members__]
"""Signals that end a process: by the system, or with its terminal."""


class StopsOnSignals(Callback):
    """Lets SIGTERM and SIGHUP end a run as Ctrl-C does.

    Lightning's handler makes all processes meet, which in the middle of a step they never do; on
    Ctrl-C it ends the others.

    Attributes:
        received: the signal that came, if any did.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Replace the handlers, which the recipe gives back in the end; nohup's stays."""
        if threading.current_thread() is threading.main_thread():
            for number in ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self._stop)

    def _stop(self, number: int, _: object) -> None:
        self.received = number
        raise KeyboardInterrupt


class EverySteps(Callback, ABC):
    """Does something after every so many optimiser steps, once where batches accumulate.

    Args:
        every: steps between two times; 0: never.
    """

    def __init__(self, every: int) -> None:
        self.every, self._last = every, 0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Count from the step that the run starts at."""
        self._last = trainer.global_step

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: MicroBatch,
        batch_idx: int,
    ) -> None:
        """Act where it is due."""
        step = trainer.global_step
        if self.every and step > self._last and step % self.every == 0:
            self.act(trainer, pl_module, batch)
        self._last = step

    @abstractmethod
    def act(self, trainer: lightning.Trainer, module: TrainingModule, batch: MicroBatch) -> None:
        """Do it; called on every process."""


class WeightsFile(EverySteps):
    """Writes a weights file, ready to use, whenever a checkpoint is due.

    Args:
        path: the file; replaced each time.
        preset: what it describes itself with.
        every: steps between two files.
    """

    def __init__(self, path: Path, preset: Preset, every: int) -> None:
        super().__init__(every)
        self.path, self.preset = path, preset

    def act(self, trainer: lightning.Trainer, module: TrainingModule, batch: MicroBatch) -> None:
        """Write the file.

        Raises:
            InputError: the weights cannot be written; the last file and checkpoint stay.
        """
        for name, value in module.result.state_dict().items():
            if value.is_floating_point() and not torch.isfinite(value.half()).all():
                raise module.diverged(None, f"'{name}' is beyond half precision, or no number")
        if trainer.is_global_zero:
            write_result(self.path, module, self.preset, {"step": trainer.global_step})


class Validation(EverySteps):
    """Judges the network by average precision and keeps the best one.

    Its checkpoint is the best of the stage, its weights file the best of the whole run.

    Args:
        videos: told in the model's categories; None where another process judges.
        preset: model, inference, and how often.
        folder: of the stage; gets ``best.ckpt``.
        best: weights file of the best network.
    """

    def __init__(self, videos: VideoSet | None, preset: Preset, folder: Path, best: Path) -> None:
        super().__init__(preset.training.validation.every)
        self.videos, self.preset, self.folder, self.best = videos, preset, folder, best
        self.best_precision = -1.0

    def act(self, trainer: lightning.Trainer, module: TrainingModule, batch: MicroBatch) -> None:
        """Judge on the first process; the others wait."""
        scores = {"AP": 0.0}
        if trainer.is_global_zero and self.videos is not None:
            precision = getattr(torch, self.preset.training.precision)
            scores = judge(module.result, self.preset, self.videos, precision).scores
            named = {f"validation/{name}": value for name, value in scores.items()}
            for logger in trainer.loggers:
                logger.log_metrics(named, trainer.global_step)
        average_precision = float(trainer.strategy.broadcast(scores["AP"]))
        if average_precision > self.best_precision:
            self.best_precision = average_precision
            trainer.save_checkpoint(self.folder / "best.ckpt")
            if trainer.is_global_zero and average_precision > _judged(self.best):
                card = {"stage": self.folder.name, "step": trainer.global_step}
                write_result(self.best, module, self.preset, {**card, "validation": scores})

    def state_dict(self) -> dict[str, Any]:
        """Remember the best for a resumed run."""
        return {"best_precision": self.best_precision}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best so far."""
        self.best_precision = state_dict["best_precision"]


def _judged(path: Path) -> float:
    """Return the average precision that a weights file was kept for; -1 without a file."""
    if not path.is_file():
        return -1.0
    return float(load_weights(path).card.get("validation", {}).get("AP", -1.0))


class StageProgress(RichProgressBar):
    """A bar with the stage's name and the loss.

    Args:
        stage: its name.
    """

    def __init__(self, stage: str) -> None:
        super().__init__()
        self._name = stage

    def get_metrics(self, trainer: lightning.Trainer, pl_module: Any) -> dict[str, Any]:
        """Return what stands beside the bar; the number of the log says nothing."""
        metrics = super().get_metrics(trainer, pl_module)
        metrics.pop("v_num", None)
        return {"stage": self._name, **metrics}


class SamplePictures(EverySteps):
    """Draws the first pair of a batch: what went in, what came out, what would have been right.

    Args:
        folder: gets one PNG per picture.
        every: steps between two pictures.
    """

    def __init__(self, folder: Path, every: int) -> None:
        super().__init__(every)
        self.folder = folder

    def act(self, trainer: lightning.Trainer, module: TrainingModule, batch: MicroBatch) -> None:
        """Draw it, into a file and into TensorBoard."""
        if not trainer.is_global_zero:
            return
        network, training = module.result, module.result.training
        network.eval()
        picture = sample_picture(network, batch.pairs)
        network.train(training)
        with replacing(self.folder / f"{trainer.global_step:07d}.png") as path:
            Image.fromarray(picture).save(path)
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image(
                    "sample", picture, trainer.global_step, dataformats="HWC"
                )


class Throughput(EverySteps):
    """Logs pairs per second, over the steps between two lines of the log.

    Args:
        every: steps between two lines.
    """

    def __init__(self, every: int) -> None:
        super().__init__(every)
        self._since, self._pairs = time.perf_counter(), 0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Start the clock."""
        super().on_train_start(trainer, pl_module)
        self._since, self._pairs = time.perf_counter(), 0

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: Any, batch: MicroBatch, batch_idx: int
    ) -> None:
        """Count the pairs of all processes."""
        self._pairs += len(batch.samples) * trainer.world_size

    def act(self, trainer: lightning.Trainer, module: TrainingModule, batch: MicroBatch) -> None:
        """Log, and start the clock anew."""
        now = time.perf_counter()
        module.log("pairs_per_second", self._pairs / (now - self._since))
        self._since, self._pairs = now, 0
