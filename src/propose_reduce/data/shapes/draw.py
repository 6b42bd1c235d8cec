"""Drawing random worlds for the shapes benchmark."""

from dataclasses import dataclass

import numpy as np

from propose_reduce.data.shapes.world import (
    HEIGHT,
    KNOT_SPACING,
    SHAPES,
    Body,
    Camera,
    Path,
    Wave,
    World,
    bar,
    blob,
    colour,
    outline,
    texture,
)

TEXTURE = 48  # pixels of an object's texture; about its size in the picture
OUTSIDE = 1.4  # radii beyond the border where an object is out of sight, however deformed
FASTEST = 34.0  # units per knot spacing, under 6 pixels a frame: slower than an object is wide


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What a split draws its worlds from; pairs of numbers are ranges, both ends included.

    Attributes:
        objects: how many objects.
        crossing: probability that two look-alikes cross.
        dwell: share of the time that crossing bodies stay together.
        travelling: probability that an object enters, leaves or comes back.
        clutter: how many unlabelled bodies.
        gather: share by which paths are drawn together, for occlusion.
        travels: how often ``travelling`` is asked for.
    """

    objects: tuple[int, int]
    crossing: float
    dwell: float
    travelling: float
    clutter: tuple[int, int]
    gather: float
    travels: int = 1


class _Dice:
    """Random values from one stream, all made of ``Generator.random``."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * float(self.rng.random())

    def count(self, low: int, high: int) -> int:
        """Return a whole number in low..high."""
        return low + int((high - low + 1) * self.rng.random())

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def wave(self, size: float, shortest: float, longest: float) -> Wave:
        """Return a wave of up to ``size`` with a period in the range, in frames."""
        phase = self.between(0, 2 * np.pi)
        return Wave(self.between(0.3, 1) * size, self.between(shortest, longest), phase)


@dataclass(frozen=True, slots=True, eq=False)
class _Stage:
    """Where a world is drawn: the picture's width in units, and how many knots a path has."""

    width: float
    knots: int

    def inside(self, points: np.ndarray, margin: float) -> np.ndarray:
        """Return points moved at least ``margin`` inside the picture."""
        return np.clip(points, margin, [self.width - margin, HEIGHT - margin])


