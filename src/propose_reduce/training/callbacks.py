"""What happens on a run's way: checkpoints, validations, pictures, throughput, its early end."""

import math
import signal
import sys
import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import lightning
import numpy as np
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.pytorch.callbacks import Callback, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from PIL import Image
from torch import Tensor

from propose_reduce.data.videos import VideoSet
from propose_reduce.drawing.paint import colour_of, paint
from propose_reduce.errors import InputError
from propose_reduce.files import check_regular, foreign_content, replacing
from propose_reduce.models.backbone import Features
from propose_reduce.models.detector import paste
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN, TrainingBatch
from propose_reduce.models.seq_prop_head import soft_aggregate
from propose_reduce.models.weights import load_weights, save_weights
from propose_reduce.settings import Preset
from propose_reduce.training.data import MicroBatch
from propose_reduce.training.module import TrainingModule
from propose_reduce.training.validation import judge

LAST, BEFORE = "last.ckpt", "last-before.ckpt"
"""A stage's newest checkpoint, and the one before it."""

NEEDED = {"state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks", "global_step"}
"""What Lightning goes on from."""


class WholeCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place and then renames it; of the last the one before stays.

    Lightning writes into TMPDIR: where that is on another file system, ending the process while it
    is moved would leave nothing.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            InputError: the system refuses; the last checkpoint stays.
        """
        place = Path(path)
        with replacing(place) as temporary:
            torch.save(checkpoint, temporary)
            if place.name == LAST and place.is_file():
                place.replace(place.with_name(BEFORE))


def checkpoint_to_resume(folder: Path) -> Path | None:
    """Return the newest checkpoint of a stage that can be read; None where it has none.

    Raises:
        InputError: it has some, and none of them can be read.
    """
    faults: list[str] = []
    for path in (folder / LAST, folder / BEFORE):
        if not path.exists():
            continue
        fault = _checkpoint_fault(path)
        if fault is None:
            for told in faults:
                warnings.warn(f"{told}: going on from '{path.name}'", stacklevel=2)
            return path
        faults.append(f"'{path}' {fault}")
    if faults:
        raise InputError(f"{'; '.join(faults)}: start the run anew in another folder")
    return None


def _checkpoint_fault(path: Path) -> str | None:
    """Return why a checkpoint cannot be gone on from, if so. It is read without running code."""
    check_regular(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch passes on what zip, pickle and the system make of damage
        what = foreign_content(path)
        if what and "zip" not in what:
            return f"is {what}"
        reason = (str(error) or type(error).__name__).splitlines()[0]
        return f"is damaged or not a checkpoint: {reason:.100}"
    missing = NEEDED - content.keys() if isinstance(content, dict) else NEEDED
    return f"is not a checkpoint: it lacks {', '.join(sorted(missing))}" if missing else None


@torch.no_grad()
def sample_picture(network: SeqMaskRCNN, batch: TrainingBatch) -> np.ndarray:
    """Return one picture of the first pair of a batch, uint8 RGB (H, 4 W, 3).

    From left to right: the reference with the masks that the memory gets, the query, the
    propagated masks, the truth.

    Args:
        network: in evaluation mode.
        batch: its first pair is shown.
    """
    reference, query, target = batch.references[0], batch.queries[0], batch.propagation[0]
    height, width = query.shape[-2:]
    before, now = network.features(reference[None]), network.features(query[None])
    given = target.reference_masks
    memory_masks = _predicted_masks(network, before, target.reference_boxes, target.labels)
    if given is not None:
        memory_masks = given.float()
    propagated = torch.zeros((0, height, width))
    if len(target.labels):
        memory = network.prop_head.memorize(before.p2, memory_masks)
        separate = network.prop_head.segment(
            memory.key, memory.value, network.prop_head.query(now.p2), now.c2, now.c3
        )
        propagated = soft_aggregate(separate)[1:, :height, :width]
    panels = [
        _overlay(reference, memory_masks[:, :height, :width] > 0.5),
        _overlay(query, torch.zeros((0, height, width), dtype=torch.bool)),
        _overlay(query, propagated > 0.5),
        _overlay(query, target.query_masks[:, :height, :width] > 0),
    ]
    return np.concatenate(panels, axis=1)


def _predicted_masks(
    network: SeqMaskRCNN, features: Features, boxes: Tensor, labels: Tensor
) -> Tensor:
    """Return the mask head's soft masks of true boxes on the padded canvas."""
    canvas = (4 * features.p2.shape[-2], 4 * features.p2.shape[-1])
    return paste(network.detector.small_masks(features.pyramid, [boxes], labels), boxes, canvas)


