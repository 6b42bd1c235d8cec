"""Masks painted over a picture: the one way, whatever the picture is for."""

from collections.abc import Sequence

import cv2
import numpy as np

from propose_reduce.drawing.palette import Colour

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
