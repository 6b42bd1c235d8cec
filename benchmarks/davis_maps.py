"""Random DAVIS data for the benchmarks: label maps of moving ellipses as palette PNGs."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

Ellipse = tuple[np.ndarray, np.ndarray, np.ndarray, float]
"""Centre (x, y) and its step per frame, radii (x, y), all in pixels, and the angle in degrees."""


def make_davis(
    folder: Path,
    *,
    sequences: int,
    frames: int,
    objects: int,
    proposals: int,
    size: tuple[int, int],
    seed: int = 0,
) -> None:
    """Write ``truth/<sequence>/*.png`` and ``result/<sequence>/*.png``.

    The first proposals of a sequence follow its objects with an error, the others are elsewhere.

    Args:
        folder: where they go.
        sequences: how many.
        frames: per sequence.
        objects: in all sequences together.
        proposals: per sequence, not fewer than the objects of any one.
        size: (height, width) in pixels.
        seed: of the random numbers.
    """
    random = np.random.default_rng(seed)
    for index in range(sequences):
        own = objects // sequences + (index < objects % sequences)
        truth = [_ellipse(random, size) for _ in range(own)]
        others = [_ellipse(random, size) for _ in range(proposals - own)]
        for frame in range(frames):
            name = f"{index:03d}/{frame:05d}.png"
            followed = [
                (centre + random.normal(0, 3, 2), step, radii * random.uniform(0.9, 1.1, 2), angle)
                for centre, step, radii, angle in truth
            ]
            _write(folder / "truth" / name, truth, frame, size)
            # objects last, so that the proposals elsewhere do not hide those that follow them
            _write(folder / "result" / name, others + followed, frame, size)


def _ellipse(random: np.random.Generator, size: tuple[int, int]) -> Ellipse:
    height, width = size
    centre = random.uniform(0.2, 0.8, 2) * [width, height]
    radii = random.uniform(0.05, 0.2, 2) * height
    return centre, random.normal(0, 1, 2), radii, float(random.uniform(0, 180))


def _write(path: Path, ellipses: list[Ellipse], frame: int, size: tuple[int, int]) -> None:
    labels = np.zeros(size, dtype=np.uint8)
    for label, (centre, step, radii, angle) in enumerate(ellipses, start=1):
        x, y = (centre + frame * step).astype(int).tolist()
        width, height = radii.astype(int).tolist()
        cv2.ellipse(labels, (x, y), (width, height), angle, 0, 360, label, thickness=-1)
    image = Image.fromarray(labels)
    image.putpalette(np.random.default_rng(0).integers(0, 256, 768, dtype=np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
