"""Annotated videos: one frame at a time, and told in other categories."""

import numpy as np
import pytest
from label_files import CUT_PNG
from PIL import Image
from videosets import rectangle, video_set

from propose_reduce.data.videos import (
    LabelledFrame,
    read_image,
    shown,
    with_categories,
)
from propose_reduce.errors import InputError

MASK = rectangle(2, 2, 9, 9)


def test_shown_tells_where_each_object_is_and_leaves_crowds_out(tmp_path):
    videos = video_set(tmp_path, [(0, [MASK, None]), (1, [MASK, MASK])], crowd={2})
    assert shown(videos.videos[0]).tolist() == [[True, False], [False, False]]


def told_categories(videos):
    return [videos.categories[obj.category] for obj in videos.videos[0].objects]


def test_the_same_names_are_matched_however_they_are_written(tmp_path):
    videos = video_set(tmp_path, [(0, [MASK]), (1, [MASK])], ("Giant Panda", "flying-disc"))
    told = with_categories(videos, ["bear", "flying_disc", "giant_panda"])
    assert told_categories(told) == ["giant_panda", "flying_disc"]


def test_objects_without_a_counterpart_go(tmp_path):
    videos = video_set(tmp_path, [(0, [MASK]), (1, [MASK])])
    told = with_categories(videos, ["dog"])
    assert told_categories(told) == ["dog"]
    assert [obj.id for obj in told.videos[0].objects] == [2]


def test_a_map_to_nothing_drops_a_category_of_the_same_name(tmp_path):
    videos = video_set(tmp_path, [(0, [MASK]), (1, [MASK])], ("mouse", "dog"))
    told = with_categories(videos, ["mouse", "dog"], {"mouse": None})
    assert told_categories(told) == ["dog"]


def test_a_map_renames_and_the_star_takes_all_others(tmp_path):
    videos = video_set(tmp_path, [(0, [MASK]), (1, [MASK]), (2, [MASK])], ("car", "cat", "dog"))
    told = with_categories(videos, ["pet", "sedan"], {"car": "sedan", "*": "pet"})
    assert told_categories(told) == ["sedan", "pet", "pet"]
    everything = with_categories(videos, ["instance"], {"*": "instance"})
    assert told_categories(everything) == ["instance"] * 3


@pytest.mark.parametrize(
    ("renamed", "message"),
    [
        ({"catt": "dog"}, "unknown category of 'test': 'catt': did you mean 'cat'?"),
        ({"cat": "dgo"}, "unknown category 'dgo': did you mean 'dog'?"),
    ],
)
def test_a_map_of_categories_that_are_not_there_is_refused(tmp_path, renamed, message):
    with pytest.raises(InputError) as caught:
        with_categories(video_set(tmp_path, [(0, [MASK])]), ["dog"], renamed)
    assert str(caught.value) == message


def test_a_frame_of_another_size_is_refused(tmp_path):
    (video,) = video_set(tmp_path, [(0, [MASK])]).videos
    Image.new("RGB", (41, 24)).save(video.frames[0])
    with pytest.raises(InputError, match="is 41x24 pixels, its annotations say 40x24"):
        video.frame(0)


@pytest.mark.parametrize("content", [None, b"", b"no image", CUT_PNG])
def test_a_frame_that_is_missing_or_no_image_is_refused(tmp_path, content):
    path = tmp_path / "00000.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"00000\.jpg' is"):
        read_image(path)


def test_masks_must_fit_their_image():
    image = np.zeros((4, 6, 3), dtype=np.uint8)
    one = np.ones(1, dtype=np.int64)
    with pytest.raises(InputError, match="must fit 1 objects on an image"):
        LabelledFrame(image, np.zeros((1, 4, 5), dtype=bool), one, one, one.astype(bool))
