"""Label maps: images whose values are the objects' numbers, 0 the background."""

from pathlib import Path

import numpy as np

from propose_reduce.errors import InputError
from propose_reduce.images import read_values

VOID = 255
"""The value of pixels that are neither right nor wrong (DAVIS); in maps of 8 bits alone."""

LABEL_MODES = {"P", "L", "1"}
"""Pillow's names of palette, grey, and black and white."""

DEEP_MODES = {"I", "I;16", "I;16B", "I;16L", "I;16N"}
"""Its names of grey of more than 8 bits."""


def read_labels(path: Path, *, binary: bool = False, deep: bool = False) -> np.ndarray:
    """Return a label map (H, W), uint8: the palette indices or grey values of an image.

    Args:
        path: the file.
        binary: take a grey image of 0 and 255 alone for a mask of object 1, as DAVIS 2016 writes
            them. The evaluation does not, for to the tool of DAVIS 2017 it is void.
        deep: take maps of more than 8 bits too, as int64.

    Raises:
        InputError: the file cannot be read, is a colour image, or has values below 0 or, unless
            they are asked for, more than 8 bits.
    """
    values, mode = read_values(path)
    if deep and mode in DEEP_MODES:
        if values.size and values.min() < 0:
            raise InputError(f"'{path}' has the label {values.min()}: labels are 0 or more")
        return values.astype(np.int64)
    if mode not in LABEL_MODES:
        bits = ", or 16-bit ones" if deep else ""
        raise InputError(
            f"'{path}' is an image of mode {mode}: write labels as palette indices or "
            f"8-bit grey values{bits}"
        )
    labels = values.astype(np.uint8)
    if binary and mode == "L" and np.isin(labels, (0, VOID)).all():
        return (labels > 0).astype(np.uint8)
    return labels
