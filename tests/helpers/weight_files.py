"""A weights file of a tiny, untrained network that sees objects everywhere."""

from pathlib import Path

import torch

from propose_reduce.models.build import build
from propose_reduce.models.weights import save_weights
from propose_reduce.settings import InferenceSettings, ModelSettings

CATEGORIES = ("cat", "dog")


def tiny_weights(path: Path) -> Path:
    """Write the file; the network is the same every time."""
    model = ModelSettings(
        categories=CATEGORIES,
        backbone="resnet10t",
        pyramid_channels=16,
        box_channels=16,
        mask_channels=16,
        mask_layers=1,
        propagation_channels=16,
        key_channels=8,
        anchor_sizes=(16, 32, 64, 128, 256),
        long_side=64,
        short_side=64,
    )
    inference = InferenceSettings.model_validate(
        {"propose": {"min_score": 0.0, "mask_nms": None}, "reduce": {"min_score": 0.0}}
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(model)
    save_weights(path, network, model, inference, {"source": "tests"})
    return path
