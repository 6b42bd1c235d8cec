"""Numbers about a data set, on videos small enough for a pencil."""

import io
from dataclasses import replace

import pytest
from rich.console import Console
from videosets import rectangle, video_set

from propose_reduce.data.check import CategoryCount, statistics


def square(column, side=10):
    return rectangle(column, 4, column + side, 4 + side)


def test_objects_and_frames_are_counted_by_category(tmp_path):
    told = [(0, [square(0), None, None]), (1, [square(20), square(20), None]), (1, [square(4)] * 3)]
    found = statistics(video_set(tmp_path, told, crowd={3}))
    assert (found.videos, found.frames, found.crowds) == (1, 3, 1)
    assert (found.categories["cat"].objects, found.categories["cat"].object_frames) == (1, 1)
    assert (found.categories["dog"].objects, found.categories["dog"].object_frames) == (1, 2)
    assert found.sizes == {(24, 40): 1}
    assert found.lengths == (3, 3, 3)
    assert found.object_sides == (10, 10, 10)


def overlap_of(tmp_path, second):
    return statistics(video_set(tmp_path, [(0, [square(0)]), (1, [second])])).box_overlap


def test_box_overlap_is_the_share_of_box_pixels_in_several_boxes(tmp_path):
    assert overlap_of(tmp_path, square(6)) == pytest.approx(40 / 160)
    assert overlap_of(tmp_path, square(10)) == 0


def crossing(tmp_path, first, second, categories=(0, 0)):
    told = [
        (category, [None if column is None else square(column) for column in columns])
        for category, columns in zip(categories, (first, second), strict=True)
    ]
    return statistics(video_set(tmp_path, told)).crossings


def test_look_alikes_cross_when_they_meet_and_swap_sides(tmp_path):
    assert crossing(tmp_path, (0, 12, 28), (28, 16, 0)) == 1


def test_look_alikes_that_meet_and_part_again_do_not_cross(tmp_path):
    assert crossing(tmp_path, (0, 10, 0), (28, 16, 28)) == 0


def test_look_alikes_that_never_touch_do_not_cross(tmp_path):
    assert crossing(tmp_path, (0, None, 28), (28, None, 0)) == 0


def test_objects_of_two_categories_are_no_look_alikes(tmp_path):
    assert crossing(tmp_path, (0, 12, 28), (28, 16, 0), categories=(0, 1)) == 0


def with_occlusions(videos, *told):
    (video,) = videos.videos
    objects = [replace(o, occlusions=t) for o, t in zip(video.objects, told, strict=True)]
    return replace(videos, videos=(replace(video, objects=tuple(objects)),))


def test_occlusion_counts_object_frames_inside_the_picture(tmp_path):
    videos = video_set(tmp_path, [(0, [square(0)] * 4), (1, [square(20)] * 4)])
    assert statistics(videos).occluded is None
    known = with_occlusions(videos, (0.0, 0.2, 0.21, None), (1.0, 0.0, 0.0, None))
    assert statistics(known).occluded == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("masks", "occlusions", "expected"),
    [
        ([square(0), square(0), square(0)], None, 0),
        ([None, square(0), square(0)], None, 1),
        ([square(0), square(0), None], None, 1),
        ([square(0), None, square(0)], None, 0),  # it may be hidden
        ([square(0), None, square(0)], (0.0, 1.0, 0.0), 0),  # it is hidden
        ([square(0), None, square(0)], (0.0, None, 0.0), 1),  # it is outside
    ],
)
def test_travellers_are_objects_outside_the_picture_at_some_time(
    tmp_path, masks, occlusions, expected
):
    videos = with_occlusions(video_set(tmp_path, [(0, masks)]), occlusions)
    assert statistics(videos).travellers == expected


def test_brackets_in_a_category_are_no_markup(tmp_path):
    found = replace(
        statistics(video_set(tmp_path, [(0, [square(0)])])),
        categories={"[/b]dog[s]": CategoryCount(1, 1)},
    )
    console = Console(width=100, file=io.StringIO())
    console.print(found.category_table())
    assert "[/b]dog[s]" in console.file.getvalue()


def test_the_tables_show_the_numbers(tmp_path):
    found = statistics(video_set(tmp_path, [(0, [square(0)])]))
    console = Console(width=100, file=io.StringIO())
    console.print(found.table(), found.category_table())
    text = console.file.getvalue()
    assert "1, on 1 object-frames" in text
    assert "40x24 (1)" in text
    assert "cat" in text
    assert "1 without objects" in text
