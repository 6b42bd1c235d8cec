"""Reading YouTube-VIS files: right ones exactly, wrong ones with every fault named."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import SHARED, needs_shared
from pycocotools import mask as coco
from videosets import rectangle, write_youtube_vis, youtube_vis_data

from propose_reduce import rle
from propose_reduce.data.segmentations import read_mask, read_segmentations
from propose_reduce.data.youtube_vis import (
    document,
    read_youtube_vis,
    scan_annotations,
    scan_youtube_vis,
)
from propose_reduce.data.youtube_vis_writer import prediction_entry
from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_youtube_vis


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


def repeat(part, **fields):
    """Return a function that lists the first entry of a part twice."""
    return lambda data: data[part].append(data[part][0] | fields)


BAD_RUNS = {"size": [24, 40], "counts": "PPP"}
SHORT_RUNS = {"size": [24, 40], "counts": [0, 5]}
OTHER_SIZE = {"size": [40, 24], "counts": [960]}


@pytest.mark.parametrize(
    ("spoil", "place", "text"),
    [
        (change(["videos"], {}), "videos", "must be a list, got dict"),
        (
            lambda data: data["videos"][0].update(file_names=[], length=0),
            "videos[0].file_names",
            "at least 1 item, or a length",
        ),
        (change(["videos", 0, "height"], 0), "videos[0].height", "greater than or equal to 1"),
        (change(["videos", 0, "file_names", 1], "../x.jpg"), "videos[0].file_names[1]", "outside"),
        (change(["videos", 0, "file_names", 1], "/etc/x"), "videos[0].file_names[1]", "outside"),
        (change(["videos", 0, "file_names", 1], "C:\\x"), "videos[0].file_names[1]", "outside"),
        (change(["videos", 0, "file_names", 1], "a\\..\\..\\x"), "file_names[1]", "outside"),
        (change(["videos", 0, "file_names", 1], ""), "file_names[1]", "'' is not a file name"),
        (change(["videos", 0, "file_names", 1], "a\0b"), "file_names[1]", "is not a file name"),
        (repeat("videos"), "videos[1].id", "7 is also the id of videos[0]"),
        (repeat("annotations"), "annotations[2].id", "1 is also the id of annotations[0]"),
        (repeat("categories"), "categories[2].id", "3 is also the id of categories[0]"),
        (change(["annotations", 0, "category_id"], 4), "annotations[0].category_id", "known: 3, 9"),
        (change(["annotations", 0, "video_id"], 8), "annotations[0].video_id", "unknown video 8"),
        (change(["annotations", 0, "segmentations"], [None]), "segmentations", "1 entries for 3"),
        (change(["annotations", 0, "areas"], [1]), "areas", "1 entries for 3 frames"),
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
        (change(["annotations", 0, "segmentations"], None), "annotations[0].segmentations", "list"),
    ],
)
def test_every_fault_is_named_with_its_place(tmp_path, spoil, place, text):
    data = youtube_vis_data()
    spoil(data)
    faults = scanned(tmp_path, data).faults
    assert [fault for fault in faults if place in fault.place and text in fault.text], faults


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (change(["videos", 0, "length"], 4), "videos whose length is not .* file_names"),
        (change(["videos", 0, "file_names"], None), "videos without file_names"),
        (change(["videos", 0, "file_names", 1], "a/00000.jpg"), "videos that list a file twice"),
        (repeat("videos", id=8), "videos that show the same files as another one"),
        (change(["categories", 1, "name"], "cat"), "names of several categories"),
        (change(["annotations", 0, "width"], 41), "annotations with a height, width or length"),
        (change(["annotations", 0, "bboxes"], [None] * 4), "bboxes that are not one box or null"),
        (change(["annotations", 0, "bboxes"], []), "bboxes that are not one box or null"),
        (change(["annotations", 1, "bboxes", 0], None), None),
        (change(["annotations", 1, "bboxes", 0], [20, 10, 0, 10]), "empty or inverted"),
        (change(["annotations", 1, "bboxes", 0], [30, 10, -10, 10]), "empty or inverted"),
        (change(["annotations", 1, "bboxes", 0], [40, 10, 5, 10]), "outside the image"),
        (change(["annotations", 1, "bboxes", 0], [20, 10]), r"\[x, y, width, height\]"),
        (change(["annotations", 1, "bboxes", 0], [0, 0, 24, 20]), "reaches 6 pixels"),
        (change(["annotations", 1, "occlusions"], [0.5]), "occlusions that are not one share"),
        (
            lambda data: data["annotations"][0].update(
                segmentations=[None, [[1, 2, 50, 2, 3, 9]], None], bboxes=None
            ),
            r"polygons that reach out .*annotations\[0\]\.segmentations\[1\]",
        ),
    ],
)
def test_what_is_odd_and_can_be_read_all_the_same_is_noted(tmp_path, spoil, text):
    data = youtube_vis_data()
    spoil(data)
    scan = scanned(tmp_path, data)
    assert scan.faults == []
    assert [re.search(text, note) is not None for note in scan.notes] == [True] * (text is not None)


def drop(section, field):
    """Return a function that takes a field out of every entry of a section."""
    return lambda data: [entry.pop(field) for entry in data[section]]


@pytest.mark.parametrize(
    "written",
    [
        drop("annotations", "iscrowd"),
        drop("annotations", "areas"),
        drop("videos", "length"),
        change(["annotations", 0, "iscrowd"], None),
        change(["annotations", 0, "iscrowd"], "0"),
        change(["annotations", 0, "areas"], None),
        change(["annotations", 0, "id"], 0),
        change(["annotations", 0, "id"], "1"),
        change(["annotations", 0, "video_id"], 7.0),
        change(["annotations", 0, "category_id"], "3"),
        change(["videos", 0, "id"], "7"),
        change(["videos", 0, "height"], "24"),
        change(["videos", 0, "width"], 40.0),
        change(["videos", 0, "file_names"], [f"a\\{t:05d}.jpg" for t in range(3)]),
        change(["categories", 0, "id"], 3.0),
    ],
)
def test_a_field_in_another_form_is_taken_for_what_it_means(tmp_path, written):
    data = youtube_vis_data()
    written(data)
    scan = scanned(tmp_path, data)
    expected = scanned(tmp_path, youtube_vis_data())
    assert (scan.faults, scan.notes) == ([], ())
    for (video,), (other,) in [(scan.videos.videos, expected.videos.videos)]:
        assert (video.id, video.name, video.size) == (other.id, other.name, other.size)
        assert video.frames == other.frames
        for one, two in zip(video.objects, other.objects, strict=True):
            assert (one.category, one.crowd) == (two.category, two.crowd)
            assert one.segmentations == two.segmentations
    assert [o.areas for o in scan_annotations(data).objects[7]] == [
        o.areas for o in scan_annotations(youtube_vis_data()).objects[7]
    ]


MASK = rectangle(4, 5, 14, 20)
POLYGON = [4, 5, 14, 5, 14, 20, 4, 20]
FORMS = [
    [POLYGON],
    POLYGON,
    [[4, 5], [14, 5], [14, 20], [4, 20]],
    [[[4, 5], [14, 5], [14, 20], [4, 20]]],
    [POLYGON, []],
    rle.encode(MASK),
    rle.encode(MASK) | {"size": [24.0, 40.0]},
    rle.encode(MASK) | {"size": (24, 40)},
    {"size": [24, 40], "counts": rle.run_lengths(rle.encode(MASK)["counts"]).tolist()},
    {"size": [24, 40], "counts": [float(n) for n in rle.run_lengths(rle.encode(MASK)["counts"])]},
    {"size": [24, 40], "counts": rle.encode(MASK)["counts"].encode()},
]


@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
def test_every_form_of_a_mask_is_read_as_the_same(form):
    assert rle.decode(read_mask(form, (24, 40))).tolist() == MASK.tolist()


@pytest.mark.parametrize("form", [None, [], {}, [[]]])
def test_nothing_is_an_absent_object(form):
    assert read_mask(form, (24, 40)) is None


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("", "a mask is run lengths or a list of polygons, got ''"),
        (0, "a mask is run lengths or a list of polygons, got 0"),
        (float("nan"), "a mask is run lengths or a list of polygons, got nan"),
        ([rle.encode(MASK)], "run lengths stand in no list"),
        (rle.encode(MASK) | {"size": [40, 24]}, r"height and width swapped\?"),
        ({"size": [24, 40], "counts": str(b"ab")}, "Python's way to show bytes"),
        ({"size": [24, 40]}, "counts must be text or a list, got None"),
        ({"counts": "ab"}, r"a mask's size is \[height, width\], got None"),
    ],
)
def test_a_mask_that_is_none_is_refused(form, message):
    with pytest.raises(InputError, match=message):
        read_mask(form, (24, 40))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(ANYTHING | st.fixed_dictionaries({"size": ANYTHING, "counts": ANYTHING}))
def test_a_mask_of_any_form_is_read_or_refused_in_one_line(form):
    (read,) = read_segmentations([form], (24, 40))
    if isinstance(read, InputError):
        assert len(str(read)) < 250
        assert str(read).isprintable()
    elif read is not None:
        rle.check_mask(read)


def paths(value, path=()):
    """Yield the place of every value in nested lists and dicts."""
    yield path
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from paths(value[key], (*path, key))


@given(st.sampled_from([path for path in paths(youtube_vis_data()) if path]), ANYTHING)
def test_what_is_sound_can_be_evaluated_and_nothing_else(path, value):
    """data check, train and evaluate read the same document in the same way."""
    data = youtube_vis_data()
    change(list(path), value)(data)
    try:
        found = scan_annotations(data)
    except InputError:
        found = None
    if found is None or found.faults or not found.has_truth:
        with pytest.raises(InputError):
            evaluate_youtube_vis(data, [])
    else:
        perfect = [
            prediction_entry(7, one.category, 1.0, one.masks.segmentations)
            for one in found.objects.get(7, ())
        ]
        assert evaluate_youtube_vis(data, perfect).counts["objects"] == len(data["annotations"])


def test_what_is_written_is_read_as_the_same():
    found = scan_annotations(youtube_vis_data())
    assert document(found, [7]) == {
        key: youtube_vis_data()[key] for key in ("categories", "videos", "annotations")
    }


def test_a_coco_file_and_predictions_are_called_so():
    with pytest.raises(InputError, match="a COCO file of images, not of videos"):
        scan_annotations({"images": [], "annotations": [], "categories": []})
    with pytest.raises(InputError, match="got a list, as predictions are"):
        scan_annotations([])


def test_a_video_with_a_file_outside_the_folder_is_not_opened(tmp_path):
    data = youtube_vis_data()
    data["videos"][0]["file_names"][2] = "../secret.jpg"
    scan = scanned(tmp_path, data)
    assert scan.videos.videos == ()
    assert len(scan.faults) == 1


def test_reading_a_file_with_faults_names_the_first_and_counts_the_others(tmp_path):
    data = youtube_vis_data()
    data["annotations"][0]["areas"] = [1]
    data["annotations"][0]["category_id"] = 5
    file, images = write_youtube_vis(tmp_path, data)
    with pytest.raises(InputError) as caught:
        read_youtube_vis(file, images)
    message = str(caught.value)
    assert "annotations[0].category_id: unknown category 5, known: 3, 9" in message
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
