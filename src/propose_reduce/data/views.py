"""Random views of a photograph: what a camera that moves, blurs and drifts in colour would see.

Letters in this file: N objects, H and W pixels of a view, which may be of another size than its
photograph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from propose_reduce.data.videos import LabelledFrame
from propose_reduce.structures import Size

WARP_POINTS = 4  # control points of a thin-plate warp along each side
WARP_GRID = 12  # places along each side where it is solved for; a smooth map between them
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # of RGB (ITU-R BT.601)


@dataclass(frozen=True, slots=True)
class ViewRange:
    """How far a random view of an image may go; each value is drawn evenly.

    Attributes:
        rotation: degrees to either side.
        scale: smallest and largest, drawn evenly in the logarithm.
        shift: share of the image's sides, to either side.
        perspective: by how much depth changes from the middle to a border, share.
        flip: probability of a mirror image.
        warp: how far a thin-plate warp moves its control points, share of the image's sides.
        blur: longest path of a motion blur, share of the image's longer side.
        colour: by how much brightness, contrast, saturation and each channel change, share.
    """

    rotation: float = 20.0
    scale: tuple[float, float] = (0.7, 1.4)
    shift: float = 0.15
    perspective: float = 0.15
    flip: float = 0.5
    warp: float = 0.0
    blur: float = 0.0
    colour: float = 0.0

    def times(self, strength: float) -> ViewRange:
        """Return a range that goes ``strength`` (0-1) as far, and mirrors nothing."""
        low, high = np.log(self.scale) * strength
        return replace(
            self,
            rotation=self.rotation * strength,
            scale=(float(np.exp(low)), float(np.exp(high))),
            shift=self.shift * strength,
            perspective=self.perspective * strength,
            flip=0.0,
            warp=self.warp * strength,
            colour=self.colour * strength,
        )


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """One view of an image.

    Attributes:
        size: (H, W).
        matrix: float64 (3, 3), from pixels of the image to pixels of the view; (0, 0) is the
            upper left corner of the first pixel.
        warp: float32 (H, W, 2) or None; added to the (x, y) of a pixel of the view before the
            matrix is followed back to the image.
        blur: float32 (k, k) kernel that sums to 1, or None.
        colour: float32 (3, 4) affine map of RGB 0-255, or None.
    """

    size: Size
    matrix: np.ndarray
    warp: np.ndarray | None = None
    blur: np.ndarray | None = None
    colour: np.ndarray | None = None

    def after(self, first: View) -> View:
        """Return the view of what ``first`` sees; its blur and its colours do not come along."""
        warp = first.warp if self.warp is None else self.warp
        if self.warp is not None and first.warp is not None:
            warp = self.warp + first.warp
        return replace(self, matrix=self.matrix @ first.matrix, warp=warp)


def random_view(generator: np.random.Generator, size: Size, limits: ViewRange) -> View:
    """Return a random view of the same size as its image.

    Args:
        generator: the only source of chance.
        size: (height, width) of both.
        limits: how far it may go.
    """
    return View(
        size,
        _random_matrix(generator, size, limits),
        _random_warp(generator, size, limits.warp) if limits.warp else None,
        _random_blur(generator, limits.blur * max(size)) if limits.blur else None,
        _random_colour(generator, limits.colour) if limits.colour else None,
    )


def whole_view(image: Size, size: Size) -> View:
    """Return a view of ``size`` from the front, of an image of any size.

    The image is scaled to the view's area: where the two are of different shapes a part of it is
    cut off, and a part of the view stays empty.
    """
    zoom = np.sqrt((size[0] * size[1]) / (image[0] * image[1]))
    left, top = (size[1] - zoom * image[1]) / 2, (size[0] - zoom * image[0]) / 2
    return View(size, np.array([[zoom, 0, left], [0, zoom, top], [0, 0, 1.0]]))


def view_of(frame: LabelledFrame, view: View, smallest: int = 1) -> LabelledFrame:
    """Return the frame as the view shows it; objects that leave it are dropped.

    Args:
        frame: image and objects.
        view: of an image of the frame's size.
        smallest: an object of fewer pixels has left.
    """
    x, y = _sources(view)
    image = cv2.remap(frame.image, x, y, cv2.INTER_LINEAR, borderValue=cv2.mean(frame.image)[:3])
    masks = np.zeros((len(frame.masks), *view.size), dtype=bool)
    for row, mask in enumerate(frame.masks):
        soft = cv2.remap(mask.astype(np.uint8) * 255, x, y, cv2.INTER_LINEAR)
        masks[row] = soft >= 128
    kept = masks.sum(axis=(1, 2)) >= smallest
    image = _photographed(image, view)
    return LabelledFrame(image, masks[kept], frame.ids[kept], frame.labels[kept], frame.crowd[kept])


def _photographed(image: np.ndarray, view: View) -> np.ndarray:
    """Return uint8 RGB (H, W, 3) with the view's colours and blur."""
    if view.colour is not None:
        image = cv2.transform(image, view.colour)
    if view.blur is not None:
        image = cv2.filter2D(image, -1, view.blur, borderType=cv2.BORDER_REFLECT_101)
    return image


