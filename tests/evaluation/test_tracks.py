import numpy as np
import pytest
from vis_files import CAT, DOG, object_, prediction, truth

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracks import read_ground_truth, read_predictions

ONE = truth(object_("##.", "#.."))


def changed(document, section, place, **fields):
    entries = [dict(entry) for entry in document[section]]
    entries[place] |= fields
    return document | {section: entries}


def without(document, section, name):
    entries = [{k: v for k, v in entry.items() if k != name} for entry in document[section]]
    return document | {section: entries}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "annotations are an object with 'videos', got a list"),
        ({"videos": []}, "categories: must be a list"),
        (ONE | {"annotations": {}}, "annotations: must be a list, got dict"),
        (ONE | {"annotations": [5]}, r"annotations\[0\]: Input should be a valid dictionary"),
        (ONE | {"annotations": None}, "judged by the challenge's server"),
        ({k: v for k, v in ONE.items() if k != "annotations"}, "judged by the challenge's server"),
        (without(ONE, "videos", "height"), r"videos\[0\]\.height: is missing"),
        (without(ONE, "annotations", "id"), r"annotations\[0\]\.id: is missing"),
        (
            without(ONE, "annotations", "segmentations"),
            r"annotations\[0\]\.segmentations: is missing",
        ),
        (changed(ONE, "annotations", 0, id="a"), r"annotations\[0\]\.id: .*got 'a'"),
        (changed(ONE, "annotations", 0, video_id=9), r"\.video_id: unknown video 9, known: 1"),
        (changed(ONE, "annotations", 0, category_id=9), "unknown category 9, known: 3, 7"),
        (changed(ONE, "annotations", 0, areas=[1, "a"]), r"areas\[1\]: .*, got 'a'"),
        (changed(ONE, "annotations", 0, areas=[1]), r"areas: 1 entries for 2 frames"),
        (changed(ONE, "videos", 0, height=0), r"videos\[0\]\.height: .*, got 0"),
        (changed(ONE, "videos", 0, file_names=7), r"videos\[0\]\.file_names: .*, got 7"),
        (changed(ONE, "videos", 0, file_names=[7]), r"videos\[0\]\.file_names\[0\]: .*, got 7"),
        (changed(ONE, "annotations", 0, iscrowd="maybe"), r"iscrowd: .*, got 'maybe'"),
        (changed(ONE, "annotations", 0, areas=[10**400, 1]), r"areas\[0\]: .*a whole number of"),
        (changed(ONE, "categories", 1, id=DOG), r"categories\[1\]\.id: 7 is also the id of"),
        (changed(ONE, "videos", 0, width=1), r"mask of size \[1, 3\] on frames of \[1, 1\]"),
        (changed(ONE, "videos", 0, height=3, width=1), r"height and width swapped\?"),
    ],
)
def test_a_faulty_ground_truth_is_refused_by_name(document, message):
    with pytest.raises(InputError, match=message):
        read_ground_truth(document)


GOOD = prediction(0.5, "##.", None)


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        (GOOD | {"video_id": 5}, r"video_id: 5 is not in the ground truth \(1\)"),
        (GOOD | {"video_id": "a"}, "video_id: .*got 'a'"),
        (GOOD | {"score": float("nan")}, "score: Input should be a finite number, got nan"),
        (GOOD | {"score": 10**400}, "score: must be a finite number, got a whole number of"),
        (GOOD | {"score": "0.9"}, "score: must be a finite number, got '0.9'"),
        (GOOD | {"score": [0.9]}, r"score: must be a finite number, got \[0.9\]"),
        (GOOD | {"category_id": [3]}, "category_id: must be an id or a name"),
        (GOOD | {"segmentations": None}, "segmentations: must be a list"),
        (GOOD | {"segmentations": [7]}, r"segmentations\[0\]: a mask is run lengths"),
        (GOOD | {"segmentations": [None, {"size": [1, 3]}]}, r"segmentations\[1\]: counts must"),
        (GOOD | {"segmentations": [{"size": [1, "3"], "counts": "3"}]}, "size is .height, width."),
        (
            GOOD | {"segmentations": [{"size": [1, 3], "counts": [-1, 4]}]},
            "whole numbers of 0 to 3",
        ),
        (GOOD | {"segmentations": [{"size": [0, 3], "counts": ""}]}, "size is .height, width."),
        (GOOD | {"segmentations": [{"size": [2**20, 2**20], "counts": ""}]}, "is too large"),
        (
            GOOD | {"segmentations": [{"size": [1, 3], "counts": "1"}]},
            "runs fill 1 pixels of a 1 x",
        ),
        (GOOD | {"segmentations": [[[1, 2]]]}, "three or more x, y pairs"),
        (GOOD | {"segmentations": [[[1, 2, 3, 4, 5, float("nan")]]]}, "polygon coordinate nan"),
        ({"video_id": 1}, "category_id: is missing"),
        (
            {"segmentation" if k == "segmentations" else k: v for k, v in GOOD.items()},
            "segmentations: is missing: is it what 'segmentation' holds",
        ),
        ({k: v for k, v in GOOD.items() if k != "score"}, "score: is missing"),
        ("GOOD", "Input should be a valid dictionary"),
    ],
)
def test_a_faulty_prediction_is_refused_by_its_place(faulty, message):
    with pytest.raises(InputError, match=r"predictions\[1\].*" + message):
        read_predictions([GOOD, faulty], read_ground_truth(ONE))


