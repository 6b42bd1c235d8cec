"""Masks painted over a picture, with palette, labels and strips: the one way for every picture."""

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from propose_reduce import rle

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue, each 0-255."""

OKABE_ITO: tuple[Colour, ...] = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (213, 94, 0),
    (204, 121, 167),
    (0, 114, 178),
)
"""Colours that stay apart for the colour-blind (Okabe and Ito 2008), without black; the most
different come first."""

PALETTE: tuple[Colour, ...] = (
    *OKABE_ITO,
    # each the furthest from all before it, in CIELAB as seen with and without green cones, among
    # colours that are neither dark nor pale
    *((90, 0, 255), (0, 255, 135), (45, 75, 210), (105, 90, 30)),
    *((165, 0, 135), (225, 30, 255), (255, 60, 90), (45, 240, 255)),
    *((165, 210, 165), (135, 210, 75), (150, 45, 90), (255, 0, 195)),
    *((135, 30, 195), (60, 105, 60)),
)
"""The colours of sequences; beyond the last they come again."""

NEUTRAL: Colour = (235, 235, 235)
"""What belongs to no object."""


def colour_of(sequence_id: int) -> Colour:
    """Return the colour of a sequence; ids count from 1."""
    return PALETTE[(sequence_id - 1) % len(PALETTE)]


def css(colour: Colour) -> str:
    """Return a colour as a page has it: ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def ink_on(background: Colour) -> Colour:
    """Return black or white, whichever reads better on a colour (ITU-R BT.601 luma)."""
    red, green, blue = background
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 120 else (255, 255, 255)


Font: TypeAlias = ImageFont.ImageFont | ImageFont.FreeTypeFont


def font(size: float) -> Font:
    """Return the font, ``size`` pixels high."""
    return ImageFont.load_default(size)


def fitted_text(text: str, face: Font, width: float) -> str:
    """Return a text as one line, its end left out where it is wider than so many pixels."""
    text = " ".join(text.split())
    if face.getlength(text) <= width:
        return text
    shorter, longer = 1, len(text)  # the longest start that fits, by bisection
    while longer - shorter > 1:
        middle = (shorter + longer) // 2
        fits = face.getlength(text[:middle] + "…") <= width
        shorter, longer = (middle, longer) if fits else (shorter, middle)
    return text[:shorter] + "…"


def chip(text: str, colour: Colour, size: float, width: float) -> np.ndarray:
    """Return a label: text on its colour, uint8 RGB (h, w, 3).

    Args:
        text: of one line.
        colour: of the ground; the text is black or white.
        size: of the font, pixels.
        width: most pixels; a longer text is cut.
    """
    face, padding = font(size), max(2, round(size / 4))
    text = fitted_text(text, face, width - 2 * padding)
    height = round(size * 1.25) + padding
    image = Image.new("RGB", (round(face.getlength(text)) + 2 * padding, height), colour)
    ImageDraw.Draw(image).text((padding, height / 2), text, ink_on(colour), face, anchor="lm")
    return np.asarray(image)


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


OPACITY = 0.45
"""Share of the colour inside a mask: the mask is seen, and so is what it covers."""


def paint(
    picture: np.ndarray,
    masks: Sequence[np.ndarray],
    colours: Sequence[Colour],
    *,
    opacity: float = OPACITY,
    outline: int = 1,
) -> np.ndarray:
    """Return a copy of a picture with masks tinted and outlined in their colours.

    Smaller masks lie on larger ones, of equals the first on top; a pixel has one tint.

    Args:
        picture: uint8 RGB (H, W, 3).
        masks: bool (H, W) each.
        colours: one per mask.
        opacity: share of the colour inside a mask, 0 to 1.
        outline: width of the outlines in pixels; 0 for none.
    """
    painted = np.ascontiguousarray(picture).copy()
    areas = [np.count_nonzero(mask) for mask in masks]
    order = sorted(range(len(masks)), key=lambda index: (-areas[index], -index))
    order = [index for index in order if areas[index]]
    for index in order:
        inside = masks[index].view(np.uint8)
        left, top, width, height = cv2.boundingRect(inside)
        box = np.s_[top : top + height, left : left + width]
        tinted = _tint(picture[box], colours[index], opacity)
        np.copyto(painted[box], tinted, where=masks[index][box][..., None])
    if outline:
        for index in order:
            contours, _ = cv2.findContours(
                masks[index].view(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE
            )
            cv2.drawContours(painted, contours, -1, colours[index], outline)
    return painted


def _tint(picture: np.ndarray, colour: Colour, opacity: float) -> np.ndarray:
    values = np.arange(256)[:, None]
    table = np.rint((1 - opacity) * values + opacity * np.array(colour)).astype(np.uint8)
    tinted: np.ndarray = cv2.LUT(np.ascontiguousarray(picture), table[None])
    return tinted
