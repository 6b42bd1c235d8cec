"""One frame of a world: its picture, and which of its pixels show which object."""

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from propose_reduce.data.shapes.world import HEIGHT, Body, Camera, World
from propose_reduce.structures import Size

SUBPIXEL_BITS = 4  # cv2 takes vertices in sixteenths of a pixel
SUPERSAMPLE = 2  # outlines are filled at twice the size: five levels of coverage at an edge
SMALLEST = 16  # pixels; of less than 4 x 4 nobody could tell what it is, so it counts as hidden
NOISE_SIDE = 1024  # of the tile that every frame's noise is cut from

_CLUTTER = 255  # in the map of owners; 0 is background, i + 1 object i


@dataclass(frozen=True, slots=True, eq=False)
class Visibility:
    """Where the objects of a rendered frame are, numbered from back to front.

    Attributes:
        masks: bool (O, H, W), the visible pixels of each object.
        areas: int64 (O,), the pixels it would have in the picture with nothing in front of it.
    """

    masks: np.ndarray
    areas: np.ndarray

    @property
    def shown(self) -> np.ndarray:
        """Which objects have a visible pixel: bool (O,)."""
        return np.asarray(self.masks.any(axis=(1, 2)))


def visibility(world: World, t: int, size: Size) -> Visibility:
    """Return where the objects are at frame ``t`` in (height, width) pixels."""
    view = _view(world, t, size)
    owners = np.zeros(size, dtype=np.uint8)
    areas: list[int] = []
    for body in world.bodies:
        patch = _patch(_pose(body, world.camera, view, t), size)
        if body.category is not None:
            areas.append(int(np.count_nonzero(patch.inside)))
        owners[patch.window][patch.inside] = _CLUTTER if body.category is None else len(areas)
    masks = owners == np.arange(1, len(areas) + 1, dtype=np.uint8)[:, None, None]
    masks[masks.sum(axis=(1, 2)) < SMALLEST] = False
    return Visibility(masks, np.array(areas, dtype=np.int64))


def picture(world: World, t: int, size: Size) -> np.ndarray:
    """Return the world as seen at frame ``t``: uint8 RGB (H, W, 3) of (height, width) pixels."""
    view = _view(world, t, size)
    image = _background(world, view, t, size)
    for body in world.bodies:
        pose = _pose(body, world.camera, view, t)
        _paint(image, _patch(pose, size), pose)
    return _expose(image, world.camera, t, size)


def _view(world: World, t: float, size: Size) -> np.ndarray:
    """Return the affine map (2, 3) from units of the picture at rest to pixels at time ``t``."""
    camera, scale = world.camera, size[0] / HEIGHT
    zoom, roll = scale * (1 + camera.zoom(t)), camera.roll(t)
    matrix = zoom * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    centre = np.array([world.width, HEIGHT]) / 2
    shake = np.array([camera.shake[0](t), camera.shake[1](t)])
    return np.column_stack([matrix, scale * (centre + shake) - matrix @ centre])