def _overlay(image: Tensor, masks: Tensor) -> np.ndarray:
    """Return an image (3, H, W) with masks (O, H, W) in colours, uint8 RGB (H, W, 3)."""
    picture = image.permute(1, 2, 0).cpu().numpy().astype(np.uint8)
    colours = [colour_of(number) for number in range(1, len(masks) + 1)]
    return paint(picture, list(masks.cpu().numpy()), colours)


VALIDATIONS = 5  # of a stage where no number of steps is set
BETWEEN_NOTES = 60.0  # seconds
DEAD, DEAD_BATCHES = 0.9995, 20
"""A propagation loss of nothing found, and how often in a row it is no chance."""


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
        note: called with the result.
    """

    def __init__(
        self,
        videos: VideoSet | None,
        preset: Preset,
        folder: Path,
        best: Path,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(preset.training.validation.every or 0)
        self.videos, self.preset, self.folder, self.best = videos, preset, folder, best
        self.note, self.best_precision = note, -1.0

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        """Count from the step that the run starts at."""
        super().on_train_start(trainer, pl_module)
        self.every = self.every or max(1, pl_module.steps // VALIDATIONS)

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
        if trainer.is_global_zero:
            best = ", the best so far" if average_precision > self.best_precision else ""
            self.note(f"validation at step {trainer.global_step}: AP {average_precision:.3f}{best}")
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
        set_elsewhere: Any = trainer  # by Lightning, outside of the class
        for callback in set_elsewhere.callbacks:
            if isinstance(callback, Throughput) and callback.pairs_per_second:
                metrics["pairs/s"] = f"{callback.pairs_per_second:.2g}"
                metrics["left"] = callback.left(trainer, pl_module).removesuffix(" left")
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
    """Logs pairs per second, over the steps between two lines of the log, and tells what is left.

    Args:
        every: steps between two lines.
        note: called with the progress now and then where no bar shows it.

    Attributes:
        pairs_per_second: of the last line; None before it.
        later: work of the stages to come, in pixels of pairs; None where that is not known.
    """

    def __init__(self, every: int, note: Callable[[str], None] = lambda _: None) -> None:
        super().__init__(every)
        self.note, self.later = note, cast("float | None", 0.0)
        self.pairs_per_second: float | None = None
        self._since, self._pairs, self._told = time.perf_counter(), 0, -math.inf

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
        self.pairs_per_second = self._pairs / (now - self._since)
        module.log("pairs_per_second", self.pairs_per_second)
        self._since, self._pairs = now, 0
        shown = sys.stdout.isatty()  # by the bar
        if trainer.is_global_zero and not shown and now - self._told > BETWEEN_NOTES:
            self._told = now
            loss = float(trainer.callback_metrics.get("loss/total", torch.nan))
            self.note(
                f"step {trainer.global_step} of {module.steps}: loss {loss:.3f}, "
                f"{self.pairs_per_second:.2g} pairs/s, {self.left(trainer, module)}"
            )

    def left(self, trainer: lightning.Trainer, module: TrainingModule) -> str:
        """Return how long the run goes on, as it looks now; of this stage where it is unknown."""
        if not self.pairs_per_second:
            return ""
        stage = module.stage
        pairs = (module.steps - trainer.global_step) * stage.batch_size * stage.accumulate
        seconds = pairs * trainer.world_size / self.pairs_per_second
        if self.later is None:
            return f"{_duration(seconds)} left of this stage"
        seconds += self.later / module.pixels / self.pairs_per_second
        return f"{_duration(seconds)} left"


def _duration(seconds: float) -> str:
    """Return a length of time, such as "2 h 05 min"."""
    if seconds < 60:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


class DeadHead(Callback):
    """Warns, once, where the propagation loss stays at 1: the head finds nothing, nor learns.

    Args:
        note: called with the warning.
    """

    def __init__(self, note: Callable[[str], None]) -> None:
        self.note, self._steps = note, 0

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: MicroBatch,
        batch_idx: int,
    ) -> None:
        """Look at the loss of this batch."""
        dead = pl_module.losses.get("propagation", 0.0) >= DEAD
        self._steps = self._steps + 1 if dead else 0
        if self._steps == DEAD_BATCHES and trainer.is_global_zero:
            self.note(
                f"warning: the propagation loss has been 1 for {DEAD_BATCHES} batches up to step "
                f"{trainer.global_step}: the Seq-Prop head is dead and does not come back by "
                "itself; start anew with a lower learning rate (training.stages.NAME."
                "head_learning_rate) or warm-up (warmup_steps)"
            )
