"""A model and runs small enough for tests of training."""

import json

import torch
from safetensors.torch import load_file

from propose_reduce.data.clips import PairSettings
from propose_reduce.data.shapes.pairs import ShapesPairs
from propose_reduce.models.build import build
from propose_reduce.settings import Preset
from propose_reduce.training.data import MicroBatches, Mixture

MODEL = {
    "categories": "shapes",
    "backbone": "resnet10t",
    "pyramid_channels": 16,
    "box_channels": 16,
    "mask_channels": 8,
    "mask_layers": 1,
    "propagation_channels": 8,
    "key_channels": 8,
    "anchor_sizes": [16, 32, 64, 128, 256],
    "long_side": 96,
    "short_side": 64,
    "frozen_stages": 0,
    "freeze_batch_norm": False,
}
STAGE = {"steps": 4, "batch_size": 1, "optimizer": "adamw", "learning_rate": 1e-3}


def preset(stages=None, model=None, **training):
    """Return a preset of shapes at 64 x 96 with stages of a few steps."""
    stages = {"only": {}} if stages is None else stages
    plain = {
        "sources": {"shapes": {"kind": "shapes", "samples": 50}},
        "stages": {name: {**STAGE, **stage} for name, stage in stages.items()},
        "precision": "float32",
        "workers": 0,
        "log_every": 1,
        "checkpoint_every": 2,
        "box_samples": 32,
        **training,
    }
    return Preset.model_validate({"model": {**MODEL, **(model or {})}, "training": plain})


def shapes_batches(size=2, seed=0, **options):
    """Return micro-batches of rendered pairs at 64 x 96."""
    source = ShapesPairs(PairSettings(long_side=96, short_side=64), samples=50)
    return MicroBatches(Mixture({"shapes": source}, {"shapes": None}, seed), size, seed, **options)


def network(chosen):
    """Return the preset's network, always with the same random weights."""
    torch.manual_seed(0)
    return build(chosen.model, chosen.training)


def preset_file(folder, chosen):
    """Write a preset as a file of one's own and return its path."""
    file = folder / "preset.yaml"
    file.write_text(json.dumps(chosen.model_dump(mode="json")))
    return file


def same_weights(left, right):
    """Return whether two weights files hold the same bits."""
    a, b = load_file(left), load_file(right)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
