"""A benchmark that takes seconds: a tiny network, a few small frames."""

from pathlib import Path

import torch
import yaml
from networks import TINY
from places import REPOSITORY

from propose_reduce.benchmarking.workload import Workload, load_model

BENCHMARKS = REPOSITORY / "benchmarks"
SIZE = (64, 96)


def tiny_preset(folder: Path, key_frames: int = 3, memory_every: int = 2) -> Path:
    """Write the preset and return its path."""
    model = {**TINY.model_dump(mode="json"), "long_side": SIZE[1], "short_side": SIZE[0]}
    inference = {
        "propose": {"key_frames": key_frames},
        "propagate": {"memory_every": memory_every},
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump({"model": model, "inference": inference}), encoding="utf-8")
    return path


def tiny_work(folder: Path, objects: int = 2, frames: int = 4) -> Workload:
    """Return tiny work, its video in the folder."""
    model = load_model(tiny_preset(folder), None, torch.device("cpu"))
    return Workload.write(model, objects, frames, folder)
