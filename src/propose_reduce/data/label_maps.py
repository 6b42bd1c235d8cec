"""Label maps: PNGs whose values are the objects' numbers, 0 the background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from propose_reduce.errors import InputError
from propose_reduce.files import IMAGE_FAULTS

VOID = 255
"""The value of pixels that are neither right nor wrong (DAVIS)."""

LABEL_MODES = {"P", "L", "1"}
"""Pillow's names of palette, grey, and black and white."""


def read_labels(path: Path, *, binary: bool = False) -> np.ndarray:
    """Return a label map, uint8 (H, W): the palette indices or grey values of a PNG.

    Args:
        path: the file.
        binary: take a grey image of 0 and 255 alone for a mask of object 1, as DAVIS 2016 writes
            them. The evaluation does not, for to the tool of DAVIS 2017 it is void.

    Raises:
        InputError: the file cannot be read or is a colour or 16-bit image.
    """
    try:
        with Image.open(path) as image:
            mode = image.mode
            labels = np.array(image, dtype=np.uint8) if mode in LABEL_MODES else None
    except IMAGE_FAULTS as error:
        reason = getattr(error, "strerror", None) or "it is no image or damaged"
        raise InputError(f"'{path}' cannot be read: {reason}") from error
    if labels is None:
        raise InputError(
            f"'{path}' is an image of mode {mode}: write labels as palette indices or "
            "8-bit grey values"
        )
    if binary and mode == "L" and np.isin(labels, (0, VOID)).all():
        return (labels > 0).astype(np.uint8)
    return labels
