"""The YouTube-VIS numbers: equal to the official tool's, and the laws they obey."""

import io
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import REFERENCE, SHARED, needs_shared
from rich.console import Console
from vis_files import CAT, DOG, object_, prediction, truth

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.average_precision import KEYS, MAX_PREDICTIONS
from propose_reduce.evaluation.tracks import (
    mask_areas,
    overlap,
    read_ground_truth,
    read_predictions,
)
from propose_reduce.evaluation.youtube_vis import VideoTracks, evaluate_video

CASES = sorted((REFERENCE / "eval" / "ytvis").iterdir())


def content(case, name):
    return json.loads((case / f"{name}.json").read_text())


@pytest.mark.parity
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_numbers_are_the_official_ones(case):
    expected = content(case, "expected")
    metrics = evaluate_youtube_vis(content(case, "gt"), content(case, "pred"))
    assert metrics.scores == pytest.approx(expected["stats"], abs=1e-9)
    assert metrics.to_dict()["per_category"].keys() == expected["per_category"].keys()
    for category, scores in expected["per_category"].items():
        assert metrics["per_category"][category] == pytest.approx(scores, abs=1e-9)


@pytest.mark.parity
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_track_ious_are_the_official_ones(case):
    document = read_ground_truth(content(case, "gt"))
    found = read_predictions(content(case, "pred"), document).tracks
    for pair, expected in content(case, "ious").items():
        video, category = map(int, pair.split(","))
        rows = [t for t in found[video] if t.category == category]
        rows = sorted(rows, key=lambda t: -t.score)[:MAX_PREDICTIONS]
        columns = [t for t in document.videos[video].truths if t.category == category]
        areas = [[mask_areas(track) for track in side] for side in (rows, columns)]
        iou = overlap(rows, columns, *areas).track_iou
        shape = (len(rows), len(columns))
        assert iou == pytest.approx(np.array(expected).reshape(shape), abs=1e-9)


def test_boxes_overlap_where_masks_do_not():
    document = truth(object_("##.. ....", "##.. ...."))
    document["videos"][0] |= {"height": 2, "width": 4}
    checker = [prediction(0.9, "#... .#..", "#... .#..")]  # a box of 2 x 2
    assert evaluate_youtube_vis(document, checker)["AP50"] == 0  # masks: 2 of 6 pixels
    by_boxes = evaluate_youtube_vis(document, checker, iou="boxes")  # 4 of 8
    assert by_boxes["AP50"] == pytest.approx(1)
    with pytest.raises(InputError, match="unknown kind of overlap 'box': did you mean 'boxes'"):
        evaluate_youtube_vis(document, checker, iou="box")


