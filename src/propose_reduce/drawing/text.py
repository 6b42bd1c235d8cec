"""Text in pictures: one font, cut where it has no room, and labels on a coloured ground."""

from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from propose_reduce.drawing.palette import Colour, ink_on

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
