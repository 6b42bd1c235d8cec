import numpy as np
from sequences import result

from propose_reduce import rle
from propose_reduce.drawing import overlay
from propose_reduce.drawing.paint import OPACITY
from propose_reduce.drawing.palette import colour_of
from propose_reduce.structures import InstanceSequence

GREY = np.full((120, 160, 3), 100, np.uint8)


def square(id_: int, x: int, category: str = "cat") -> InstanceSequence:
    """Return an object 40 x 40 that is on the first of two frames only."""
    mask = np.zeros((120, 160), bool)
    mask[60:100, x : x + 40] = True
    return InstanceSequence(
        id_, category, 0.5, {category: 0.5}, 0, (120, 160), (rle.encode(mask), None), (0.5, None)
    )


def test_each_object_is_filled_with_its_colour_and_what_is_around_stays():
    first, second = overlay([GREY, GREY], result(square(1, 20), square(2, 100)))
    for id_, x in ((1, 40), (2, 120)):
        expected = (1 - OPACITY) * 100 + OPACITY * np.array(colour_of(id_))
        assert np.abs(first[80, x] - expected).max() <= 2
        assert np.abs(first[80, x - 20].astype(int) - colour_of(id_)).max() <= 2  # outline
    assert (first[110] == 100).all()
    assert (second == 100).all()


def test_colour_follows_the_id_not_the_place_in_the_list():
    alone = next(overlay([GREY, GREY], result(square(2, 100))))
    both = next(overlay([GREY, GREY], result(square(1, 20), square(2, 100))))
    assert (alone[70:, 80:] == both[70:, 80:]).all()


def test_a_label_stands_above_its_object_inside_the_frame_in_any_script():
    frame = next(
        overlay([GREY, GREY], result(square(1, 20, "größe 猫"), categories={1: "größe 猫"}))
    )
    changed = np.argwhere((frame != 100).any(axis=2))
    assert changed[:, 0].min() < 58


def test_the_given_frames_are_left_as_they_were():
    frame = GREY.copy()
    next(overlay([frame, frame], result(square(1, 20))))
    assert (frame == 100).all()


def test_a_video_of_one_pixel_can_be_drawn():
    mask = rle.encode(np.ones((1, 1), bool))
    dot = InstanceSequence(1, "cat", 0.5, {"cat": 0.5}, 0, (1, 1), (mask,), (0.5,))
    assert next(overlay([np.zeros((1, 1, 3), np.uint8)], result(dot))).shape == (1, 1, 3)
