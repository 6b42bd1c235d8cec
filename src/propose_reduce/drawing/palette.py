"""One colour per sequence, by its id: the same on every frame, in every picture of a video."""

from __future__ import annotations

from typing import TypeAlias

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

SHADES = (0.0, 0.55, -0.45)
"""Beyond seven ids the same hues come back lighter (share of white), then darker (of black)."""

COLOURS = len(OKABE_ITO) * len(SHADES)

NEUTRAL: Colour = (235, 235, 235)
"""What belongs to no object."""


def colour_of(sequence_id: int) -> Colour:
    """Return the colour of a sequence; ids count from 1, and 21 of them differ."""
    tone, hue = divmod((sequence_id - 1) % COLOURS, len(OKABE_ITO))
    target, share = (255 if SHADES[tone] > 0 else 0), abs(SHADES[tone])
    red, green, blue = (round(value + share * (target - value)) for value in OKABE_ITO[hue])
    return red, green, blue


def ink_on(background: Colour) -> Colour:
    """Return black or white, whichever reads better on a colour (ITU-R BT.601 luma)."""
    red, green, blue = background
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 120 else (255, 255, 255)
