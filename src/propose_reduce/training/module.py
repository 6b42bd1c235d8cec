"""One stage of training as a Lightning module: losses, optimiser, moving average."""

import math
from collections.abc import Iterable
from typing import Any, cast

import lightning
import torch
from torch import Tensor, distributed, nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from propose_reduce.errors import DivergedError
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.settings.training import StageSettings, TrainingSettings
from propose_reduce.training.data import MicroBatch, to_device

COSINE_END = 0.01  # of the initial learning rate: the last steps still move


def make_optimizer(network: SeqMaskRCNN, stage: StageSettings) -> Optimizer:
    """Return the optimiser of the parameters that train.

    SGD decays every weight, as the paper's recipe does; AdamW only matrices and kernels.
    """
    of_head = {id(parameter) for parameter in network.prop_head.parameters()}
    decay_all = stage.optimizer == "sgd"
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            kind = (id(parameter) in of_head, decay_all or parameter.ndim > 1)
            groups.setdefault(kind, []).append(parameter)
    head_rate = stage.head_learning_rate or stage.learning_rate
    described = [
        {
            "params": parameters,
            "lr": head_rate if in_head else stage.learning_rate,
            "weight_decay": stage.weight_decay if decayed else 0.0,
        }
        for (in_head, decayed), parameters in groups.items()
    ]
    if decay_all:
        return SGD(described, lr=stage.learning_rate, momentum=stage.momentum)
    return AdamW(described, lr=stage.learning_rate, fused=True)


def learning_rate_factor(stage: StageSettings, step: int, steps: int, epoch_steps: float) -> float:
    """Return what the initial learning rate is multiplied by.

    Args:
        stage: schedule, warm-up and milestones.
        step: 0-based optimiser step.
        steps: of the whole stage.
        epoch_steps: of one epoch.
    """
    warm = min(1.0, (step + 1) / (stage.warmup_steps + 1))
    if stage.schedule == "cosine":
        half = 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))
        return warm * (COSINE_END + (1 - COSINE_END) * half)
    return warm * 0.1 ** _passed(stage.milestones, 1 + step / epoch_steps)


def _passed(milestones: Iterable[int], epoch: float) -> int:
    return sum(epoch >= milestone for milestone in milestones)