def test_phrases_are_units_of_one_kind():
    document = truth(object_("##"), object_("##", video=2, category=DOG), videos=2)
    found = [
        prediction(0.9, "##"),
        prediction(0.8, "##", video=2),  # a cat where only a dog is
        prediction(0.7, "##", video=2, category=DOG),
    ]
    metrics = evaluate_youtube_vis(document, found, phrase=True, per_video=True)
    assert metrics["AP"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert list(metrics["per_category"]) == ["1"]
    assert metrics["per_video"]["2/7"]["name"] == "clip2: dog"
    pairs = [{"video_id": 1, "category_id": CAT}, {"video_id": 2, "category_id": DOG}]
    listed = evaluate_youtube_vis(document | {"video_np_pairs": pairs}, found, phrase=True)
    assert listed["AP"] == 1  # the cat of the second video was not a question
    with pytest.raises(InputError, match="phrases are not categories"):
        evaluate_youtube_vis(document, found, phrase=True, agnostic=True)


def test_no_predictions_give_0_where_there_is_something_to_find():
    metrics = evaluate_youtube_vis(truth(object_("##")), [])
    assert metrics["AP"] == metrics["AR100"] == 0
    assert metrics["per_category"] == {
        str(CAT): dict.fromkeys(KEYS, 0.0) | dict.fromkeys(["APm", "APl", "ARm", "ARl"], -1.0),
        str(DOG): dict.fromkeys(KEYS, -1.0),
    }


def test_no_ground_truth_leaves_everything_undefined():
    assert set(evaluate_youtube_vis(truth(), []).scores.values()) == {-1.0}


def test_all_categories_as_one():
    document = truth(object_("##..", category=CAT), object_("..##", category=DOG))
    swapped = [prediction(0.9, "##..", category=DOG), prediction(0.8, "..##", category=CAT)]
    assert evaluate_youtube_vis(document, swapped)["AP"] == 0
    metrics = evaluate_youtube_vis(document, swapped, agnostic=True)
    assert metrics["AP"] == pytest.approx(1)
    assert list(metrics["per_category"]) == ["1"]


def test_names_that_the_truth_does_not_know_do_when_categories_are_one():
    foreign = prediction(0.9, "##") | {"category_id": "salient"}
    document = truth(object_("##"))
    assert evaluate_youtube_vis(document, [foreign]).unlisted == {"salient": 1}
    assert evaluate_youtube_vis(document, [foreign], agnostic=True)["AP"] == pytest.approx(1)


def test_every_video_is_evaluated_alone_on_request():
    document = truth(object_("##"), object_("##", video=2), videos=3)
    metrics = evaluate_youtube_vis(document, [prediction(0.5, "##")], per_video=True)
    assert {id_: scores["AP"] for id_, scores in metrics.per_video.items()} == {
        1: pytest.approx(1),
        2: 0.0,
        3: -1.0,
    }
    assert metrics["per_video"]["2"]["name"] == "clip2"


def test_an_average_precision_of_0_is_never_silent():
    document = truth(object_("##.."))
    off, on = prediction(0.9, "..##"), prediction(0.9, "##..")
    assert evaluate_youtube_vis(document, [on]).notes == ()
    assert evaluate_youtube_vis(document, []).notes == ()
    (note,) = evaluate_youtube_vis(document, [off]).notes
    assert note.startswith("no prediction has an IoU of 0.5 with an object of its category")


def test_workers_must_be_one_at_least():
    with pytest.raises(InputError, match="at least 1, got 0"):
        evaluate_youtube_vis(truth(), [], workers=0)


def test_a_damaged_mask_is_reported_before_any_worker_starts():
    bad = prediction(0.5, "##") | {"segmentations": [{"size": [1, 2], "counts": "P"}]}
    with pytest.raises(InputError, match=r"predictions\[0\].*'P' are not compressed run"):
        evaluate_youtube_vis(truth(object_("##"), videos=2), [bad], workers=2)


def test_progress_counts_videos():
    seen = []
    evaluate_youtube_vis(truth(videos=2), [], progress=lambda *counts: seen.append(counts))
    assert seen == [(1, 2), (2, 2)]


def random_masks(random, frames=3):
    shapes = random.random((frames, 4, 5)) < random.uniform(0.3, 0.9)
    absent = random.random(frames) < 0.2
    return [None if gone else rle.encode(mask) for gone, mask in zip(absent, shapes, strict=True)]


def shaken(random, masks):
    """Return the masks with a few pixels turned over."""
    flips = [random.random((4, 5)) < 0.1 for _ in masks]
    return [m and rle.encode(rle.decode(m) ^ flip) for m, flip in zip(masks, flips, strict=True)]


def random_case(seed):
    """Return ground truth and predictions of 3 videos; all scores differ."""
    random = np.random.default_rng(seed)
    document = truth(videos=3)
    for video in document["videos"]:
        folder = video["file_names"][0].split("/")[0]
        names = [f"{folder}/{frame:05d}.jpg" for frame in range(3)]
        video |= {"height": 4, "width": 5, "length": 3, "file_names": names}
    scores = iter(random.permutation(np.linspace(0.1, 1, 40)))
    predictions = []
    for id_ in range(1, random.integers(4, 9)):
        masks = random_masks(random)
        entry = {"video_id": int(random.integers(1, 4)), "category_id": int(random.choice([3, 7]))}
        document["annotations"].append(
            {
                "id": id_,
                **entry,
                "iscrowd": int(random.random() < 0.1),
                "segmentations": masks,
                "areas": [m and rle.area(m) for m in masks],
            }
        )
        for _ in range(random.integers(0, 4)):
            copy = shaken(random, masks) if random.random() < 0.8 else random_masks(random)
            score = float(next(scores))
            predictions.append({**entry, "score": score, "segmentations": copy})
    return document, predictions


CASES_AT_RANDOM = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


@few
@given(CASES_AT_RANDOM)
def test_perfect_predictions_give_1(seed):
    document, _ = random_case(seed)
    document["annotations"] = [
        a for a in document["annotations"] if not a["iscrowd"] and any(a["areas"])
    ]
    perfect = [{**annotation, "score": 0.5} for annotation in document["annotations"]]
    metrics = evaluate_youtube_vis(document, perfect)
    del metrics.scores["AR1"]  # one prediction per video and category cannot find two objects
    assert all(score in (-1.0, pytest.approx(1)) for score in metrics.scores.values())


@few
@given(CASES_AT_RANDOM)
def test_only_the_order_of_the_scores_matters(seed):
    document, predictions = random_case(seed)
    cubed = [{**each, "score": 5 * each["score"] ** 3 - 7} for each in predictions]
    before, after = (evaluate_youtube_vis(document, each) for each in (predictions, cubed))
    assert before.scores == after.scores


@few
@given(CASES_AT_RANDOM)
def test_order_and_numbers_of_videos_and_categories_do_not_matter(seed):
    document, predictions = random_case(seed)
    random = np.random.default_rng(seed)
    videos = dict(zip([1, 2, 3], random.permutation(50)[:3].tolist(), strict=True))
    categories = {CAT: 20, DOG: 10}

    def renamed(entry):
        return entry | {
            "video_id": videos[entry["video_id"]],
            "category_id": categories[entry["category_id"]],
        }

    other = {
        "videos": [v | {"id": videos[v["id"]]} for v in reversed(document["videos"])],
        "categories": [c | {"id": categories[c["id"]]} for c in reversed(document["categories"])],
        "annotations": [renamed(a) | {"id": 100 - a["id"]} for a in document["annotations"]],
    }
    shuffled = [renamed(predictions[i]) for i in random.permutation(len(predictions))]
    before = evaluate_youtube_vis(document, predictions)
    after = evaluate_youtube_vis(other, shuffled)
    assert after.scores == pytest.approx(before.scores, abs=1e-12)
    for old, new in categories.items():
        assert after.per_category[new] == before.per_category[old]


@few
@given(CASES_AT_RANDOM, st.integers(1, 5))
def test_false_positives_below_every_score_never_raise_the_precision(seed, count):
    document, predictions = random_case(seed)
    nothing = [
        {"video_id": 1 + i % 3, "category_id": CAT, "score": -float(i), "segmentations": [None]}
        for i in range(count)
    ]
    before, after = (
        evaluate_youtube_vis(document, each) for each in (predictions, predictions + nothing)
    )
    for key in ("AP", "AP50", "AP75"):
        assert after[key] <= before[key]


def test_worker_processes_give_the_same_numbers():
    document, predictions = random_case(0)
    one, two = (
        evaluate_youtube_vis(document, predictions, per_video=True, errors=True, workers=workers)
        for workers in (1, 2)
    )
    assert one.to_dict() == two.to_dict()


def test_only_the_best_hundred_of_a_video_and_category_are_evaluated():
    document = read_ground_truth(truth(object_("#")))
    many = [prediction(i / 200, "#") for i in range(120)]
    tracks = read_predictions(many, document).tracks[1]
    matches = evaluate_video(VideoTracks(document.videos[1].truths, tracks)).matches[CAT]
    assert matches.indices.tolist() == list(range(119, 19, -1))


REAL = SHARED / "realdata" / "vis_with_masks" / "instances.json"


@pytest.mark.parametrize("path", [pytest.param(REAL, marks=needs_shared, id="real")])
def test_annotations_against_themselves_give_1_in_every_category(path):
    document = json.loads(path.read_text())
    perfect = [
        {key: annotation[key] for key in ("video_id", "category_id", "segmentations")}
        | {"score": 1.0}
        for annotation in document["annotations"]
    ]
    metrics = evaluate_youtube_vis(document, perfect)
    found = Counter(annotation["category_id"] for annotation in document["annotations"])
    assert metrics["AP"] == pytest.approx(1)
    assert {id_: scores["AP"] for id_, scores in metrics.per_category.items()} == {
        category["id"]: pytest.approx(1) if category["id"] in found else -1.0
        for category in document["categories"]
    }


TWO_VIDEOS = truth(object_("##.", "#.."), object_("..#", None, video=2, category=DOG), videos=2)
HALF = [prediction(0.5, "##.", "#..")]


def printed(table, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def test_the_file_has_exactly_the_known_keys(tmp_path):
    metrics = evaluate_youtube_vis(TWO_VIDEOS, HALF)
    content = json.loads(metrics.save(tmp_path / "out" / "metrics.json").read_text())
    assert list(content) == [*KEYS, "per_category"]
    assert {id_: list(scores) for id_, scores in content["per_category"].items()} == {
        "3": list(KEYS),
        "7": list(KEYS),
    }
    assert content["AP"] == pytest.approx(0.5)
    assert content["APm"] == -1


def test_what_was_requested_besides_is_in_the_file_too():
    content = evaluate_youtube_vis(TWO_VIDEOS, HALF, per_video=True, errors=True).to_dict()
    assert list(content)[-2:] == ["per_video", "errors"]
    assert json.loads(json.dumps(content)) == content


def test_the_table_has_a_row_per_category_and_fits_80_columns():
    text = printed(evaluate_youtube_vis(TWO_VIDEOS, HALF).table())
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["category"] == list(KEYS)
    assert rows["cat"][:6] == ["100", "100", "100", "100", "-", "-"]
    assert rows["dog"][:6] == ["0.0", "0.0", "0.0", "0.0", "-", "-"]
    assert rows["all"][0] == "50.0"
    assert "…" not in text


def test_videos_are_listed_the_worst_first():
    text = printed(evaluate_youtube_vis(TWO_VIDEOS, HALF, per_video=True).video_table())
    assert text.index("2 clip2") < text.index("1 clip1")


def test_videos_without_an_object_are_listed_after_the_worst():
    lone = truth(object_("##.", "#.."), videos=2)
    text = printed(evaluate_youtube_vis(lone, [], per_video=True).video_table())
    assert text.index("1 clip1") < text.index("2 clip2")


def test_names_are_printed_as_they_are_and_twice_where_two_categories_share_one():
    names = [{"id": id_, "name": "[/b][red]pet"} for id_ in (3, 7)]
    text = printed(evaluate_youtube_vis(TWO_VIDEOS | {"categories": names}, HALF).table(), 120)
    assert text.count("[/b][red]pet") == 2


def test_a_long_name_is_cut_and_the_numbers_stay():
    name = "a person in a red jacket with a black helmet who rides past [the] parked cars"
    names = [{"id": DOG, "name": "dog"}, {"id": 3, "name": name}]
    text = printed(evaluate_youtube_vis(TWO_VIDEOS | {"categories": names}, HALF).table())
    (row,) = (line for line in text.splitlines() if line.lstrip().startswith("a pers"))
    assert row.split("…")[1].split() == ["100"] * 4 + ["-"] * 2 + ["100"] * 4 + ["-"] * 2
    assert max(map(len, text.splitlines())) <= 80


def test_categories_without_objects_and_predictions_are_in_the_file_but_not_in_the_table():
    others = [{"id": id_, "name": f"other{id_}"} for id_ in range(10, 20)]
    document = TWO_VIDEOS | {"categories": [*TWO_VIDEOS["categories"], *others]}
    wrong = prediction(0.5, "##.", "#..", category=12)
    metrics = evaluate_youtube_vis(document, [*HALF, wrong])
    assert set(metrics["per_category"]["15"].values()) == {-1.0}
    text = printed(metrics.table())
    assert "other12" in text
    assert "other15" not in text
