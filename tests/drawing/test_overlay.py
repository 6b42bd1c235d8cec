import numpy as np
import pytest
from sequences import result

from propose_reduce import rle
from propose_reduce.drawing import overlay
from propose_reduce.drawing.overlay import MIN_AREA, place_labels
from propose_reduce.drawing.paint import OPACITY, colour_of
from propose_reduce.errors import InputError
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


def moving(id_: int, *boxes: tuple[int, int, int] | None, size=(120, 160)) -> InstanceSequence:
    """Return an object that is a square with (row, column, side) on each frame."""
    masks = []
    for box in boxes:
        mask = np.zeros(size, bool)
        if box is not None:
            row, column, side = box
            mask[row : row + side, column : column + side] = True
        masks.append(None if box is None else rle.encode(mask))
    scores = tuple(None if mask is None else 0.5 for mask in masks)
    return InstanceSequence(id_, "cat", 0.5, {"cat": 0.5}, 0, size, tuple(masks), scores)


def places(*things: InstanceSequence, label=(10, 30)) -> np.ndarray:
    return place_labels(result(*things), np.array([label] * len(things)))


def test_a_label_stands_above_the_middle_of_its_object_while_it_is_there():
    (corners,) = places(moving(1, None, (60, 20, 40), (60, 22, 40), None))
    assert corners.tolist() == [[-1, -1], [50, 25], [50, 27], [-1, -1]]


def test_a_label_moves_smoothly_where_the_mask_flickers():
    boxes = [(60 + 12 * (frame % 2), 20 + frame, 40) for frame in range(20)]
    (corners,) = places(moving(1, *boxes))
    assert np.abs(np.diff(corners[4:-4, 0])).max() < 3
    assert np.diff(corners[4:-4, 1]) == pytest.approx(1)


def test_labels_stay_inside_the_frame():
    (corners,) = places(moving(1, (0, 0, 40), (0, 130, 30)), label=(10, 60))
    assert corners.tolist() == [[0, 0], [0, 100]]


def test_labels_do_not_cover_each_other():
    things = [moving(id_, *[(60 + id_, 20 + 2 * id_, 40)] * 3) for id_ in range(1, 6)]
    rows = np.sort(places(*things)[:, 1, 0])
    assert np.diff(rows).min() >= 10


def test_a_label_that_stepped_aside_stays_there_while_it_must():
    still = moving(1, *[(60, 20, 40)] * 30)
    wobbling = moving(2, *[(60 + (-1) ** frame, 20, 40) for frame in range(30)])
    rows = places(still, wobbling)[1, 4:-4, 0]
    assert np.abs(np.diff(rows)).max() < 2


def test_a_few_pixels_have_no_label():
    side = int((MIN_AREA * 1200 * 1600) ** 0.5)
    small = moving(1, (600, 200, side - 1), size=(1200, 1600))
    large = moving(2, (600, 200, side + 1), size=(1200, 1600))
    corners = place_labels(result(small, large), np.array([[10, 30]] * 2))
    assert corners[:, 0, 0].tolist() == [-1, 590]


def test_labels_say_what_is_wanted_and_masks_are_as_strong_as_wanted():
    cat = result(square(1, 20))
    plain = next(overlay([GREY, GREY], cat, labels=(), opacity=0))
    assert (plain[:60] == 100).all()
    assert (plain[80, 40] == 100).all()
    widths = []
    for labels in (["id"], ["id", "name"], ["score", "name", "id"]):
        frame = next(overlay([GREY, GREY], cat, labels=labels))
        widths.append(np.flatnonzero((frame[52] != 100).any(axis=1)).size)
    assert widths == sorted(set(widths))


@pytest.mark.parametrize(
    ("style", "message"),
    [({"opacity": 1.5}, "between 0 and 1, got 1.5"), ({"labels": ["nane"]}, "did you mean 'name'")],
)
def test_a_style_that_there_is_not_is_an_error_before_the_first_frame(style, message):
    with pytest.raises(InputError, match=message):
        overlay([GREY, GREY], result(square(1, 20)), **style)
