"""The worlds of the shapes benchmark: what is where at any time, as a pure function.

A world is drawn once from a random stream; everything that moves in it is a formula of the time
t in frames. Lengths are in units in which the picture is 192 high, whatever size it is rendered
at; x points right, y down. Only ``Generator.random`` is drawn from: its stream is the most stable.
"""

from dataclasses import dataclass

import numpy as np

from propose_reduce.data.shapes.contours import Outline

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
