"""Surfaces of the shapes benchmark: gradients, stripes, checks, dots and clouds in two colours."""

import cv2
import numpy as np


def clouds(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """Return smooth noise in 0..1, float32 (height, width), three octaves from ``cells`` on."""
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(3):
        count = cells << octave
        grid = rng.random((count, max(2, count * width // height)), dtype=np.float32)
        total += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) / (1 << octave)
    return np.clip(total / 1.75, 0, 1)


def _pattern(rng: np.random.Generator, height: int, width: int, period: float) -> np.ndarray:
    """Return a pattern in 0..1, float32 (height, width), of one of four kinds."""
    kind, turn = int(rng.random() * 4), rng.random() * np.pi
    if kind == 0:
        return clouds(rng, height, width, 3)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    along = np.sin((x * np.cos(turn) + y * np.sin(turn)) * (2 * np.pi / period))
    if kind == 1:
        return 0.5 + 0.5 * np.clip(2.5 * along, -1, 1)
    across = np.sin((y * np.cos(turn) - x * np.sin(turn)) * (2 * np.pi / period))
    if kind == 2:
        return 0.5 + 0.5 * np.clip(3 * along * across, -1, 1)
    return np.clip(along + across - 0.6, 0, 1)


def _gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return light that falls from one side, float32 (height, width), about 1."""
    turn, depth = rng.random() * 2 * np.pi, 0.1 + 0.2 * rng.random()
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    return 1 + depth * (x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn)))


def colour(rng: np.random.Generator, away_from: np.ndarray | None = None) -> np.ndarray:
    """Return an RGB colour in 30..225, float32 (3,), as far as three draws get from another."""
    candidates = 30 + 195 * rng.random((3, 3))
    if away_from is None:
        return candidates[0].astype(np.float32)
    distance = np.abs(candidates - away_from).sum(axis=1)
    return candidates[int(distance.argmax())].astype(np.float32)


def texture(
    rng: np.random.Generator,
    base: np.ndarray,
    contrast: float,
    period: float,
    size: tuple[int, int],
) -> np.ndarray:
    """Return a surface, uint8 RGB (height, width, 3).

    Args:
        rng: where its pattern, light and second colour come from.
        base: main colour, RGB in 0..255.
        contrast: how much of the second colour comes through, 0..1.
        period: of its pattern, pixels.
        size: (height, width).
    """
    light = _gradient(rng, *size)
    share = np.float32(contrast) * _pattern(rng, *size, period) * light
    other = colour(rng)
    # Plane by plane: three times as fast as arithmetic on interleaved channels.
    planes = [a * light + (b - a) * share for a, b in zip(base, other, strict=True)]
    return cv2.merge([np.clip(plane, 0, 255).astype(np.uint8) for plane in planes])
