"""The recipe: the stages of a preset, one after the other, each from where the last one ended."""

import copy
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
import yaml

from propose_reduce.components.computing import fast_bfloat16
from propose_reduce.data.check import Report
from propose_reduce.errors import InputError
from propose_reduce.files import write_text
from propose_reduce.models.build import build
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.models.weights import load_weights
from propose_reduce.settings import Preset, load_preset
from propose_reduce.settings.training import StageSettings
from propose_reduce.training.callbacks import (
    ENDING,
    StopsOnSignals,
    Throughput,
    checkpoint_to_resume,
    write_result,
)
from propose_reduce.training.data import StageData
from propose_reduce.training.module import TrainingModule
from propose_reduce.training.sources import Progress, check_validation, open_mixture, remarkable
from propose_reduce.training.start import check_start, start_from
from propose_reduce.training.trainer import (
    has_cuda,
    is_first_process,
    largest_batch_size,
    make_trainer,
)

SETTINGS = "preset.yaml"


@dataclass(frozen=True, slots=True)
class Run:
    """Where and how a recipe is carried out.

    Attributes:
        folder: of the run.
        resume: go on from the last checkpoint.
        devices: GPUs, or processes on the CPU; each sees batches of its own. None: what
            ``torchrun`` says, or one.
        batch_size: in place of the stages' own; "auto": the largest that fits the CUDA device.
    """

    folder: Path
    resume: bool = False
    devices: int | None = None
    batch_size: int | Literal["auto"] | None = None


def train(
    preset: Preset,
    run: Run,
    *,
    tell: Callable[[Report], None] | None = None,
    note: Callable[[str], None] = lambda _: None,
    progress: Progress | None = None,
) -> Path:
    """Train a model and return its weights file, ``weights.safetensors`` in the run's folder.

    Args:
        preset: model, inference (what the file will carry) and training.
        run: where and how.
        tell: called with each data set that has faults or warnings, before a run is refused.
        note: called with what the user should know: device, start, progress, validation, warnings.
        progress: called with frames done and frames in all while data sets are checked.

    Raises:
        InputError: a folder in use, nothing to resume, nothing to start or to learn from, a faulty
            data set, or a loss that is not finite.
    """
    check_start(preset)
    preset = _with_precision(preset, run)
    said = note if is_first_process() else lambda _: None
    lightning.seed_everything(preset.training.seed, workers=True, verbose=False)
    network = build(preset.model, preset.training)
    begin = [f"on {_device()}, {preset.training.precision}"]
    if preset.training.init:
        begin += start_from(network, preset.model, Path(preset.training.init).expanduser())
    elif not run.resume:
        begin.append("from random weights")
    if is_first_process():
        _prepare(preset, run, tell, progress)
    for line in begin:
        said(line)
    said(f"losses: tensorboard --logdir {run.folder}")
    preset = _with_batch_sizes(preset, network, run)
    lengths: dict[str, int] = {}
    final = run.folder / "weights.safetensors"
    for name in preset.training.stages:
        done = run.folder / name / "weights.safetensors"
        if run.resume and done.is_file():
            network.load_state_dict(load_weights(done).network.state_dict())
            continue
        module = _run_stage(preset, name, network, run, said, lengths)
        network.load_state_dict(module.result.state_dict())
        if module.global_rank == 0:
            card = {"stage": name, "step": module.steps}
            write_result(final, module, preset, card)
            write_result(done, module, preset, card, dtype=None)  # what the next stage starts from
    return final


def _prepare(
    preset: Preset,
    run: Run,
    tell: Callable[[Report], None] | None,
    progress: Progress | None,
) -> None:
    """Refuse what cannot work before the first step."""
    folder, settings = run.folder, run.folder / SETTINGS
    if run.resume and not settings.is_file():
        raise InputError(f"'{folder}' holds no run to resume: leave out --resume to start one")
    if not run.resume and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"'{folder}' exists and is not empty: give a new folder, or --resume")
    check_validation(preset)
    if run.resume:
        _check_same(preset, load_preset(settings), folder)
        return
    reports = remarkable(preset, progress)
    for report in reports:
        if tell is not None:
            tell(report)
    if faulty := [report for report in reports if report.faults]:
        names = ", ".join(f"'{report.name}' has {report.verdict()}" for report in faulty)
        raise InputError(f"{names}: correct what is listed; 'data check' lists it again")


def _run_stage(
    preset: Preset,
    name: str,
    network: SeqMaskRCNN,
    run: Run,
    note: Callable[[str], None],
    lengths: dict[str, int],
) -> TrainingModule:
    """Train one stage and return its module.

    Args:
        preset: all of the run.
        name: of the stage.
        network: to train.
        run: where and how.
        note: called with what the user should know.
        lengths: samples of the sources that have been opened so far; those of this stage come in.
    """
    training, folder = preset.training, run.folder / name
    stage, seed = training.stages[name], _seed(preset, name)
    mixture = open_mixture(preset, stage, seed)
    if is_first_process():  # not before: a mistake in them leaves no folder behind
        content = json.loads(preset.model_dump_json())
        write_text(run.folder / SETTINGS, yaml.safe_dump(content, sort_keys=False))
    lengths |= {source: len(pairs) for source, pairs in mixture.sources.items()}
    trainer = make_trainer(preset, name, run.folder, run.devices, note)
    epoch_steps = len(mixture) / (stage.batch_size * stage.accumulate * trainer.world_size)
    steps = stage.steps or max(1, round(stage.epochs * epoch_steps))
    trainer.fit_loop.epoch_loop.max_steps = steps
    trainer.limit_train_batches = steps * stage.accumulate  # the progress bar's total
    logged: Any = trainer  # Lightning sets this one outside of the class
    logged.log_every_n_steps = min(training.log_every, steps)
    network.separate_loss = stage.separate_loss
    module = TrainingModule(
        network,
        training,
        stage,
        seed=seed,
        steps=steps,
        epoch_steps=epoch_steps,
        pixels=_pixel_count(preset, stage),
    )
    note(f"stage '{name}': {steps} steps of {stage.batch_size * stage.accumulate} pairs")
    for callback in logged.callbacks:
        if isinstance(callback, Throughput):
            callback.later = _later(preset, name, lengths, trainer.world_size)
    with _interruptible(trainer):
        trainer.fit(
            module,
            StageData(mixture, stage, seed=seed, workers=training.workers),
            ckpt_path=checkpoint_to_resume(folder) if run.resume else None,
            weights_only=True,
        )
    if trainer.global_step < steps:
        raise InputError(f"stopped at step {trainer.global_step} of {steps}: --resume goes on")
    return module


