"""The worlds of the shapes benchmark: what is where at any time, as a pure function.

A world is drawn once from a random stream; everything that moves in it is a formula of the time
t in frames. Lengths are in units in which the picture is 192 high, whatever size it is rendered
at; x points right, y down. Only ``Generator.random`` is drawn from: its stream is the most stable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import cv2
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


HEIGHT = 192.0
KNOT_SPACING = 6  # frames between the points of a path: its shortest turn takes about 1/4 s


@dataclass(frozen=True, slots=True)
class Wave:
    """A value that swings: ``size * sin(2 pi t / period + phase)``; period in frames."""

    size: float
    period: float
    phase: float

    def __call__(self, t: float) -> float:
        """Return the value at time ``t``."""
        return self.size * float(np.sin(2 * np.pi * t / self.period + self.phase))


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A smooth path (Catmull-Rom) through float64 knots (n, 2); knot 1 is passed at t = 0."""

    knots: np.ndarray

    def __call__(self, t: float) -> np.ndarray:
        """Return x, y at time ``t``."""
        last = len(self.knots) - 3
        place = min(max(t / KNOT_SPACING, 0.0), float(last))
        index = min(int(place), last - 1)
        u = place - index
        weights = 0.5 * np.array(
            [
                -u + 2 * u**2 - u**3,
                2 - 5 * u**2 + 3 * u**3,
                u + 4 * u**2 - 3 * u**3,
                -(u**2) + u**3,
            ]
        )
        position: np.ndarray = weights @ self.knots[index : index + 4]
        return position


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """Something that moves: an object, or clutter, which has no category.

    Attributes:
        category: index into SHAPES, or None for clutter.
        outline: its polygons at rest.
        path: where its centre goes.
        radius: its size at rest.
        aspect: how much wider than high, about 1.
        pulse: relative change of size.
        angle: radians at t = 0; spin: radians per frame.
        wobble: relative depth of the lobes that run around its edge; lobes: how many.
        bend: curvature, relative to its size.
        drift: how much of the camera's pan moves it: 0 follows the camera, 1 stands in the world.
        texture: uint8 RGB (S, S, 3) over the square of -1.5..1.5 radii.
    """

    category: int | None
    outline: Outline
    path: Path
    radius: float
    aspect: float
    pulse: Wave
    angle: float
    spin: float
    wobble: Wave
    lobes: int
    bend: Wave
    drift: float
    texture: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """How the picture is taken.

    Attributes:
        pan: the picture's corner in the world.
        shake: Waves of x and y. roll: radians. zoom: relative.
        light: relative brightness.
        shutter: share of a frame's time in which light falls in; 0 is no motion blur.
        noise: standard deviation of the sensor noise, in grey levels of 255.
        softness: standard deviation of the lens blur, in units.
    """

    pan: Path
    shake: tuple[Wave, Wave]
    roll: Wave
    zoom: Wave
    light: Wave
    shutter: float
    noise: float
    softness: float


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Bodies from back to front in front of a background, and the camera.

    Attributes:
        background: uint8 RGB (h, w, 3), one pixel per unit; goes on mirrored beyond its border.
        width: of the picture, in units.
    """

    bodies: tuple[Body, ...]
    background: np.ndarray
    camera: Camera
    width: float
