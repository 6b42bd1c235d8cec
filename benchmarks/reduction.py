"""Time and memory of reducing many long sequences, against pairwise run-length encodings.

The world: objects that drift over the canvas, each proposed several times with a ragged outline
of its own. Both ways must give exactly the same sequence IoU. Run: python benchmarks/reduction.py
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from time import perf_counter

import numpy as np
import torch
from pycocotools import mask as coco
from torch import Tensor

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.reduce import packed_sequence_iou, sequence_nms
from propose_reduce.rle import encode


@dataclass(frozen=True)
class Load:
    """How much there is to reduce; ``coverage`` is the mean share of the canvas a mask covers."""

    objects: int
    copies: int
    frames: int
    height: int
    width: int
    coverage: float

    def masks(self) -> Iterator[Tensor]:
        """Yield the masks of one frame after the other: bool (objects x copies, H, W)."""
        random = np.random.default_rng(0)
        size = np.array([self.height, self.width])
        radius = np.sqrt(self.coverage * self.height * self.width / np.pi)
        stretch = random.uniform(0.7, 1.4, self.objects)
        centre = random.uniform(0.2, 0.8, (self.objects, 2)) * size
        velocity = random.uniform(-0.5, 0.5, (self.objects, 2)) * size / self.frames
        phase = random.uniform(0, 2 * np.pi, (self.objects, self.copies, 3))
        rows, columns = np.ogrid[: self.height, : self.width]
        for frame in range(self.frames):
            masks = torch.zeros(
                self.objects, self.copies, self.height, self.width, dtype=torch.bool
            )
            for thing in range(self.objects):
                y, x = centre[thing] + velocity[thing] * frame
                height, width = radius * stretch[thing], radius / stretch[thing]
                top, left = (max(int(at - 1.2 * r), 0) for at, r in ((y, height), (x, width)))
                bottom, right = (int(at + 1.2 * r) + 1 for at, r in ((y, height), (x, width)))
                dy, dx = (rows[top:bottom] - y) / height, (columns[:, left:right] - x) / width
                distance, angle = np.hypot(dy, dx), np.arctan2(dy, dx)
                for copy, shift in enumerate(phase[thing]):
                    outline = 1 + sum(
                        0.04 * np.sin(waves * angle + at + 0.1 * frame)
                        for waves, at in zip((5, 11, 23), shift, strict=True)
                    )
                    inside = torch.from_numpy(distance < outline)
                    masks[thing, copy, top:bottom, left:right] = inside
            yield masks.flatten(0, 1)


def rle_sequence_iou(encodings: list[list[dict[str, object]]]) -> Tensor:
    """Return the sequence IoU pair by pair and frame by frame from run-length encodings."""
    areas = [int(coco.area(sequence).sum()) for sequence in encodings]
    iou = torch.eye(len(encodings), dtype=torch.float64)
    for one, other in combinations(range(len(encodings)), 2):
        pairs = zip(encodings[one], encodings[other], strict=True)
        shared = sum(int(coco.area(coco.merge([a, b], intersect=True))) for a, b in pairs)
        union = areas[one] + areas[other] - shared
        iou[one, other] = iou[other, one] = shared / union if union else 0.0
    return iou


def megabytes(count: float) -> str:
    """Return bytes as text."""
    return f"{count / 1e6:10.1f} MB"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=854)
    parser.add_argument("--coverage", type=float, default=0.05)
    load = Load(**vars(parser.parse_args()))

    packed = PackedMasks(load.objects * load.copies, load.frames, (load.height, load.width))
    encodings: list[list[dict[str, object]]] = [[] for _ in range(len(packed))]
    packing = encoding = 0.0
    for frame, masks in enumerate(load.masks()):
        start = perf_counter()
        for first in range(0, len(masks), load.objects):  # as they come, one seed after another
            packed.put(frame, masks[first : first + load.objects], first)
        packing += perf_counter() - start
        start = perf_counter()
        for sequence, mask in zip(encodings, masks.numpy(), strict=True):
            sequence.append(dict(encode(mask)))
        encoding += perf_counter() - start
    scores = torch.linspace(1, 0.1, len(packed))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    start = perf_counter()
    iou = packed_sequence_iou(packed)
    kept = sequence_nms(scores, iou)
    bits = perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = perf_counter()
    expected = rle_sequence_iou(encodings)
    runs = perf_counter() - start

    pixels = load.height * load.width
    plain = len(packed) * load.frames * pixels
    print(f"{len(packed)} sequences x {load.frames} frames x {load.height} x {load.width}")
    print(f"mean coverage     {packed.areas.mean() / pixels:10.3f}")
    print(f"kept              {len(kept):10d}")
    print(f"pack as they come {packing:10.2f} s    (run-length encode {encoding:.2f} s)")
    print(f"reduce, bits      {bits:10.2f} s")
    print(f"reduce, pairwise  {runs:10.2f} s")
    print(f"ratio             {runs / bits:10.1f} x")
    print(f"same IoU          {torch.equal(iou, expected)!s:>10}")
    print(f"packed masks      {megabytes(packed.nbytes)} (as bools {megabytes(plain).strip()})")
    print(
        f"peak memory       {megabytes(1024 * after)} (before {megabytes(1024 * before).strip()})"
    )


if __name__ == "__main__":
    main()
