"""Outlines of the shapes benchmark: what tells its categories apart.

An outline is a tuple of closed polygons, float64 (V, 2) in x, y, about one unit in radius; a
second polygon is a hole. Edges carry many vertices, so that they can bend.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

Outline: TypeAlias = tuple[np.ndarray, ...]

VERTICES = 48  # at a radius of 45 pixels an edge is then at most 6 pixels long


def _around(count: int = VERTICES, start: float = 0.0, stop: float = 2 * np.pi) -> np.ndarray:
    """Return ``count`` angles from ``start`` to before ``stop``."""
    return np.linspace(start, stop, count, endpoint=False)


def _polar(angles: np.ndarray, radius: np.ndarray | float = 1.0) -> np.ndarray:
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)


def _subdivide(corners: np.ndarray) -> np.ndarray:
    """Return the polygon with every edge cut into equal parts, about VERTICES in all."""
    parts = max(2, VERTICES // len(corners))
    shares = np.linspace(0, 1, parts, endpoint=False)[:, None]
    following = np.roll(corners, -1, axis=0)
    return np.concatenate([a + shares * (b - a) for a, b in zip(corners, following, strict=True)])


def _circle() -> Outline:
    return (_polar(_around()),)


def _square() -> Outline:
    return (_subdivide(0.86 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])),)


def _triangle() -> Outline:
    return (_subdivide(_polar(_around(3, -np.pi / 2, 1.5 * np.pi), 1.2)),)


def _star() -> Outline:
    radius = np.where(np.arange(10) % 2 == 0, 1.2, 0.5)
    return (_subdivide(_polar(_around(10), radius)),)


def _cross() -> Outline:
    a, b = 1.1, 0.34
    half = [[-b, -a], [b, -a], [b, -b], [a, -b], [a, b], [b, b]]
    corners = np.array(half + [[-x, -y] for x, y in half])
    return (_subdivide(corners),)


def _ring() -> Outline:
    return (_polar(_around(), 1.05), _polar(_around(), 0.55))


def _crescent() -> Outline:
    outer = _polar(_around(32, 0.25 * np.pi, 1.75 * np.pi), 1.15)
    inner = _polar(_around(24, 1.6 * np.pi, 0.4 * np.pi), 0.85) + np.array([0.55, 0.0])
    return (np.concatenate([outer, inner]) + np.array([0.15, 0.0]),)


def _heart() -> Outline:
    angles = _around()
    x = 16 * np.sin(angles) ** 3
    y = 13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles) - np.cos(4 * angles)
    return (np.stack([x, -y - 2.5], axis=1) / 15.0,)


_OUTLINES: dict[str, Callable[[], Outline]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "cross": _cross,
    "ring": _ring,
    "crescent": _crescent,
    "heart": _heart,
}

SHAPES = tuple(_OUTLINES)
"""Names of the categories, in id order from 1."""


def outline(shape: str) -> Outline:
    """Return the outline of a category."""
    return _OUTLINES[shape]()


def bar(half_length: float, half_width: float) -> Outline:
    """Return a long rectangle, which is no category: clutter."""
    x, y = half_length, half_width
    return (np.array([[-x, -y], [x, -y], [x, y], [-x, y]]),)


def blob(phases: np.ndarray) -> Outline:
    """Return a lumpy outline, which is no category: clutter.

    Args:
        phases: float (3,), radians; where its two, three and five lobes lie.
    """
    angles = _around()
    radius = np.ones(VERTICES)
    for lobes, depth, phase in zip((2, 3, 5), (0.25, 0.22, 0.14), phases, strict=True):
        radius += depth * np.sin(lobes * angles + phase)
    return (_polar(angles, radius),)
