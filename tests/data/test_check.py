"""Checking a data set as a whole: its frames, and what is printed."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from label_files import CUT_PNG
from PIL import Image
from rich.console import Console
from videosets import write_youtube_vis, youtube_vis_data

from propose_reduce.data.check import check, scan
from propose_reduce.errors import InputError


def remove(path):
    path.unlink()


def cut(path):
    path.write_bytes(path.read_bytes()[:-40])


def empty(path):
    path.write_bytes(b"")


def no_image(path):
    path.write_text("no image")


def resize(path):
    Image.new("RGB", (44, 24)).save(path)


def test_a_right_data_set_has_no_faults(tmp_path):
    report = check(*write_youtube_vis(tmp_path))
    assert report.faults == []
    assert report.verdict() == "no faults"
    assert report.statistics.videos == 1


def test_videos_without_image_files_are_sound_and_not_to_be_trained_on(tmp_path):
    file, images = write_youtube_vis(tmp_path)
    data = json.loads(file.read_text())
    names = data["videos"][0].pop("file_names")
    data["videos"][0]["length"] = len(names)
    file.write_text(json.dumps(data))
    report = check(file, images)
    assert report.faults == []
    assert report.verdict().endswith("not to be trained on: 1 video names no image files")


def cut_header(path):
    path.write_bytes(CUT_PNG)


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (remove, "is missing"),
        (cut, "is damaged or not an image"),
        (empty, "is an empty file"),
        (no_image, "not an image"),
        (resize, "is 44x24 pixels, its annotations say 40x24"),
    ],
)
def test_a_frame_that_cannot_be_used_is_named(tmp_path, spoil, text):
    file, images = write_youtube_vis(tmp_path)
    frame = images / "a" / "00001.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(frame)  # enough bytes to cut some off
    spoil(frame)
    (fault,) = check(file, images).faults
    assert fault.place == "a, frame 1"
    assert text in fault.text
    assert "00001.jpg" in fault.text


@pytest.mark.parametrize("spoil", [remove, empty, no_image, cut_header, resize])
def test_headers_alone_show_what_needs_no_decoding(tmp_path, spoil):
    file, images = write_youtube_vis(tmp_path)
    spoil(images / "a" / "00001.jpg")
    assert len(check(file, images, decode=False).faults) == 1


def test_faults_of_the_file_and_of_the_frames_are_told_together(tmp_path):
    data = youtube_vis_data()
    data["annotations"][0]["category_id"] = 4
    data["annotations"][1]["bboxes"][0] = [20, 10, 0, 10]
    file, images = write_youtube_vis(tmp_path, data)
    (images / "a" / "00002.jpg").unlink()
    report = check(file, images)
    assert [fault.place for fault in report.faults] == [
        "annotations[0].category_id",
        "a, frame 2",
    ]
    assert report.verdict() == "2 faults"
    assert len(report.warnings) == 1


def paths(value, path=()):
    """Yield the place of every value in nested lists and dicts."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths(value[key], (*path, key))


PLACES = [path for path in paths(youtube_vis_data()) if path]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["PPP", "0", "Pa1", "a\\..\\b", "\0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(PLACES), ANYTHING)
def test_whatever_stands_in_a_file_is_at_most_a_fault(tmp_path_factory, path, value):
    data = youtube_vis_data()
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    folder = tmp_path_factory.getbasetemp() / "fuzzed"
    report = check(*write_youtube_vis(folder, data))
    Console(file=io.StringIO()).print(report.show())


def test_the_report_shows_numbers_and_every_fault(tmp_path):
    data = youtube_vis_data()
    data["videos"][0]["length"] = 9
    data["annotations"][0]["category_id"] = 4
    console = Console(width=120, file=io.StringIO())
    console.print(check(*write_youtube_vis(tmp_path, data)).show())
    text = console.file.getvalue()
    assert "annotated frames" in text
    assert "1 fault\n" in text
    assert "annotations[0].category_id: unknown category 4, known: 3, 9" in text
    assert "warning: videos whose length is not the number of their file_names" in text


def test_progress_counts_the_frames(tmp_path):
    seen = []
    check(*write_youtube_vis(tmp_path), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_coco_file_and_a_davis_folder_are_told_apart(tmp_path):
    (tmp_path / "coco.json").write_text('{"images": [], "categories": [], "annotations": []}')
    assert scan(tmp_path / "coco.json", tmp_path).faults == []
    with pytest.raises(InputError, match="give a DAVIS root"):
        scan(tmp_path)


def test_a_file_needs_the_folder_of_its_images(tmp_path):
    file, images = write_youtube_vis(tmp_path)
    assert check(file).faults == check(file, images).faults == []
    with pytest.raises(InputError, match="nowhere' is not a folder: give it by --images DIR"):
        check(file, tmp_path / "nowhere")
