"""Frames whose objects are painted red, so that a mask can be compared with what is seen."""

import cv2
import numpy as np
from hypothesis import strategies as st
from videosets import rectangle

from propose_reduce.data.videos import LabelledFrame

RED, GREY = (220, 10, 10), (90, 90, 90)


def painted(*masks, crowd=()):
    """Return a grey frame on which the pixels of the masks are red."""
    masks = np.stack(masks)
    image = np.full((*masks.shape[1:], 3), GREY, dtype=np.uint8)
    image[masks.any(axis=0)] = RED
    count = len(masks)
    is_crowd = np.array([row in crowd for row in range(count)], dtype=bool)
    return LabelledFrame(image, masks, np.arange(1, count + 1), np.arange(1, count + 1), is_crowd)


def is_red(image):
    """Return where a uint8 RGB tensor (3, H, W) is at least half red."""
    halfway = (RED[0] - RED[1]) / 2
    return image[0].int() - image[1].int() > halfway


rectangles = st.tuples(
    st.integers(0, 40), st.integers(0, 24), st.integers(6, 40), st.integers(6, 24)
).map(lambda r: rectangle(r[0], r[1], r[0] + r[2], r[1] + r[3], size=(48, 80)))


def assert_mask_is_where_the_paint_is(frame):
    """The mask and the red pixels may differ along the outline, by rounding, and nowhere else."""
    mask = frame.masks[0].numpy().astype(np.uint8)
    paint = is_red(frame.image).numpy().astype(np.uint8)
    disk = np.ones((3, 3), dtype=np.uint8)
    assert (cv2.erode(mask, disk) <= paint).all()
    assert (paint <= cv2.dilate(mask, disk)).all()


def assert_boxes_are_tight(frame):
    for box, mask in zip(frame.boxes.tolist(), frame.masks, strict=True):
        left, top, right, bottom = (int(side) for side in box)
        inside = mask[top:bottom, left:right]
        assert inside.sum() == mask.sum()
        edges = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
        assert all(edge.any() for edge in edges)
