"""Cutouts: what is pasted hides what lies behind it, in the image and in the masks."""

import numpy as np
import pytest
from painted_frames import RED, painted
from videosets import rectangle

from propose_reduce.data.pseudo_videos import Cutout, cut_out, fitted, paste_cutout

BLUE = Cutout(np.full((6, 10, 3), (0, 0, 255), np.uint8), np.ones((6, 10), np.float32), 7)


def test_a_cutout_is_an_object_s_box_with_its_pixels():
    triangle = np.tril(np.ones((8, 8), dtype=bool))
    mask = np.zeros((24, 40), dtype=bool)
    mask[4:12, 10:18] = triangle
    cutout = cut_out(painted(rectangle(0, 0, 3, 3), mask), 1)
    assert np.array_equal(cutout.mask, triangle)
    assert np.array_equal(cutout.image[triangle], np.full((36, 3), RED))
    assert cutout.label == 2


def test_a_cutout_is_scaled_to_a_side_and_keeps_its_shape():
    larger = fitted(BLUE, 2 * np.sqrt(60))
    assert larger.mask.shape == larger.image.shape[:2] == (12, 20)


def test_an_occluder_takes_its_pixels_from_what_lies_behind():
    frame = painted(rectangle(10, 5, 20, 15))
    seen = paste_cutout(frame, BLUE, (10, 20), number=-1)  # rows 7 to 13, columns 15 to 25
    front = rectangle(15, 7, 25, 13)
    assert seen.ids.tolist() == [1, -1]
    assert seen.labels.tolist() == [1, 7]
    assert np.array_equal(seen.masks[1], front)
    assert np.array_equal(seen.masks[0], frame.masks[0] & ~front)
    assert (seen.image[front] == (0, 0, 255)).all()
    assert np.array_equal(seen.image[~front], frame.image[~front])


def test_an_object_that_nothing_is_left_of_is_dropped():
    frame = painted(rectangle(16, 8, 20, 12), rectangle(0, 0, 5, 5))
    seen = paste_cutout(frame, BLUE, (10, 20), number=-1, smallest=16)
    assert seen.ids.tolist() == [2, -1]


def test_a_crowd_stays_what_it_is_behind_an_occluder():
    frame = painted(rectangle(16, 8, 20, 12), crowd={0})
    seen = paste_cutout(frame, BLUE, (10, 20), number=-1)
    assert np.array_equal(seen.masks[0], frame.masks[0])
    assert seen.crowd.tolist() == [True, False]


@pytest.mark.parametrize("centre", [(-50, 20), (10, 200), (-3, 20)])
def test_an_occluder_outside_of_the_frame_changes_nothing(centre):
    frame = painted(rectangle(10, 5, 20, 15))
    seen = paste_cutout(frame, BLUE, centre, number=-1)
    assert seen.ids.tolist() == [1]
    assert np.array_equal(seen.image, frame.image)


def test_an_occluder_across_the_border_is_cut_off_there():
    seen = paste_cutout(painted(rectangle(10, 5, 20, 15)), BLUE, (23, 0), number=-1)
    assert np.array_equal(seen.masks[1], rectangle(0, 20, 5, 24))
