"""Strips: some frames of a video side by side with masks over them, small enough for a page."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from propose_reduce import rle
from propose_reduce.drawing.paint import paint
from propose_reduce.drawing.palette import Colour

GAP = 4
"""White pixels between the frames of a strip."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One object through a video, in its colour.

    Attributes:
        segmentations: one encoding per frame, None where the object is absent.
        colour: RGB, 0-255.
    """

    segmentations: Sequence[rle.Rle | None]
    colour: Colour


def strip(
    picture: Callable[[int], np.ndarray], frames: Sequence[int], layers: Sequence[Layer]
) -> np.ndarray:
    """Return frames side by side with masks over them: uint8 RGB (H, W, 3).

    Args:
        picture: gives a frame by its index, uint8 RGB, all of one size; masks are brought to it.
        frames: the indices, 0-based, at least one.
        layers: what to paint; a frame beyond the end of one has nothing of it.
    """
    cells: list[np.ndarray] = []
    for frame in frames:
        cell = picture(frame)
        size = cell.shape[1], cell.shape[0]
        masks, colours = [], []
        for layer in layers:
            mask = layer.segmentations[frame] if frame < len(layer.segmentations) else None
            if mask is not None:
                masks.append(_fitted(rle.decode(mask), size))
                colours.append(layer.colour)
        cells += [paint(cell, masks, colours), np.full((size[1], GAP, 3), 255, np.uint8)]
    return np.concatenate(cells[:-1], axis=1)


def _fitted(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a bool mask at another (width, height): what most of a pixel is."""
    if mask.shape == size[::-1]:
        return mask
    scaled = Image.fromarray(mask.view(np.uint8) * 255).resize(size, Image.Resampling.BOX)
    return np.asarray(scaled) > 127


def spread(frames: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of the frames, evenly spread, the first and the last among them."""
    if len(frames) <= count:
        return list(frames)
    return [frames[round(index)] for index in np.linspace(0, len(frames) - 1, count)]


def data_uri(image: np.ndarray, *, lossless: bool = False) -> str:
    """Return a uint8 RGB image (H, W, 3) as a JPEG or, lossless, a PNG inside a link."""
    stream, kind = io.BytesIO(), "png" if lossless else "jpeg"
    Image.fromarray(image).save(stream, format=kind, quality=85)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
