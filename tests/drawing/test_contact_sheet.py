import numpy as np
import pytest

from propose_reduce import rle
from propose_reduce.drawing import contact_sheet
from propose_reduce.drawing.contact_sheet import main_box
from propose_reduce.drawing.paint import colour_of
from propose_reduce.results import VideoResult
from propose_reduce.structures import InstanceSequence

FRAMES = [np.full((60, 80, 3), 100, np.uint8)] * 10


def thing(id_: int, present: range, category: str = "cat") -> InstanceSequence:
    mask = np.zeros((60, 80), bool)
    mask[10:40, 20:50] = True
    masks = tuple(rle.encode(mask) if frame in present else None for frame in range(10))
    scores = tuple(None if mask is None else 0.5 for mask in masks)
    return InstanceSequence(id_, category, 0.5, {category: 0.5}, 0, (60, 80), masks, scores)


def sheet(*things: InstanceSequence) -> np.ndarray:
    return contact_sheet(FRAMES, VideoResult("clip", (60, 80), 10, {1: "cat"}, things))


def pixels_of(picture: np.ndarray, id_: int) -> np.ndarray:
    return np.argwhere((picture == colour_of(id_)).all(axis=2))


def test_there_is_a_row_for_each_sequence_in_its_colour():
    picture = sheet(thing(1, range(10)), thing(2, range(10)))
    first, second = pixels_of(picture, 1), pixels_of(picture, 2)
    assert len(first) > 1000
    assert len(second) > 1000
    assert first[:, 0].max() < second[:, 0].max()


def test_the_bar_shows_where_in_the_video_an_object_is():
    picture = sheet(thing(1, range(5)))
    bar = max(set(pixels_of(picture, 1)[:, 0].tolist()))
    columns = np.flatnonzero((picture[bar] == colour_of(1)).all(axis=1))
    whole = np.flatnonzero((picture[bar] != 255).any(axis=1))
    assert len(columns) / len(whole) == pytest.approx(0.5, abs=0.01)


def test_a_sheet_without_objects_and_one_with_many_can_be_drawn():
    many = [thing(number, range(10)) for number in range(1, 21)]
    assert sheet().shape[0] < sheet(*many[:12]).shape[0] < sheet(*many).shape[0]
    assert len(pixels_of(sheet(*many), 13)) == 0  # the twelve best; of the rest the number


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1)])
def test_frames_of_any_shape_have_their_place(size):
    frames = [np.full((*size, 3), 100, np.uint8)] * 2
    assert contact_sheet(frames, VideoResult("clip", size, 2, {1: "cat"}, ())).size


def test_a_name_too_long_for_its_column_is_cut():
    long = VideoResult("clip", (60, 80), 10, {1: "w" * 90}, (thing(1, range(10), "w" * 90),))
    short = sheet(thing(1, range(10)))
    assert contact_sheet(FRAMES, long)[:, 150:].tolist() == short[:, 150:].tolist()


def test_a_title_too_long_for_the_sheet_leaves_the_count_readable():
    named = [VideoResult(name, (60, 80), 1, {1: "cat"}, ()) for name in ("clip", "clip " * 40)]
    short, long = (contact_sheet(FRAMES[:1], result)[:34] for result in named)
    counts = np.flatnonzero((short[:, 100:] < 200).any(axis=(0, 2))) + 100
    assert (short[:, counts] == long[:, counts]).all()


def test_a_single_frame_is_one_column():
    one = VideoResult("clip", (60, 80), 1, {1: "cat"}, ())
    assert contact_sheet(FRAMES[:1], one).shape[1] < sheet().shape[1]


def test_the_sheet_of_a_larger_video_is_larger():
    widths = []
    for side in (1280, 1920, 9000):
        still = np.zeros((9, side, 3), np.uint8)
        result = VideoResult("clip", still.shape[:2], 1, {1: "cat"}, ())
        widths.append(contact_sheet([still], result).shape[1])
    assert widths[1] == pytest.approx(1.5 * widths[0], abs=3)
    assert widths[2] == pytest.approx(3 * widths[0], abs=3)


def test_stray_pixels_do_not_widen_a_cut_out():
    mask = np.zeros((60, 80), bool)
    mask[10:30, 20:50] = True
    assert main_box(mask) == np.s_[10:30, 20:50]
    mask[59, 79] = True
    assert main_box(mask) == np.s_[10:30, 20:50]
    mask[40:50, 60:70] = True  # a part of the object: 100 of 600 pixels
    assert main_box(mask) == np.s_[10:50, 20:70]


@pytest.mark.parametrize("times", [{"fps": 2.0}, {"timestamps": tuple(0.5 * t for t in range(10))}])
def test_seconds_are_shown_where_frames_have_times(times):
    plain, timed = (
        contact_sheet(FRAMES, VideoResult("clip", (60, 80), 10, {1: "cat"}, (), **given))
        for given in ({}, times)
    )
    assert (plain != timed).any()
