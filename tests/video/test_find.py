import hashlib
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from propose_reduce.errors import InputError
from propose_reduce.files import distinct_names
from propose_reduce.video import (
    find_videos,
    stored_digest,
    video,  # the module
    video_name,
    video_names,
)


@pytest.fixture
def tree(tmp_path):
    """Two films, a folder of images, an output folder of ours, and things that are none."""
    for name in ("b10.mp4", "b2.MOV", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).write_bytes(b"12345")
    for folder in ("frames", "done", "empty"):
        (tmp_path / folder).mkdir()
    for folder in ("frames", "done"):
        for number in range(2):
            image = Image.fromarray(np.zeros((4, 4), np.uint8))
            image.save(tmp_path / folder / f"{number}.png")
    (tmp_path / "done" / "result.json").touch()
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_a_folder_stands_for_the_videos_in_it_in_natural_order(tree):
    assert names(find_videos(tree)) == ["b2.MOV", "b10.mp4", "frames"]


def test_a_folder_of_images_is_one_video(tree):
    assert find_videos(tree / "frames") == [tree / "frames"]


def test_a_pattern_stands_for_what_it_matches(tree):
    assert names(find_videos(f"{tree}/b*")) == ["b2.MOV", "b10.mp4"]
    assert names(find_videos(f"{tree}/**/f*")) == ["frames"]


def test_what_stands_for_nothing_stays_to_be_reported(tree):
    for argument in (tree / "none.mp4", tree / "none*.mp4", tree / "empty"):
        assert find_videos(argument) == [argument]


def test_a_file_name_that_looks_like_a_pattern_is_a_file(tmp_path):
    (tmp_path / "a[1].mp4").touch()
    assert find_videos(tmp_path / "a[1].mp4") == [tmp_path / "a[1].mp4"]


def test_names(tree):
    assert video_name(tree / "b10.mp4") == "b10"
    assert video_name(tree / "frames.mp4") == "frames"


@pytest.mark.parametrize("folder", ["JPEGImages", "images", "frames", "rgb", "img1", "rgb/Frames"])
def test_a_folder_that_only_says_what_lies_in_it_is_called_as_the_one_above(tmp_path, folder):
    place = tmp_path / "MOT-02" / folder
    place.mkdir(parents=True)
    assert video_name(place) == "MOT-02"


def test_equal_names_get_the_folder_above_in_front(tmp_path):
    places = ["a/clip.mp4", "b/clip.mp4", "c/other.mp4", "a/x/img1", "b/x/img1"]
    for place in places[3:]:
        (tmp_path / place).mkdir(parents=True)
    names = video_names([tmp_path / place for place in places])
    assert names == ["a_clip", "b_clip", "other", "a_x", "b_x"]


PARTS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4)


@given(st.lists(PARTS, min_size=1, max_size=5, unique_by=tuple))
def test_places_that_differ_have_names_that_differ(places):
    names = distinct_names(places)
    assert all(name.endswith(parts[-1]) for name, parts in zip(names, places, strict=True))
    assert len(set(names)) == len(places)
    assert distinct_names([*places, *places]) == names * 2


def test_a_digest_tells_other_contents_of_the_same_size(tree):
    film = tree / "b10.mp4"
    before = stored_digest(film)
    assert before == hashlib.sha256(b"12345").hexdigest()
    assert stored_digest(film.rename(tree / "moved.mp4")) == before
    (tree / "moved.mp4").write_bytes(b"12346")
    assert stored_digest(tree / "moved.mp4") != before


@pytest.mark.parametrize("change", ["a picture", "a name", "one more", "one less"])
def test_the_digest_of_a_folder_tells_any_change_of_its_images(tree, change):
    frames = tree / "frames"
    before = stored_digest(frames)
    (frames / "notes.txt").write_text("no image")
    assert stored_digest(frames) == before
    if change == "a picture":
        Image.fromarray(np.ones((4, 4), np.uint8)).save(frames / "0.png")
    elif change == "a name":
        (frames / "0.png").rename(frames / "2.png")  # now the last one
    elif change == "one more":
        (frames / "2.png").write_bytes((frames / "1.png").read_bytes())
    else:
        (frames / "1.png").unlink()
    assert stored_digest(frames) != before


def test_there_is_no_digest_of_nothing(tree):
    with pytest.raises(InputError, match="does not exist"):
        stored_digest(tree / "none.mp4")


def test_an_empty_name_is_refused_for_it_would_mean_the_current_folder():
    with pytest.raises(InputError, match="name of a video is empty"):
        find_videos("")


def test_a_folder_that_may_not_be_entered_hides_no_others(tree, monkeypatch):
    look_inside = video.image_files

    def closed(folder):
        if folder.name == "empty":
            raise PermissionError(13, "Permission denied", str(folder))
        return look_inside(folder)

    monkeypatch.setattr(video, "image_files", closed)
    assert names(find_videos(tree)) == ["b2.MOV", "b10.mp4", "empty", "frames"]
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        stored_digest(tree / "empty")


def test_a_link_that_leads_round_is_a_video_that_cannot_be_read(tmp_path):
    (tmp_path / "a.mp4").symlink_to("a.mp4")
    assert find_videos(tmp_path) == [tmp_path / "a.mp4"]
    with pytest.raises(InputError, match=r"a\.mp4' cannot be read"):
        stored_digest(tmp_path / "a.mp4")


def test_a_pipe_has_no_digest(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="is a pipe or a device"):
        stored_digest(tmp_path / "a.mp4")
