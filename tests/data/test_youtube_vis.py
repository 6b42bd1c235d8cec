"""Reading YouTube-VIS files: right ones exactly, wrong ones with every fault named."""

import json

import numpy as np
import pytest
from places import SHARED, needs_shared
from pycocotools import mask as coco
from videosets import rectangle, write_youtube_vis, youtube_vis_data

from propose_reduce.data.youtube_vis import read_youtube_vis, scan_youtube_vis
from propose_reduce.errors import InputError


def scanned(tmp_path, data):
    file, images = write_youtube_vis(tmp_path, data)
    return scan_youtube_vis(file, images)


def test_videos_objects_and_categories_are_read(tmp_path):
    videos = read_youtube_vis(*write_youtube_vis(tmp_path))
    assert videos.categories == ("cat", "dog")
    (video,) = videos.videos
    assert (video.id, video.name, video.size, len(video.frames)) == (7, "a", (24, 40), 3)
    assert [(obj.id, obj.category, obj.crowd) for obj in video.objects] == [
        (1, 0, False),
        (2, 1, False),
    ]


def test_a_frame_has_the_objects_it_shows(tmp_path):
    (video,) = read_youtube_vis(*write_youtube_vis(tmp_path)).videos
    first, second = video.frame(0), video.frame(1)
    assert first.image.shape == (24, 40, 3)
    assert first.labels.tolist() == [1, 2]
    assert np.array_equal(first.masks[1], rectangle(20, 10, 30, 20))
    assert second.ids.tolist() == [1]
    assert np.array_equal(second.masks[0], rectangle(5, 3, 15, 15))


def test_masks_may_be_polygons_plain_counts_or_empty(tmp_path):
    data = youtube_vis_data()
    counts = [0, *np.diff(np.flatnonzero(np.diff([1, *rectangle(0, 0, 2, 2).T.ravel(), 2])))]
    polygon = [[4, 5, 14, 5, 14, 20, 4, 20]]
    empty = {"size": [24, 40], "counts": [24 * 40]}
    plain = {"size": [24, 40], "counts": [0, 2, 22, 2, 24 * 40 - 26]}
    data["annotations"][0] |= {"segmentations": [polygon, plain, empty], "bboxes": None}
    assert counts  # the same mask by hand: 2 pixels of column 0, then 2 of column 1
    (video,) = scanned(tmp_path, data).videos.videos
    masks = video.objects[0].segmentations
    assert np.array_equal(video.frame(0).masks[0], rectangle(4, 5, 14, 20))
    assert np.array_equal(video.frame(1).masks[0], rectangle(0, 0, 2, 2))
    assert masks[2] is None


def test_a_file_without_annotations_has_no_objects(tmp_path):
    data = youtube_vis_data()
    for missing in ({}, {"annotations": None}):
        bare = {key: value for key, value in data.items() if key != "annotations"} | missing
        scan = scanned(tmp_path, bare)
        assert scan.faults == []
        assert scan.videos.videos[0].objects == ()


def test_categories_are_in_the_order_of_their_ids(tmp_path):
    data = youtube_vis_data()
    data["categories"].reverse()
    videos = scanned(tmp_path, data).videos
    assert videos.categories == ("cat", "dog")
    assert videos.videos[0].objects[1].category == 1


def change(path, value):
    """Return a function that sets data[path] = value."""

    def apply(data):
        *parents, last = path
        for key in parents:
            data = data[key]
        data[last] = value

    return apply


def repeat(part):
    """Return a function that lists the first entry of a part twice."""
    return lambda data: data[part].append(data[part][0])


BAD_RUNS = {"size": [24, 40], "counts": "PPP"}
SHORT_RUNS = {"size": [24, 40], "counts": [0, 5]}
OTHER_SIZE = {"size": [40, 24], "counts": [960]}