@pytest.mark.parametrize("category", ["3", 3.0, "cat", np.int64(3)])
@pytest.mark.parametrize("video", ["1", 1.0, np.int64(1)])
def test_ids_as_text_and_names_are_taken_for_what_they_mean(category, video):
    written = GOOD | {"category_id": category, "video_id": video}
    (track,) = read_predictions([written], read_ground_truth(ONE)).tracks[1]
    assert track.category == CAT


def test_predictions_must_be_a_list():
    with pytest.raises(InputError, match="must be a list, one entry per object, got a dict"):
        read_predictions(ONE, read_ground_truth(ONE))


def test_predictions_of_unlisted_categories_are_counted():
    foreign = GOOD | {"category_id": 99}
    found = read_predictions([GOOD, foreign, foreign], read_ground_truth(ONE))
    assert found.unlisted == {99: 2}
    assert len(found.tracks[1]) == 1
    assert found.notes[0].endswith("does not list their category (99): 2")


def test_where_categories_do_not_matter_they_stay():
    found = read_predictions([GOOD | {"category_id": 99}], read_ground_truth(ONE), agnostic=True)
    assert len(found.tracks[1]) == 1
    assert not found.unlisted
    assert not found.notes


def test_odd_lengths_and_sizes_are_noted():
    other = [prediction(0.5, "##."), prediction(0.5, "##", "##")]
    frames, sizes = read_predictions(other, read_ground_truth(ONE)).notes
    assert frames.startswith("predictions with more or fewer frames than their video")
    assert sizes.startswith("predictions with masks of another size than their video")
    assert frames.endswith(": 1 (first: predictions[0])")
    assert sizes.endswith(": 1 (first: predictions[1])")


@pytest.mark.parametrize(
    ("ids", "word"), [([2, 6], "below"), ([4, 8], "above"), ([2, 5], None), ([3, 6], None)]
)
def test_ids_that_all_lie_beside_those_of_the_truth_are_noted(ids, word):
    given = [GOOD | {"category_id": id_} for id_ in ids]
    (note,) = read_predictions(given, read_ground_truth(ONE)).notes
    assert ("every id is one" in note) == (word is not None)
    assert word is None or f"one {word} one of the truth's" in note


def test_what_can_be_no_match_is_noted():
    nothing = GOOD | {"segmentations": [None, None]}
    (note,) = read_predictions([GOOD, nothing], read_ground_truth(ONE)).notes
    assert note == "predictions without a mask: 1 (first: predictions[1])"
    (note,) = read_ground_truth(truth()).notes
    assert note.startswith("the annotations list no object")
    with pytest.raises(InputError, match=r"\(and 1 more\)$"):
        read_predictions([GOOD | {"score": None}] * 2, read_ground_truth(ONE))


def test_every_form_of_a_mask_is_read_as_the_same_encoding():
    mask = np.zeros((8, 9), bool)
    mask[1:4, 2:7] = True
    encoding = rle.encode(mask)
    forms = [
        encoding,
        {"size": [8, 9], "counts": encoding["counts"].encode()},
        {"size": [8, 9], "counts": rle.run_lengths(encoding["counts"]).tolist()},
        [[2, 1, 7, 1, 7, 4, 2, 4]],
    ]
    document = truth(object_(*[None for _ in forms]))
    document["videos"][0] |= {"height": 8, "width": 9}
    found = read_predictions([GOOD | {"segmentations": forms}], read_ground_truth(document))
    assert found.tracks[1][0].segmentations == (encoding,) * 4


def test_an_empty_list_stands_for_an_absent_object():
    found = read_predictions([GOOD | {"segmentations": [[], None]}], read_ground_truth(ONE))
    assert found.tracks[1][0].segmentations == (None, None)


@pytest.mark.parametrize(
    ("video", "name"),
    [
        ({"file_names": ["0a1b/00000.jpg"]}, "0a1b"),
        ({"file_names": ["dog/JPEGImages/00000.jpg"]}, "dog"),
        ({"file_names": ["train/MOT-02/img1/000001.jpg"]}, "MOT-02"),
        ({"file_names": ["dog\\rgb\\0.png"]}, "dog"),
        ({"name": "dog", "file_names": ["x/00000.jpg"]}, "dog"),
        ({"file_names": ["00000.jpg"]}, "4"),
        ({"file_names": ["frames/00000.jpg"]}, "4"),
        ({"length": 2}, "4"),
    ],
)
def test_a_video_is_called_by_its_name_or_folder(video, name):
    listed = {"id": 4, "height": 1, "width": 1} | video
    document = {"videos": [listed], "categories": [], "annotations": []}
    assert read_ground_truth(document).videos[4].name == name


def test_videos_and_categories_are_in_order_of_their_ids():
    document = truth(object_("#"), videos=3)
    document["videos"].reverse()
    content = read_ground_truth(document)
    assert list(content.videos) == [1, 2, 3]
    assert list(content.categories.items()) == [(CAT, "cat"), (DOG, "dog")]
