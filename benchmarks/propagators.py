"""Resident memory of each propagator against the length of the video.

Run: OMP_NUM_THREADS=1 python benchmarks/propagators.py [--lengths 50 400]

Each run is a process of its own: two key frames with two objects each, on frames of noise that are
made when asked for; masks are dropped as they come. All networks are tiny and have random
weights. Memory is read after the last frame; the rise over the shortest video is what the length
costs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from propose_reduce.components.flow import FlowPropagator
from propose_reduce.components.sam_video import SamVideoPropagator
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.models.build import build
from propose_reduce.protocols import Propagator
from propose_reduce.settings import load_preset
from propose_reduce.structures import Clip, Seed

TESTS = (
    Path(__file__).parents[1] / "tests" / "helpers"
)  # the tiny video models are those of the tests
SAM_VIDEO = ("sam2", "edgetam", "sam3-tracker")
PROPAGATORS = ("flow", *SAM_VIDEO, "seq-mask-rcnn")
SIZE = (96, 160)


class Noise:
    """Frames of noise; the same index gives the same frame."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> np.ndarray:
        return np.random.default_rng(index).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


@contextmanager
def propagator(name: str, clip: Clip) -> Iterator[Propagator]:
    """Give one of ``PROPAGATORS``."""
    if name == "flow":
        yield FlowPropagator()
    elif name in SAM_VIDEO:
        sys.path.insert(0, str(TESTS))
        import sam_models

        yield SamVideoPropagator(*getattr(sam_models, f"tiny_{name.replace('-', '_')}")())
    else:
        preset = load_preset("shapes_tiny")
        network = build(preset.model).eval()
        with SeqMaskRCNNComponent(network, preset.model.categories).open(clip) as session:
            yield session


def resident_megabytes() -> float:
    """Return the memory that this process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def run(name: str, length: int) -> float:
    """Return the resident memory after a video of that length, in MB."""
    clip = Clip(Noise(length), SIZE, SIZE)
    masks = torch.zeros(2, *SIZE, dtype=torch.bool)
    masks[0, 10:50, 10:60] = masks[1, 40:90, 70:140] = True
    with propagator(name, clip) as component:
        for _ in component.propagate(clip, [Seed(0, masks), Seed(length - 1, masks)]):
            pass
        return resident_megabytes()


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or measure one run where ``--only`` names it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=[50, 400])
    parser.add_argument("--only", choices=PROPAGATORS, help="one propagator, one length, a number")
    options = parser.parse_args(arguments)
    if options.only:
        print(run(options.only, options.lengths[0]))
        return
    heads = [f"{length} frames, MB" for length in options.lengths]
    table = Table("propagator", *heads, "rise, MB")
    for name in PROPAGATORS:
        held = []
        for length in options.lengths:
            command = [sys.executable, __file__, "--only", name, "--lengths", str(length)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            held.append(float(done.stdout))
        table.add_row(name, *(f"{value:.0f}" for value in held), f"{held[-1] - held[0]:+.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