def _pixel_count(preset: Preset, stage: StageSettings) -> int:
    """Return the pixels of one picture of a stage."""
    model = preset.model
    return (stage.long_side or model.long_side) * (stage.short_side or model.short_side)


def _later(preset: Preset, name: str, lengths: dict[str, int], world: int) -> float | None:
    """Return the work of the stages after one, in pixels of pairs; None where it is not known."""
    stages = preset.training.stages
    work = 0.0
    for later in list(stages)[list(stages).index(name) + 1 :]:
        stage = stages[later]
        names = stage.sources or tuple(preset.training.sources)
        if stage.steps is None and not all(source in lengths for source in names):
            return None
        pairs = (
            stage.epochs * sum(lengths[source] for source in names)
            if stage.steps is None
            else stage.steps * stage.batch_size * stage.accumulate * world
        )
        work += pairs * _pixel_count(preset, stage)
    return work


def _device() -> str:
    """Return what the run computes on."""
    if has_cuda():
        return f"the GPU {torch.cuda.get_device_name()}"
    threads = torch.get_num_threads()
    return f"the CPU, {threads} thread{'s' if threads > 1 else ''}"


def _check_same(asked: Preset, begun: Preset, folder: Path) -> None:
    """Raise InputError where a checkpoint does not fit what a resumed run asks for."""
    now, then = asked.training, begun.training
    both = now.stages.keys() & then.stages.keys()
    changed = {
        "model": asked.model != begun.model,
        "training.average (0 or not)": bool(now.average) != bool(then.average),
        **{
            f"training.stages.{name}.optimizer": now.stages[name].optimizer
            != then.stages[name].optimizer
            for name in sorted(both)
        },
    }
    for name, differs in changed.items():
        if differs:
            raise InputError(
                f"the run in '{folder}' began with another {name}: resume it without the change, "
                "or give a new folder"
            )


@contextmanager
def _interruptible(trainer: lightning.Trainer) -> Iterator[None]:
    """Let Ctrl-C through, which Lightning turns into an exit of the whole process.

    A signal that ends a process does so with the exit code that tells it.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    try:
        yield
    except SystemExit as stop:
        if not trainer.interrupted:
            raise
        set_elsewhere: Any = trainer  # by Lightning, outside of the class
        for callback in set_elsewhere.callbacks:
            if isinstance(callback, StopsOnSignals) and callback.received is not None:
                raise SystemExit(128 + callback.received) from stop
        raise KeyboardInterrupt from stop
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)


def _with_precision(preset: Preset, run: Run) -> Preset:
    """Return the preset with the precision of the run that goes on, or of this machine."""
    training = preset.training
    if training.precision != "auto":
        return preset
    if run.resume and (run.folder / SETTINGS).is_file():
        chosen = load_preset(run.folder / SETTINGS).training.precision
    else:
        device = torch.device("cuda" if has_cuda() else "cpu")
        chosen = "bfloat16" if fast_bfloat16(device) else "float32"
    return preset.model_copy(update={"training": training.model_copy(update={"precision": chosen})})


def _with_batch_sizes(preset: Preset, network: SeqMaskRCNN, run: Run) -> Preset:
    """Return the preset with the batch sizes that the run asks for; "auto" is searched once.

    The first process writes the preset into the run's folder before Lightning starts the others,
    with the same command line: they, and a run that goes on, take from there what it has found.

    Raises:
        InputError: a search in processes that torchrun has started, all at once.
    """
    if run.batch_size is None:
        return preset
    stages, known = preset.training.stages, {}
    if run.batch_size == "auto":
        if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1":
            raise InputError(
                "--batch-size auto is searched by one process alone: give a number, or --devices N "
                "in place of torchrun"
            )
        if (run.folder / SETTINGS).is_file() and (run.resume or not is_first_process()):
            known = load_preset(run.folder / SETTINGS).training.stages
    sizes = {
        name: known[name].batch_size if name in known else _batch_size(preset, name, network, run)
        for name in stages
    }
    sized = {n: stage.model_copy(update={"batch_size": sizes[n]}) for n, stage in stages.items()}
    training = preset.training.model_copy(update={"stages": sized})
    return preset.model_copy(update={"training": training})


def _batch_size(preset: Preset, name: str, network: SeqMaskRCNN, run: Run) -> int:
    """Return the number of pairs asked for, or how many fit in this stage."""
    if isinstance(run.batch_size, int):
        return run.batch_size
    training, stage, seed = preset.training, preset.training.stages[name], _seed(preset, name)
    return largest_batch_size(
        TrainingModule(copy.deepcopy(network), training, stage, seed=seed, steps=1000),
        StageData(open_mixture(preset, stage, seed), stage, seed=seed, workers=training.workers),
        training,
    )


def _seed(preset: Preset, name: str) -> int:
    """Return the seed of a stage's samples."""
    return 1000 * preset.training.seed + list(preset.training.stages).index(name)