def draw_world(
    rng: np.random.Generator, difficulty: Difficulty, length: int, width: float
) -> World:
    """Return a random world.

    Args:
        rng: the only source of chance.
        difficulty: what the split is like.
        length: frames.
        width: of the picture in units; it is HEIGHT high.
    """
    dice = _Dice(rng)
    stage = _Stage(width, -(-length // KNOT_SPACING) + 3)
    base = colour(rng)
    side = int(HEIGHT * 1.25)
    background = texture(
        rng, base, dice.between(0.3, 0.8), dice.between(24, 70), (side, side * 3 // 2)
    )
    bodies = _objects(dice, stage, difficulty, base)
    for _ in range(dice.count(*difficulty.clutter)):
        bodies.insert(dice.count(0, len(bodies)), _clutter(dice, stage, base))
    return World(tuple(bodies), background, _camera(dice, stage), width)


def _camera(dice: _Dice, stage: _Stage) -> Camera:
    turn, speed = dice.between(0, 2 * np.pi), dice.between(0, 10)
    steps = np.full((stage.knots, 2), speed) * [np.cos(turn), np.sin(turn)]
    steps += 12 * (dice.rng.random((stage.knots, 2)) - 0.5)
    knots = np.cumsum(steps, axis=0)
    return Camera(
        pan=Path(knots - knots[1]),  # 0 at t = 0, where clutter stands where it was put
        shake=(dice.wave(0.8, 3, 9), dice.wave(0.8, 3, 9)),
        roll=dice.wave(0.08, 24, 60),
        zoom=dice.wave(0.08, 24, 60),
        light=dice.wave(0.06, 10, 60),
        shutter=dice.between(0, 0.7),
        noise=dice.between(1, 6),
        softness=dice.between(0, 0.7),
    )


def _objects(dice: _Dice, stage: _Stage, difficulty: Difficulty, base: np.ndarray) -> list[Body]:
    """Return the labelled bodies in random depth order."""
    count = dice.count(*difficulty.objects)
    radii = [dice.between(17, 40) for _ in range(count)]
    paths = [_walk(dice, stage, radius) for radius in radii]
    centre = stage.inside(_walk(dice, stage, 50).knots, 50)
    paths = [Path(path.knots + difficulty.gather * (centre - path.knots)) for path in paths]
    categories = [dice.count(0, len(SHAPES) - 1) for _ in range(count)]
    surfaces = [_surface(dice, base) for _ in range(count)]
    first_traveller = 0
    if dice.chance(difficulty.crossing):
        first_traveller = 2
        categories[1], radii[1] = categories[0], radii[0] * dice.between(0.85, 1.15)
        paths[0], paths[1] = _crossing(dice, stage, difficulty.dwell)
        if dice.chance(0.5):
            surfaces[1] = surfaces[0]
    for _ in range(difficulty.travels):
        if dice.chance(difficulty.travelling):
            traveller = dice.count(first_traveller, count - 1)
            paths[traveller] = _travel(dice, stage, paths[traveller], radii[traveller])
    bodies = [
        _drawn_object(dice, *values)
        for values in zip(categories, paths, radii, surfaces, strict=True)
    ]
    order = np.argsort(dice.rng.random(count))
    return [bodies[index] for index in order]


def _surface(dice: _Dice, base: np.ndarray) -> np.ndarray:
    own = colour(dice.rng, away_from=base)
    contrast, period = dice.between(0.15, 0.6), dice.between(8, 24)
    return texture(dice.rng, own, contrast, period, (TEXTURE, TEXTURE))


def _drawn_object(
    dice: _Dice, category: int, path: Path, radius: float, surface: np.ndarray
) -> Body:
    return Body(
        category=category,
        outline=outline(SHAPES[category]),
        path=path,
        radius=radius,
        aspect=dice.between(0.85, 1.18),
        pulse=dice.wave(0.22, 20, 60),
        angle=dice.between(0, 2 * np.pi),
        spin=dice.between(-0.05, 0.05),
        wobble=dice.wave(0.07, 10, 30),
        lobes=dice.count(2, 4),
        bend=dice.wave(0.16, 10, 30),
        drift=0.0,
        texture=surface,
    )


def _clutter(dice: _Dice, stage: _Stage, base: np.ndarray) -> Body:
    """Return an unlabelled body that stands in the world: a bar, or a lump."""
    if is_bar := dice.chance(0.5):
        shape = bar(dice.between(2.5, 9), 0.35)
    else:
        shape = blob(2 * np.pi * dice.rng.random(3))
    radius = dice.between(18, 34)
    where = stage.inside(dice.rng.random(2) * [stage.width, HEIGHT], 20)
    still = Wave(0, 1, 0)
    return Body(
        category=None,
        outline=shape,
        path=Path(np.tile(where, (stage.knots, 1))),
        radius=radius,
        aspect=1.0,
        pulse=still,
        angle=dice.between(0, 2 * np.pi),
        spin=0.0,
        wobble=still if is_bar else dice.wave(0.05, 10, 30),
        lobes=3,
        bend=still,
        drift=dice.between(0.8, 1.3),
        texture=_surface(dice, base),
    )


def _walk(dice: _Dice, stage: _Stage, radius: float) -> Path:
    """Return a path that wanders inside the picture and turns at its border."""
    place = stage.inside(dice.rng.random(2) * [stage.width, HEIGHT], 0.8 * radius)
    heading, step = dice.between(0, 2 * np.pi), dice.between(5, 24)
    knots = [place]
    for _ in range(stage.knots - 1):
        heading += dice.between(-0.8, 0.8)
        wanted = knots[-1] + step * np.array([np.cos(heading), np.sin(heading)])
        reached = stage.inside(wanted, 0.8 * radius)
        if not np.array_equal(reached, wanted):
            heading += np.pi / 2
        knots.append(reached)
    return Path(np.array(knots))


def _crossing(dice: _Dice, stage: _Stage, dwell: float) -> tuple[Path, Path]:
    """Return two paths that swap sides around a point that wanders."""
    centre = stage.inside(_walk(dice, stage, 55).knots, 55)
    turn, reach, aside = dice.between(0, 2 * np.pi), dice.between(45, 75), dice.between(-8, 8)
    along = np.array([np.cos(turn), np.sin(turn)])
    across = np.array([-np.sin(turn), np.cos(turn)])
    last = stage.knots - 3
    middle = last * dice.between(0.4, 0.6)
    side = (np.arange(stage.knots) - 1 - middle) / (0.5 * last)
    side = np.sign(side) * np.maximum(np.abs(side) - dwell, 0) / (1 - dwell)
    offset = reach * np.clip(side, -1.3, 1.3)[:, None] * along + aside * across
    return Path(centre + offset), Path(centre - offset)


def _travel(dice: _Dice, stage: _Stage, path: Path, radius: float) -> Path:
    """Return the path changed so that it starts outside, ends outside, or is outside between."""
    knots = path.knots.copy()
    axis, last = dice.count(0, 1), len(knots) - 1
    border = (stage.width, HEIGHT)[axis]
    sign = 1 if knots[:, axis].mean() > border / 2 else -1
    first, final = ((0, 2), (last - 3, last), (last // 2, last // 2 + 1))[dice.count(0, 2)]
    gap = np.maximum(np.maximum(first - np.arange(last + 1), np.arange(last + 1) - final), 0)
    outside = (border if sign > 0 else 0) + sign * OUTSIDE * radius
    limit = outside - sign * FASTEST * gap
    pick = np.maximum if sign > 0 else np.minimum
    knots[:, axis] = pick(knots[:, axis], limit)
    knots[first : final + 1, axis] = outside
    return Path(knots)
