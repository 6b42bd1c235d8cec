import numpy as np
import pytest
from vis_files import CAT, DOG, object_, prediction, truth

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracks import name_of, read_ground_truth, read_predictions

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
        ([], "the ground truth must be an object with 'videos', got a list"),
        ({"videos": []}, "the ground truth: 'categories' is missing; it has videos"),
        (ONE | {"annotations": {}}, "the ground truth: 'annotations' must be a list"),
        (ONE | {"annotations": [5]}, "annotation number 0 must be an object"),
        (without(ONE, "videos", "height"), "video 1: 'height' is missing"),
        (without(ONE, "annotations", "id"), "annotation number 0: 'id' is missing"),
        (without(ONE, "annotations", "iscrowd"), "annotation 1: 'iscrowd' is missing"),
        (without(ONE, "annotations", "areas"), "annotation 1: 'areas' is missing"),
        (without(ONE, "annotations", "segmentations"), "annotation 1: 'segmentations' is missing"),
        (changed(ONE, "annotations", 0, id=0), "its id is 0"),
        (changed(ONE, "annotations", 0, id="a"), "'id' must be a whole number, got 'a'"),
        (changed(ONE, "annotations", 0, video_id=9), r"annotation 1: video_id 9 .* \(1\)"),
        (changed(ONE, "annotations", 0, category_id=9), r"annotation 1: category_id 9 .* \(3, 7\)"),
        (changed(ONE, "annotations", 0, areas=[1, "2"]), "annotation 1, frame 1: its area must be"),
        (changed(ONE, "videos", 0, width="3"), "video 1: 'width' must be a whole number, got '3'"),
        (changed(ONE, "videos", 0, height=0), "video 1: 'height' must be at least 1, got 0"),
        (changed(ONE, "videos", 0, length=-5), "video 1: 'length' must be at least 1, got -5"),
        (changed(ONE, "videos", 0, file_names=7), "video 1: 'file_names' must be a list, got 7"),
        (changed(ONE, "videos", 0, file_names=[7]), "'file_names' must be a list of paths"),
        (changed(ONE, "annotations", 0, iscrowd="no"), "'iscrowd' must be 0 or 1, got 'no'"),
        (changed(ONE, "annotations", 0, areas=[10**400]), "frame 0: its area must be a number"),
        (changed(ONE, "categories", 1, id=DOG), "another category has the id 7 too"),
        (truth(object_("#"), videos=2) | {"videos": 2 * ONE["videos"]}, "another video has the id"),
    ],
)
def test_a_faulty_ground_truth_is_refused_by_name(document, message):
    with pytest.raises(InputError, match=message):
        read_ground_truth(document)


GOOD = prediction(0.5, "##.", None)


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        (GOOD | {"video_id": 5}, r"prediction 1: video_id 5 is not in the ground truth \(1\)"),
        (GOOD | {"video_id": "1"}, "prediction 1: video_id '1' is not"),
        (
            GOOD | {"score": float("nan")},
            "prediction 1: its score must be a finite number, got nan",
        ),
        (GOOD | {"score": 10**400}, "prediction 1: its score must be a finite number, got 10000"),
        (GOOD | {"score": "high"}, "prediction 1: its score must be a finite number, got 'high'"),
        (GOOD | {"category_id": [3]}, "prediction 1: 'category_id' must be an id or a name"),
        (GOOD | {"segmentations": None}, "prediction 1: 'segmentations' must be a list"),
        (GOOD | {"segmentations": [7]}, "prediction 1, frame 0: its mask must be null, polygons"),
        (GOOD | {"segmentations": [None, {"size": [1, 3]}]}, "prediction 1, frame 1: its mask"),
        (GOOD | {"segmentations": [{"size": [1, "3"], "counts": "3"}]}, "frame 0: its mask must"),
        (GOOD | {"segmentations": [{"size": [1, 3], "counts": [-1, 4]}]}, "frame 0: its mask must"),
        (GOOD | {"segmentations": [{"size": [0, 3], "counts": ""}]}, "frame 0: its mask must"),
        (GOOD | {"segmentations": [{"size": [2**20, 2**20], "counts": ""}]}, "its mask must"),
        (GOOD | {"segmentations": [[[1, 2]]]}, "prediction 1, frame 0: its mask must"),
        (GOOD | {"segmentations": [[[1, 2, 3, 4, 5]]]}, "prediction 1, frame 0: its mask must"),
        (GOOD | {"segmentations": [[[1, 2, 3, float("nan")]]]}, "frame 0: its mask must"),
        ({"video_id": 1}, "prediction 1: 'category_id' is missing; it has video_id"),
        ({k: v for k, v in GOOD.items() if k != "score"}, "prediction 1: 'score' is missing"),
        ("GOOD", "prediction 1 must be an object"),
    ],
)
def test_a_faulty_prediction_is_refused_by_its_place(faulty, message):
    with pytest.raises(InputError, match=message):
        read_predictions([GOOD, faulty], read_ground_truth(ONE))


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
    assert frames.endswith(": 1")
    assert sizes.endswith(": 1")


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
    document = truth(object_(*["." for _ in forms]))
    document["videos"][0] |= {"height": 8, "width": 9}
    found = read_predictions([GOOD | {"segmentations": forms}], read_ground_truth(document))
    assert found.tracks[1][0].segmentations == (encoding,) * 4


def test_an_empty_list_stands_for_an_absent_object():
    found = read_predictions([GOOD | {"segmentations": [[], None]}], read_ground_truth(ONE))
    assert found.tracks[1][0].segmentations == (None, None)


@pytest.mark.parametrize(
    ("video", "name"),
    [
        ({"id": 4, "file_names": ["0a1b/00000.jpg"]}, "0a1b"),
        ({"id": 4, "file_names": ["dog/JPEGImages/00000.jpg"]}, "dog"),
        ({"id": 4, "name": "dog", "file_names": ["x/00000.jpg"]}, "dog"),
        ({"id": 4, "file_names": ["00000.jpg"]}, "4"),
        ({"id": 4}, "4"),
    ],
)
def test_a_video_is_called_by_its_name_or_folder(video, name):
    assert name_of(video) == name


def test_videos_and_categories_are_in_order_of_their_ids():
    document = truth(object_("#"), videos=3)
    document["videos"].reverse()
    content = read_ground_truth(document)
    assert list(content.videos) == [1, 2, 3]
    assert list(content.categories.items()) == [(CAT, "cat"), (DOG, "dog")]
