"""Objects cut out of one photograph and pasted onto another: occluders whose truth is known.

Letters in this file: N objects, H and W pixels of the frame that is pasted onto.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from propose_reduce.data.videos import LabelledFrame
from propose_reduce.structures import Size


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """One object without its surroundings.

    Attributes:
        image: uint8 RGB (h, w, 3), the object's box.
        mask: float32 (h, w), 0-1, its pixels.
        label: 1-based index into the categories.
    """

    image: np.ndarray
    mask: np.ndarray
    label: int


def cut_out(frame: LabelledFrame, row: int) -> Cutout:
    """Return object ``row`` of a frame."""
    mask = frame.masks[row]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return Cutout(frame.image[box], mask[box].astype(np.float32), int(frame.labels[row]))


def fitted(cutout: Cutout, side: float) -> Cutout:
    """Return the cutout resized so that the root of its box's area is ``side`` pixels."""
    height, width = cutout.mask.shape
    zoom = side / np.sqrt(height * width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(cutout.image, size, interpolation=how))
    mask = np.asarray(cv2.resize(cutout.mask, size, interpolation=how))
    return Cutout(image, mask, cutout.label)


def paste_cutout(
    frame: LabelledFrame,
    cutout: Cutout,
    centre: tuple[float, float],
    number: int,
    smallest: int = 1,
) -> LabelledFrame:
    """Return the frame with a cutout in front of all; what it hides is hidden in the masks.

    Args:
        frame: to paste onto.
        cutout: what is pasted.
        centre: (y, x) of its box in the frame, pixels; parts of it may lie outside.
        number: its id on the frame.
        smallest: an object of fewer visible pixels is dropped.
    """
    size = (frame.image.shape[0], frame.image.shape[1])
    alpha = _placed(cutout.mask, centre, size)
    colours = _placed(cutout.image, centre, size).astype(np.float32)
    image = frame.image * (1 - alpha[..., None]) + colours * alpha[..., None]
    front = alpha >= 0.5
    masks = np.concatenate([frame.masks & ~front, front[None]])
    # a crowd is a region, which stays what it is behind an occluder
    masks[:-1][frame.crowd] = frame.masks[frame.crowd]
    kept = masks.sum(axis=(1, 2)) >= smallest
    return LabelledFrame(
        image=np.round(image).astype(np.uint8),
        masks=masks[kept],
        ids=np.append(frame.ids, number)[kept],
        labels=np.append(frame.labels, cutout.label)[kept],
        crowd=np.append(frame.crowd, False)[kept],
    )


def _placed(values: np.ndarray, centre: tuple[float, float], size: Size) -> np.ndarray:
    """Return ``values`` (h, w, ...) on an empty canvas of ``size``, cut off at its borders."""
    height, width = values.shape[:2]
    top, left = round(centre[0] - height / 2), round(centre[1] - width / 2)
    canvas = np.zeros((*size, *values.shape[2:]), dtype=values.dtype)
    inside = (
        slice(max(top, 0), min(max(top + height, 0), size[0])),
        slice(max(left, 0), min(max(left + width, 0), size[1])),
    )
    start = (inside[0].start - top, inside[1].start - left)
    shape = (max(0, inside[0].stop - inside[0].start), max(0, inside[1].stop - inside[1].start))
    if min(shape) > 0:
        canvas[inside] = values[start[0] : start[0] + shape[0], start[1] : start[1] + shape[1]]
    return canvas
