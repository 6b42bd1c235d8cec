import json

import pytest
from sequences import result, sequence
from vis_files import CAT, DOG, object_, prediction, truth

from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.files import load_predictions

TWO_VIDEOS = truth(object_("##.", "#.."), object_("..#", None, video=2, category=DOG), videos=2)


def cats(name, **scores):
    """A native result whose own ids, 1 and 2, are not those of the truth."""
    drawn = sequence(1, 0.9, "##.", "#..", category="cat", **scores)
    return result(drawn, name=name, categories={1: "cat", 2: "dog", 5: "elk"})


def test_a_list_is_taken_as_it_is(tmp_path):
    file = tmp_path / "predictions.json"
    file.write_text(json.dumps([prediction(0.5, "##.")]))
    assert load_predictions(file, TWO_VIDEOS) == [prediction(0.5, "##.")]


@pytest.mark.parametrize("name", ["clip2", "2"])
def test_a_native_result_finds_its_video_and_its_categories_by_name(tmp_path, name):
    file = cats(name, dog=0.3).save(tmp_path)
    found = load_predictions(file, TWO_VIDEOS)
    assert [(p["video_id"], p["category_id"], p["score"]) for p in found] == [
        (2, CAT, 0.9),
        (2, DOG, 0.3),
    ]


def test_a_folder_of_native_results_is_read_whole(tmp_path):
    for name in ("clip1", "clip2"):
        cats(name).save(tmp_path / name)
    found = load_predictions(tmp_path, TWO_VIDEOS)
    assert [p["video_id"] for p in found] == [1, 2]
    assert evaluate_youtube_vis(TWO_VIDEOS, found).per_category[CAT]["AP"] == pytest.approx(1)


def test_a_class_that_the_truth_does_not_know_is_counted_as_unlisted(tmp_path):
    file = cats("clip1", elk=0.2).save(tmp_path)
    metrics = evaluate_youtube_vis(TWO_VIDEOS, load_predictions(file, TWO_VIDEOS))
    assert metrics.unlisted == {"elk": 1}


def test_a_video_that_the_truth_does_not_know_is_an_error_with_the_nearest_name(tmp_path):
    with pytest.raises(InputError, match=r"unknown video .*'clip': did you mean 'clip[12]'"):
        load_predictions(cats("clip").save(tmp_path), TWO_VIDEOS)


def test_a_name_that_stands_for_two_videos_is_ambiguous(tmp_path):
    twins = [video | {"name": "clip"} for video in TWO_VIDEOS["videos"]]
    with pytest.raises(InputError, match=r"video 'clip' is ambiguous: .* ids 1, 2"):
        load_predictions(cats("clip").save(tmp_path), TWO_VIDEOS | {"videos": twins})


def test_a_name_that_stands_for_two_categories_is_ambiguous(tmp_path):
    categories = [{"id": 4, "name": "cat"}, {"id": 5, "name": "cat"}]
    with pytest.raises(InputError, match=r"category 'cat' is ambiguous: .* ids 4, 5"):
        load_predictions(cats("clip1").save(tmp_path), TWO_VIDEOS | {"categories": categories})


def test_two_results_of_one_video_are_an_error(tmp_path):
    for folder in ("first", "second"):
        cats("clip1").save(tmp_path / folder)
    with pytest.raises(InputError, match=r"second.* is a second result for the video 'clip1'"):
        load_predictions(tmp_path, TWO_VIDEOS)


def test_an_empty_folder_has_no_results(tmp_path):
    with pytest.raises(InputError, match=r"no result\.json below it"):
        load_predictions(tmp_path, TWO_VIDEOS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"videos": []}', "it is an annotation file; give the predictions last"),
        ('{"segmentations": []}', "it is one prediction; write a list of them"),
        ('{"results": []}', "it is an object with the fields 'results'; write the list alone"),
        ('{"format": "propose-reduce/1"}', "video: Field required"),
        ("7", "holds no predictions"),
        ("[1, 2", "is not valid JSON"),
        (b"\xff", "is not valid JSON"),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_holds_no_predictions_is_an_error(tmp_path, text, message):
    file = tmp_path / "given.json"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        load_predictions(file, TWO_VIDEOS)


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ([], "the ground truth must be an object with 'videos'"),
        (TWO_VIDEOS | {"videos": [3]}, r"videos\[0\]: Input should be a valid dictionary"),
        (TWO_VIDEOS | {"videos": [{"name": "clip1"}]}, r"videos\[0\]\.id: is missing"),
        ({"videos": []}, "categories: must be a list"),
        (TWO_VIDEOS | {"categories": [{"name": "cat"}]}, r"categories\[0\]\.id: is missing"),
    ],
)
def test_a_faulty_ground_truth_is_refused_where_names_are_looked_up(tmp_path, truth, message):
    with pytest.raises(InputError, match=message):
        load_predictions(cats("clip1").save(tmp_path), truth)
