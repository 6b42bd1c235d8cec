"""Outlines of masks, for formats that hold polygons."""

import cv2
import numpy as np

FINER = 2
"""Outlines are traced on a mask this many times as fine, so that one pixel has an area."""

TOLERANCE = 0.5
"""Pixels that a simplified outline may stray from the traced one."""


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return one polygon for each connected part of a mask, the largest first.

    A polygon keeps within a pixel of the part's edge. Holes are filled: polygons have none.

    Args:
        mask: bool (H, W).

    Returns:
        float64 (P, 2) arrays with P >= 3: x and y in pixels, where pixel (x, y) covers
        x to x + 1 and y to y + 1.
    """
    finer = np.repeat(np.repeat(mask, FINER, axis=0), FINER, axis=1).astype(np.uint8)
    traced, _ = cv2.findContours(finer, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = []
    for contour in sorted(traced, key=cv2.contourArea, reverse=True):
        simple = cv2.approxPolyDP(contour, FINER * TOLERANCE, closed=True)
        chosen = simple if len(simple) >= 3 else contour
        parts.append((chosen[:, 0].astype(np.float64) + 0.5) / FINER)
    return parts


def joined(parts: list[np.ndarray]) -> np.ndarray:
    """Return several polygons as one, for formats that hold one for each object.

    The parts are joined by bridges of no width between their nearest corners, so the area stays.

    Args:
        parts: from ``outlines``, at least one.
    """
    whole = parts[0]
    for part in parts[1:]:
        distances = np.linalg.norm(whole[:, None] - part[None], axis=2)
        here, there = np.unravel_index(int(distances.argmin()), distances.shape)
        ring = np.concatenate([part[there:], part[: there + 1]])
        whole = np.concatenate([whole[: here + 1], ring, whole[here:]])
    return whole