def _sources(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return where each pixel of the view comes from: x and y, float32 (H, W), pixel centres."""
    height, width = view.size
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # cv2 counts from pixel centres
    back = (np.linalg.inv(half) @ np.linalg.inv(view.matrix) @ half).astype(np.float32)
    columns = np.arange(width, dtype=np.float32)[None]
    rows = np.arange(height, dtype=np.float32)[:, None]
    if view.warp is not None:
        columns, rows = columns + view.warp[..., 0], rows + view.warp[..., 1]
    depth = back[2, 0] * columns + back[2, 1] * rows + back[2, 2]
    x = (back[0, 0] * columns + back[0, 1] * rows + back[0, 2]) / depth
    y = (back[1, 0] * columns + back[1, 1] * rows + back[1, 2]) / depth
    return x, y


def _random_matrix(generator: np.random.Generator, size: Size, limits: ViewRange) -> np.ndarray:
    """Return a projective map (3, 3), float64, from an image's pixels to a view's."""
    height, width = size
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
    angle = np.deg2rad(limits.rotation) * generator.uniform(-1, 1)
    zoom = np.exp(generator.uniform(*np.log(limits.scale)))
    mirror = -1 if generator.random() < limits.flip else 1
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    turn = np.array([[mirror * cos, -sin, 0], [mirror * sin, cos, 0], [0, 0, 1.0]])
    tilt = np.eye(3)
    tilt[2, :2] = limits.perspective * generator.uniform(-1, 1, 2) / [width / 2, height / 2]
    offset = generator.uniform(-limits.shift, limits.shift, 2) * [width, height]
    back = np.array([[1, 0, width / 2 + offset[0]], [0, 1, height / 2 + offset[1]], [0, 0, 1.0]])
    matrix: np.ndarray = back @ tilt @ turn @ centre
    return matrix


def _random_warp(generator: np.random.Generator, size: Size, reach: float) -> np.ndarray:
    """Return a thin-plate warp, float32 (H, W, 2), that moves its control points by ``reach``."""
    height, width = size
    places = _grid(WARP_POINTS)
    moves = generator.uniform(-reach, reach, (len(places), 2)) * [width, height]
    spline = RBFInterpolator(places, moves, kernel="thin_plate_spline")
    coarse = spline(_grid(WARP_GRID)).reshape(WARP_GRID, WARP_GRID, 2).astype(np.float32)
    warp: Any = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(warp)


def _grid(count: int) -> np.ndarray:
    """Return (count^2, 2) places (y, x), evenly over 0-1."""
    side = np.linspace(0, 1, count)
    return np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)


def _random_blur(generator: np.random.Generator, longest: float) -> np.ndarray | None:
    """Return the kernel of a straight motion of up to ``longest`` pixels; None below a pixel."""
    length, angle = generator.uniform(0, longest), generator.uniform(0, np.pi)
    side = 2 * int(np.ceil(length / 2)) + 1
    if length < 1:
        return None
    kernel = np.zeros((side, side), dtype=np.float32)
    middle = side // 2
    for step in np.linspace(-length / 2, length / 2, 2 * side):
        row, column = middle + step * np.sin(angle), middle + step * np.cos(angle)
        kernel[round(row), round(column)] += 1
    return kernel / kernel.sum()


def _random_colour(generator: np.random.Generator, reach: float) -> np.ndarray:
    """Return an affine map of RGB 0-255, float32 (3, 4): saturation, contrast, balance, light."""
    saturation, contrast = 1 + generator.uniform(-reach, reach, 2)
    balance = 1 + generator.uniform(-reach / 2, reach / 2, 3)
    light = 128 * generator.uniform(-reach, reach)
    mix = saturation * np.eye(3) + (1 - saturation) * np.tile(LUMA, (3, 1))
    scaled = contrast * balance[:, None] * mix
    shift = 128 * (1 - contrast) + light
    return np.hstack([scaled, np.full((3, 1), shift)]).astype(np.float32)
