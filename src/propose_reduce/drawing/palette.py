"""One colour per sequence, by its id: the same on every frame, in every picture of a video."""

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
