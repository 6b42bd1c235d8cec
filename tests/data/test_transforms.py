"""Image, mask and box travel together, whatever happens to a frame."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from videosets import rectangle

from propose_reduce.data.transforms import ViewRange, random_view, training_frame, view_of
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


@settings(deadline=None, max_examples=60)
@given(rectangles, st.integers(20, 90), st.integers(20, 130), st.booleans())
def test_resizing_and_flipping_keep_image_mask_and_box_together(mask, height, width, flipped):
    frame = training_frame(painted(mask), (height, width), flipped=flipped)
    assert frame.image.shape == (3, height, width)
    assert_mask_is_where_the_paint_is(frame)
    assert_boxes_are_tight(frame)


@settings(deadline=None, max_examples=60)
@given(rectangles, st.integers(0, 2**32))
def test_any_view_keeps_image_mask_and_box_together(mask, seed):
    generator = np.random.default_rng(seed)
    view = random_view(generator, mask.shape, ViewRange())
    seen = view_of(painted(mask), view)
    if len(seen.ids):
        frame = training_frame(seen, mask.shape, flipped=False)
        assert_mask_is_where_the_paint_is(frame)
        assert_boxes_are_tight(frame)


@settings(deadline=None, max_examples=30)
@given(rectangles, st.integers(0, 2**32))
def test_a_view_moves_points_by_its_matrix(mask, seed):
    view = random_view(np.random.default_rng(seed), mask.shape, ViewRange())
    seen = view_of(painted(mask), view)
    rows, columns = np.nonzero(mask)
    corners = np.array([[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]])
    grid = np.stack(np.meshgrid(*corners.T), axis=-1).reshape(-1, 1, 2).astype(np.float64)
    moved = cv2.perspectiveTransform(grid, view).reshape(-1, 2)
    for mask_seen in seen.masks:  # a projective map keeps a rectangle's hull
        y, x = np.nonzero(mask_seen)
        assert x.min() >= moved[:, 0].min() - 1
        assert y.min() >= moved[:, 1].min() - 1
        assert x.max() <= moved[:, 0].max() + 1
        assert y.max() <= moved[:, 1].max() + 1


def test_the_view_that_changes_nothing_changes_nothing():
    frame = painted(rectangle(5, 4, 20, 12))
    still = ViewRange(rotation=0, scale=(1, 1), shift=0, perspective=0, flip=0)
    view = random_view(np.random.default_rng(0), (24, 40), still)
    seen = view_of(frame, view)
    assert np.array_equal(seen.image, frame.image)
    assert np.array_equal(seen.masks, frame.masks)


def test_a_mirrored_view_is_the_mirror_image():
    frame = painted(rectangle(5, 4, 20, 12))
    mirror = ViewRange(rotation=0, scale=(1, 1), shift=0, perspective=0, flip=1)
    seen = view_of(frame, random_view(np.random.default_rng(0), (24, 40), mirror))
    assert np.array_equal(seen.masks, frame.masks[:, :, ::-1])


def test_an_object_that_leaves_the_view_is_dropped():
    frame = painted(rectangle(0, 0, 5, 5), rectangle(20, 10, 30, 20))
    right = np.array([[1, 0, -10.0], [0, 1, 0], [0, 0, 1]])  # everything moves 10 to the left
    seen = view_of(frame, right)
    assert seen.ids.tolist() == [2]
    assert np.array_equal(seen.masks[0], rectangle(10, 10, 20, 20))


def test_boxes_have_exclusive_corners_and_flip_with_the_image():
    frame = training_frame(painted(rectangle(5, 4, 20, 12)), (24, 40), flipped=True)
    assert frame.boxes.tolist() == [[20, 4, 35, 12]]
    assert frame.boxes.dtype == torch.float32


def test_crowds_become_boxes_and_are_no_objects():
    frame = painted(rectangle(5, 4, 20, 12), rectangle(0, 0, 10, 2), crowd={1})
    seen = training_frame(frame, (48, 80), flipped=False)
    assert seen.ids.tolist() == [1]
    assert seen.crowds.tolist() == [[0, 0, 20, 4]]


def test_an_object_too_small_for_the_input_is_dropped():
    frame = painted(rectangle(5, 4, 6, 5), rectangle(8, 8, 30, 20))
    assert training_frame(frame, (4, 6), flipped=False).ids.tolist() == [2]


def test_a_frame_without_objects_has_empty_tensors():
    nothing = painted(rectangle(0, 0, 1, 1))
    empty = LabelledFrame(
        nothing.image, nothing.masks[:0], nothing.ids[:0], nothing.labels[:0], nothing.crowd[:0]
    )
    frame = training_frame(empty, (12, 20), flipped=True)
    assert frame.boxes.shape == (0, 4)
    assert frame.masks.shape == (0, 12, 20)
    assert frame.crowds.shape == (0, 4)


@pytest.mark.parametrize("zoom", [0.7, 1.4])
def test_scale_says_how_much_larger_the_view_is(zoom):
    limits = ViewRange(rotation=0, scale=(zoom, zoom), shift=0, perspective=0, flip=0)
    frame = painted(rectangle(30, 15, 50, 33, size=(48, 80)))
    seen = view_of(frame, random_view(np.random.default_rng(0), (48, 80), limits))
    assert seen.masks.sum() == pytest.approx(20 * 18 * zoom**2, rel=0.08)