class TrainingModule(lightning.LightningModule):
    """The joint network with its losses.

    Shape:
        - batch: MicroBatch
        - output: the total loss, a scalar

    Args:
        network: to train.
        training: what the stages have in common.
        stage: this one.
        seed: of the samplers of anchors and boxes.
        steps: optimiser steps of the stage.
        epoch_steps: optimiser steps of one pass over the samples.
        pixels: of one picture.

    Attributes:
        losses: of the last micro-batch, by name.
    """

    def __init__(
        self,
        network: SeqMaskRCNN,
        training: TrainingSettings,
        stage: StageSettings,
        *,
        seed: int,
        steps: int,
        epoch_steps: float = 1.0,
        pixels: int = 1,
    ) -> None:
        super().__init__()
        self.pixels = pixels
        self.losses: dict[str, float] = {}
        self.network: SeqMaskRCNN = network
        self.training_settings, self.stage = training, stage
        self.seed, self.steps, self.epoch_steps = seed, steps, epoch_steps
        self.average = _average(network, training.average) if training.average else None

    @property
    def result(self) -> SeqMaskRCNN:
        """The network to use: the moving average where there is one."""
        if self.average is None or int(self.average.n_averaged) == 0:
            return self.network
        return cast(SeqMaskRCNN, self.average.module)

    def on_train_start(self) -> None:
        """Put the networks into their modes, and what the stage asks for into the optimiser.

        The average is only ever used. A checkpoint brings the rates that it was made with; a run
        that goes on with others, as after divergence, is to have those.
        """
        self.network.train()
        if self.average is not None:
            self.average.eval()
        optimizer, schedule = self.trainer.optimizers[0], cast(LambdaLR, self.lr_schedulers())
        asked = make_optimizer(self.network, self.stage).param_groups
        schedule.base_lrs = [group["lr"] for group in asked]
        for group, wanted in zip(optimizer.param_groups, asked, strict=True):
            factor = schedule.lr_lambdas[0](schedule.last_epoch)
            kept = {key: value for key, value in wanted.items() if key != "params"}
            group |= {**kept, "lr": wanted["lr"] * factor, "initial_lr": wanted["lr"]}

    def training_step(self, batch: MicroBatch, batch_index: int) -> Tensor:
        """Return the sum of the losses of one micro-batch."""
        # The samplers of anchors and boxes draw from torch's generator: seeded by the batch's
        # number, a resumed run draws what an unbroken one would have drawn.
        torch.manual_seed(hash((self.seed, batch.number)) % 2**63)
        losses = self.network(batch.pairs)
        total = torch.stack(list(losses.values())).sum()
        self.losses = {name: float(value.detach()) for name, value in losses.items()}
        named = {f"loss/{name}": value for name, value in self.losses.items()}
        own = "" if torch.isfinite(total) else str(self.diverged(batch, f"losses {named}"))
        if fault := first_fault(own):
            raise DivergedError(fault)
        size = len(batch.samples)
        self.log_dict(named, batch_size=size, on_step=True)
        self.log("loss/total", total.detach(), batch_size=size, on_step=True, prog_bar=True)
        return total

    def transfer_batch_to_device(
        self, batch: MicroBatch, device: torch.device, dataloader_idx: int
    ) -> MicroBatch:
        """Move a micro-batch, which Lightning's own function cannot rebuild."""
        return to_device(batch, device)

    def configure_gradient_clipping(
        self,
        optimizer: Any,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient's norm; a norm that is not finite stops the run."""
        norm = torch.nn.utils.clip_grad_norm_(
            self.network.parameters(), self.training_settings.clip_gradient, foreach=True
        )
        if not torch.isfinite(norm):
            raise self.diverged(None, f"gradient norm {float(norm)}")
        self.log("gradient_norm", norm, on_step=True)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule, both counted in steps."""
        optimizer = make_optimizer(self.network, self.stage)
        schedule = LambdaLR(
            optimizer,
            lambda step: learning_rate_factor(self.stage, step, self.steps, self.epoch_steps),
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def optimizer_step(self, *arguments: Any, **keywords: Any) -> None:
        """Step, then move the average along."""
        super().optimizer_step(*arguments, **keywords)
        if self.average is not None:
            self.average.update_parameters(self.network)

    def diverged(self, batch: MicroBatch | None, what: str) -> DivergedError:
        """Return the error that ends a run whose numbers are no longer any.

        Args:
            batch: where it showed, if it was on one.
            what: which numbers.
        """
        where = f" on batch {batch.number} ({', '.join(batch.samples)})" if batch else ""
        return DivergedError(
            f"training diverged at step {self.global_step}{where}: {what}; lower the learning "
            "rate, or look at these samples; the last checkpoint is from before"
        )


def first_fault(own: str) -> str:
    """Return the fault of the first process that has one, the same in all; empty where none has.

    Args:
        own: of this process. One that stopped by itself would leave the others waiting for it.
    """
    if not distributed.is_available() or not distributed.is_initialized():
        return own
    faults: list[str] = [""] * distributed.get_world_size()
    distributed.all_gather_object(faults, own)
    return next((fault for fault in faults if fault), "")


def _average(network: SeqMaskRCNN, decay: float) -> AveragedModel:
    """Return an exponential moving average of parameters and buffers.

    The decay rises to its value, (1 + n) / (10 + n) at step n, so that random weights are
    forgotten fast.
    """

    def move(averaged: Any, current: Any, count: Any) -> None:
        n = int(count)
        share = 1 - min(decay, (1 + n) / (10 + n))
        for mean, value in zip(averaged, current, strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, share)
            else:  # a batch norm's counter
                mean.copy_(value)

    average = AveragedModel(network, multi_avg_fn=move, use_buffers=True)
    average.requires_grad_(False)
    return average.eval()