def _background(world: World, view: np.ndarray, t: float, size: Size) -> np.ndarray:
    pan = world.camera.pan
    shifted = view.copy()
    shifted[:, 2] -= view[:, :2] @ pan(t)
    image = cv2.warpAffine(
        world.background,
        shifted,
        (size[1], size[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    speed = world.camera.shutter * (view[:, :2] @ (pan(t + 0.5) - pan(t - 0.5)))
    return _streak(image, -speed)


@dataclass(frozen=True, slots=True, eq=False)
class _Pose:
    """A body at one time.

    Attributes:
        polygons: its outline in pixels.
        placement: affine map (2, 3) from its own units, radii, to pixels.
        blur: pixels it moves, (2,), while the shutter is open.
        texture: as in Body.
    """

    polygons: list[np.ndarray]
    placement: np.ndarray
    blur: np.ndarray
    texture: np.ndarray


def _pose(body: Body, camera: Camera, view: np.ndarray, t: float) -> _Pose:
    angle, radius = body.angle + body.spin * t, body.radius * (1 + body.pulse(t))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = view[:, :2] @ (radius * turn * [body.aspect, 1 / body.aspect])
    before, now, after = (body.path(u) - body.drift * camera.pan(u) for u in (t - 0.5, t, t + 0.5))
    placement = np.column_stack([matrix, view[:, :2] @ now + view[:, 2]])
    polygons = [_deform(body, ring, t) @ matrix.T + placement[:, 2] for ring in body.outline]
    blur = camera.shutter * (view[:, :2] @ (after - before))
    return _Pose(polygons, placement, blur, body.texture)


def _deform(body: Body, ring: np.ndarray, t: float) -> np.ndarray:
    """Return a polygon of the body with its lobes and its bend at time ``t``, in radii."""
    angles = np.arctan2(ring[:, 1], ring[:, 0])
    bent = ring * (1 + body.wobble(t) * np.sin(body.lobes * angles + 0.1 * t))[:, None]
    bent[:, 1] += body.bend(t) * (ring[:, 0] ** 2 - 0.5)
    return bent


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """The part of the picture that a body touches.

    Attributes:
        window: its rows and columns, empty where the body is outside.
        coverage: uint8 (h, w), how much of each pixel the body covers, without motion blur.
    """

    window: tuple[slice, slice]
    coverage: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        """The pixels covered at least by half: bool (h, w)."""
        inside: np.ndarray = self.coverage >= 128
        return inside


def _patch(pose: _Pose, size: Size) -> _Patch:
    margin = int(np.abs(pose.blur).max() / 2) + 2
    corners = np.concatenate(pose.polygons)
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + margin, size[::-1])
    if (low >= high).any():
        return _Patch((slice(0), slice(0)), np.zeros((0, 0), dtype=np.uint8))
    width, height = (high - low).tolist()
    coverage = _coverage([ring - low for ring in pose.polygons], height, width)
    return _Patch((slice(low[1], high[1]), slice(low[0], high[0])), coverage)


def _paint(image: np.ndarray, patch: _Patch, pose: _Pose) -> None:
    """Paint a body over the picture."""
    if patch.coverage.size == 0:
        return
    rows, columns = patch.window
    to_patch = pose.placement.copy()
    to_patch[:, 2] -= [columns.start, rows.start]
    side = len(pose.texture)
    to_radii = np.array([[3 / side, 0, -1.5], [0, 3 / side, -1.5], [0, 0, 1]])
    colours = cv2.warpAffine(
        pose.texture,
        to_patch @ to_radii,
        patch.coverage.shape[::-1],
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    opacity = _streak(patch.coverage, pose.blur)[..., None].astype(np.float32) / 255
    below = image[patch.window]
    mixed = below + opacity * (colours.astype(np.float32) - below)
    image[patch.window] = (mixed + 0.5).astype(np.uint8)


def _coverage(polygons: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """Return how much of each pixel the polygons cover, uint8 (height, width); holes stay 0."""
    large = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE), dtype=np.uint8)
    factor = SUPERSAMPLE << SUBPIXEL_BITS
    # A cv2 coordinate names a pixel's centre, ours its corner: hence the half pixel.
    rings = [
        np.rint(ring * factor - (1 << SUBPIXEL_BITS) / 2).astype(np.int32) for ring in polygons
    ]
    cv2.fillPoly(large, rings, 255, shift=SUBPIXEL_BITS)
    return cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA)


def _streak(image: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """Return the image blurred along ``motion``, in pixels."""
    length = int(np.abs(motion).max() + 0.5)
    if length < 1:
        return image
    side = 2 * ((length + 1) // 2) + 1
    kernel = np.zeros((side, side), dtype=np.float32)
    ends = np.rint(side // 2 + np.outer([-0.5, 0.5], motion)).astype(int).tolist()
    cv2.line(kernel, ends[0], ends[1], 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT_101)


@cache
def _noise_tile() -> np.ndarray:
    """Return standard normal noise, float32 (NOISE_SIDE, NOISE_SIDE, 3)."""
    return np.random.default_rng(1).standard_normal((NOISE_SIDE, NOISE_SIDE, 3), np.float32)


def _expose(image: np.ndarray, camera: Camera, t: int, size: Size) -> np.ndarray:
    """Return the image with lens blur, changing light and noise, uint8."""
    softness = camera.softness * size[0] / HEIGHT
    if softness > 0.25:
        image = cv2.GaussianBlur(image, (5, 5), softness)
    tile = _noise_tile()
    # Steps that are coprime to the range visit every offset before one comes back.
    top, left = (t * 379 + 11) % (NOISE_SIDE - size[0]), (t * 587 + 5) % (NOISE_SIDE - size[1])
    noise = tile[top : top + size[0], left : left + size[1]]
    return cv2.addWeighted(
        image.astype(np.float32), 1 + camera.light(t), noise, camera.noise, 0.0, dtype=cv2.CV_8U
    )
