"""Image, mask and box travel together, whatever happens to a frame."""

import torch
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
from propose_reduce.data.videos import LabelledFrame


@settings(deadline=None, max_examples=60)
@given(rectangles, st.integers(20, 90), st.integers(20, 130), st.booleans())
def test_resizing_and_flipping_keep_image_mask_and_box_together(mask, height, width, flipped):
    frame = training_frame(painted(mask), (height, width), flipped=flipped)
    assert frame.image.shape == (3, height, width)
    assert_mask_is_where_the_paint_is(frame)
    assert_boxes_are_tight(frame)


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
