"""Optimiser and learning rate of a stage."""

import math
from collections.abc import Iterable

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.settings.training import StageSettings

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