@pytest.mark.parametrize(
    ("spoil", "place", "text"),
    [
        (change(["videos"], {}), "videos", "must be a list, got dict"),
        (change(["videos", 0, "length"], 4), "videos[0].length", "4, but there are 3 file_names"),
        (change(["videos", 0, "file_names"], []), "videos[0].file_names", "at least 1 item"),
        (change(["videos", 0, "height"], 0), "videos[0].height", "greater than or equal to 1"),
        (change(["videos", 0, "file_names", 1], "../x.jpg"), "videos[0].file_names[1]", "outside"),
        (change(["videos", 0, "file_names", 1], "/etc/x"), "videos[0].file_names[1]", "outside"),
        (change(["videos", 0, "file_names", 1], "C:\\x"), "videos[0].file_names[1]", "outside"),
        (change(["videos", 0, "file_names", 1], "a\\..\\..\\x"), "file_names[1]", "outside"),
        (change(["videos", 0, "file_names", 1], ""), "file_names[1]", "'' is no file name"),
        (change(["videos", 0, "file_names", 1], "a\0b"), "file_names[1]", "is no file name"),
        (repeat("videos"), "videos[1].id", "7 is also the id of videos[0]"),
        (repeat("annotations"), "annotations[2].id", "1 is also the id of annotations[0]"),
        (repeat("categories"), "categories[2].id", "3 is also the id of categories[0]"),
        (change(["categories", 1, "name"], "cat"), "categories", "2 of them are called 'cat'"),
        (change(["annotations", 0, "category_id"], 4), "annotations[0].category_id", "known: 3, 9"),
        (change(["annotations", 0, "video_id"], 8), "annotations[0].video_id", "unknown video 8"),
        (change(["annotations", 0, "width"], 41), "annotations[0].width", "the video's is 40"),
        (change(["annotations", 0, "segmentations"], [None]), "segmentations", "1 entries for 3"),
        (change(["annotations", 0, "bboxes"], [None] * 4), "bboxes", "4 entries for 3 frames"),
        (change(["annotations", 0, "areas"], [1]), "areas", "1 entries for 3 frames"),
        (
            change(["annotations", 1, "bboxes", 0], [20, 10, 0, 10]),
            "bboxes[0]",
            "empty or inverted",
        ),
        (change(["annotations", 1, "bboxes", 0], [30, 10, -10, 10]), "bboxes[0]", "empty or inv"),
        (
            change(["annotations", 1, "bboxes", 0], [40, 10, 5, 10]),
            "bboxes[0]",
            "outside the image",
        ),
        (change(["annotations", 1, "bboxes", 0], [20, 10]), "bboxes[0]", "[x, y, width, height]"),
        (change(["annotations", 1, "bboxes", 0], [0, 0, 24, 20]), "bboxes[0]", "reaches 6 pixels"),
        (change(["annotations", 0, "segmentations", 1], BAD_RUNS), "segmentations[1]", "run"),
        (
            change(["annotations", 0, "segmentations", 1], SHORT_RUNS),
            "segmentations[1]",
            "5 pixels",
        ),
        (
            change(["annotations", 0, "segmentations", 1], OTHER_SIZE),
            "segmentations[1]",
            "[40, 24]",
        ),
        (change(["annotations", 0, "segmentations", 1], "x"), "segmentations[1]", "run lengths or"),
        (change(["annotations", 0, "segmentations", 1], [[1, 2, 3]]), "segmentations[1]", "pairs"),
        (
            change(["annotations", 0, "segmentations", 1], [[1, 2, 50, 2, 3, 9]]),
            "annotations[0].segmentations[1]",
            "x in 1..50 outside the image, 0..40",
        ),
        (change(["annotations", 0, "segmentations"], None), "annotations[0].segmentations", "list"),
    ],
)
def test_every_fault_is_named_with_its_place(tmp_path, spoil, place, text):
    data = youtube_vis_data()
    spoil(data)
    faults = scanned(tmp_path, data).faults
    assert [fault for fault in faults if place in fault.place and text in fault.text], faults


def test_a_video_with_a_file_outside_the_folder_is_not_opened(tmp_path):
    data = youtube_vis_data()
    data["videos"][0]["file_names"][2] = "../secret.jpg"
    scan = scanned(tmp_path, data)
    assert scan.videos.videos == ()
    assert len(scan.faults) == 1


def test_reading_a_file_with_faults_names_the_first_and_counts_the_others(tmp_path):
    data = youtube_vis_data()
    data["videos"][0]["length"] = 4
    data["annotations"][0]["category_id"] = 5
    file, images = write_youtube_vis(tmp_path, data)
    with pytest.raises(InputError) as caught:
        read_youtube_vis(file, images)
    message = str(caught.value)
    assert "videos[0].length: 4, but there are 3 file_names (and 1 more" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "must hold a JSON object, got list"),
        ("{", "is not valid JSON"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, content, message):
    file = tmp_path / "annotations.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InputError, match=message):
        scan_youtube_vis(file, tmp_path)


@pytest.mark.shared
@needs_shared[1]
def test_real_masks_are_those_pycocotools_decodes():
    root = SHARED / "realdata" / "vis_with_masks"
    data = json.loads((root / "instances.json").read_text())
    videos = read_youtube_vis(root / "instances.json", root)
    assert [video.id for video in videos.videos] == [video["id"] for video in data["videos"]]
    for video in videos.videos:
        t = len(video.frames) // 2
        expected = {
            a["id"]: coco.decode(a["segmentations"][t])
            for a in data["annotations"]
            if a["video_id"] == video.id and a["segmentations"][t]
        }
        frame = video.frame(t)
        present = {number: mask for number, mask in expected.items() if mask.any()}
        assert frame.ids.tolist() == list(present)
        assert np.array_equal(frame.masks, np.stack(list(present.values())))
