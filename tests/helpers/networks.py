"""Networks small enough for a test: every width tiny, every layer there."""

import torch

from propose_reduce.models.build import build
from propose_reduce.models.rpn import DetectionTargets
from propose_reduce.models.seq_mask_rcnn import PropagationTargets, SeqMaskRCNN, TrainingBatch
from propose_reduce.settings import ModelSettings

TINY = ModelSettings(
    categories=("circle", "square"),
    backbone="resnet10t",
    pyramid_channels=16,
    box_channels=32,
    mask_channels=16,
    mask_layers=1,
    propagation_channels=16,
    key_channels=8,
    anchor_sizes=(16, 32, 64, 128, 256),
    frozen_stages=0,
    freeze_batch_norm=False,
)


def tiny_network(seed: int = 0, **changes: object) -> SeqMaskRCNN:
    """Return a random network of these settings."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build(ModelSettings.model_validate({**TINY.model_dump(), **changes}))


def square_frame(left: int, size: tuple[int, int] = (60, 90)) -> torch.Tensor:
    """Return a dark uint8 RGB frame (3, *size) with a bright 24 px square at row 16."""
    frame = torch.full((3, *size), 40, dtype=torch.uint8)
    frame[:, 16:40, left : left + 24] = 220
    return frame


def square_mask(left: int, size: tuple[int, int] = (60, 90)) -> torch.Tensor:
    """Return the square's mask, bool (1, *size)."""
    return (square_frame(left, size)[:1] > 128).clone()


def square_batch(samples: int = 1, objects: int = 1) -> TrainingBatch:
    """Return pairs in which the square moves 8 px; ``objects`` may be 0."""
    box = torch.tensor([[20.0, 16.0, 44.0, 40.0]])[:objects]
    labels = torch.tensor([2])[:objects]
    nothing = torch.zeros(0, 4)
    detection = DetectionTargets(box, labels, square_mask(20)[:objects], nothing)
    propagation = PropagationTargets(
        box - torch.tensor([8.0, 0, 8, 0]), labels, square_mask(20)[:objects]
    )
    return TrainingBatch(
        [square_frame(12)] * samples,
        [square_frame(20)] * samples,
        [detection] * samples,
        [propagation] * samples,
    )
