"""A view shows the same places of image and masks; blur and colours are the image's alone."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted_frames import (
    assert_boxes_are_tight,
    assert_mask_is_where_the_paint_is,
    painted,
    rectangles,
)
from videosets import rectangle

from propose_reduce.data.clips import training_frame
from propose_reduce.data.views import View, ViewRange, random_view, view_of, whole_view

STILL = ViewRange(rotation=0, scale=(1, 1), shift=0, perspective=0, flip=0)


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
    moved = cv2.perspectiveTransform(grid, view.matrix).reshape(-1, 2)
    for mask_seen in seen.masks:  # a projective map keeps a rectangle's hull
        y, x = np.nonzero(mask_seen)
        assert x.min() >= moved[:, 0].min() - 1
        assert y.min() >= moved[:, 1].min() - 1
        assert x.max() <= moved[:, 0].max() + 1
        assert y.max() <= moved[:, 1].max() + 1


def test_the_view_that_changes_nothing_changes_nothing():
    frame = painted(rectangle(5, 4, 20, 12))
    view = random_view(np.random.default_rng(0), (24, 40), STILL)
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
    seen = view_of(frame, View((24, 40), right))
    assert seen.ids.tolist() == [2]
    assert np.array_equal(seen.masks[0], rectangle(10, 10, 20, 20))


@pytest.mark.parametrize("zoom", [0.7, 1.4])
def test_scale_says_how_much_larger_the_view_is(zoom):
    limits = ViewRange(rotation=0, scale=(zoom, zoom), shift=0, perspective=0, flip=0)
    frame = painted(rectangle(30, 15, 50, 33, size=(48, 80)))
    seen = view_of(frame, random_view(np.random.default_rng(0), (48, 80), limits))
    assert seen.masks.sum() == pytest.approx(20 * 18 * zoom**2, rel=0.08)


@settings(deadline=None, max_examples=40)
@given(rectangles, st.integers(0, 2**32))
def test_a_thin_plate_warp_keeps_image_and_mask_together(mask, seed):
    bent = ViewRange(warp=0.05)
    view = random_view(np.random.default_rng(seed), mask.shape, bent)
    assert view.warp.shape == (*mask.shape, 2)
    seen = view_of(painted(mask), view)
    if len(seen.ids):
        assert_mask_is_where_the_paint_is(training_frame(seen, mask.shape, flipped=False))


def test_a_warp_moves_its_control_points_by_what_it_is_told():
    reach = 0.1
    limits = ViewRange(rotation=0, scale=(1, 1), shift=0, perspective=0, flip=0, warp=reach)
    views = [random_view(np.random.default_rng(seed), (48, 80), limits) for seed in range(20)]
    across = np.array([np.abs(view.warp[..., 0]).max() / 80 for view in views])
    assert 0.03 < across.mean() <= reach * 1.5  # between its points a spline may overshoot
    assert all(np.array_equal(view.matrix, np.eye(3)) for view in views)


def test_a_warp_is_read_where_the_view_is_looked_at():
    frame = painted(rectangle(20, 10, 30, 20))
    warp = np.zeros((24, 40, 2), dtype=np.float32)
    warp[..., 0] = 5  # what stands at x = 25 is seen at x = 20
    seen = view_of(frame, View((24, 40), np.eye(3), warp))
    assert np.array_equal(seen.masks[0], rectangle(15, 10, 25, 20))


def test_a_whole_view_has_its_own_size_and_keeps_shapes_and_area():
    frame = painted(rectangle(10, 10, 20, 20, size=(40, 40)))
    seen = view_of(frame, whole_view((40, 40), (20, 80)))  # the same area: nothing is scaled
    assert seen.image.shape == (20, 80, 3)
    assert np.array_equal(seen.masks[0], rectangle(30, 0, 40, 10, size=(20, 80)))
    larger = view_of(frame, whole_view((40, 40), (80, 80)))
    assert larger.masks[0].sum() == pytest.approx(4 * 100, rel=0.05)


def test_a_view_of_a_view_is_one_after_the_other():
    left = View((24, 40), np.array([[1, 0, -4.0], [0, 1, 0], [0, 0, 1]]))
    twice = View((24, 40), np.diag([2.0, 2.0, 1.0])).after(left)
    seen = view_of(painted(rectangle(6, 2, 10, 6)), twice)
    assert np.array_equal(seen.masks[0], rectangle(4, 4, 12, 12))


def test_a_range_of_no_strength_is_a_still_camera():
    still = ViewRange(warp=0.1, colour=0.2).times(0.0)
    view = random_view(np.random.default_rng(0), (24, 40), still)
    assert np.allclose(view.matrix, np.eye(3))
    assert (view.warp, view.colour) == (None, None)


def test_motion_blur_spreads_a_point_along_a_line_and_keeps_its_light():
    limits = ViewRange(rotation=0, scale=(1, 1), shift=0, perspective=0, flip=0, blur=0.3)
    image = np.zeros((41, 41, 3), dtype=np.uint8)
    image[20, 20] = 255
    blurs = [random_view(np.random.default_rng(seed), (41, 41), limits).blur for seed in range(9)]
    kernels = [blur for blur in blurs if blur is not None]
    assert kernels
    for kernel in kernels:
        assert kernel.sum() == pytest.approx(1)
        assert len(kernel) <= 0.3 * 41 + 2
        assert np.array_equal(kernel, kernel[::-1, ::-1])  # as far to one side as to the other
    frame = painted(rectangle(5, 4, 20, 12))
    blurred = view_of(frame, View((24, 40), np.eye(3), blur=np.full((3, 3), 1 / 9, np.float32)))
    assert np.array_equal(blurred.masks, frame.masks)
    assert not np.array_equal(blurred.image, frame.image)


def test_colours_change_within_their_range_and_grey_stays_grey_without_balance():
    limits = ViewRange(rotation=0, scale=(1, 1), shift=0, perspective=0, flip=0, colour=0.1)
    frame = painted(rectangle(5, 4, 20, 12))
    for seed in range(10):
        view = random_view(np.random.default_rng(seed), (24, 40), limits)
        seen = view_of(frame, view)
        assert np.array_equal(seen.masks, frame.masks)
        grey = np.array([128.0, 128, 128, 1])
        assert np.abs(view.colour @ grey - 128).max() <= 128 * (0.1 + 0.05 * 1.1) + 1e-3
