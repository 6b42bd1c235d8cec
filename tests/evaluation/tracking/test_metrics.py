"""The result: its file, its tables, its notes."""

import io
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from tracked import videos
from vis_files import DOG, object_, prediction, track, truth

from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracking import evaluate_tracking, youtube_vis_videos
from propose_reduce.evaluation.tracking.evaluate import Job, measure_video

HOTA = ("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "OWTA")
CLEAR = ("MOTA", "sMOTA", "MOTP", "IDSW", "Frag", "MT", "PT", "ML")
IDENTITY = ("IDF1", "IDR", "IDP")

TWO = videos(
    [[track("#.", "#.")], [track("#", category=DOG)]],
    [[track("#.", "#."), track(".#", ".#")], []],
    names=("street", "yard"),
)


def printed(tables):
    console = Console(file=io.StringIO(), width=80)
    for table in tables:
        console.print(table)
    return console.file.getvalue()


def test_the_file_has_exactly_the_known_keys(tmp_path):
    content = json.loads(evaluate_tracking(TWO).save(tmp_path / "out" / "m.json").read_text())
    keys = [*HOTA, *CLEAR, *IDENTITY]
    rest = ["class_averaged", "class_averaged_nonempty", "per_category", "per_video", "alphas"]
    assert list(content) == [*keys, *rest]
    assert list(content["per_category"]) == ["3", "7"]
    assert list(content["per_category"]["3"]) == list(content["class_averaged"]) == keys
    assert list(content["per_video"]["1"]) == ["name", *keys]
    assert content["per_video"]["2"]["name"] == "yard"
    assert {key: len(values) for key, values in content["alphas"].items()} == {
        "HOTA": 19,
        "DetA": 19,
        "AssA": 19,
    }


def test_only_the_families_that_are_requested_are_measured():
    content = evaluate_tracking(TWO, metrics=["identity"]).to_dict()
    assert [key for key in content if key.isupper() or key == "IDF1"] == list(IDENTITY)
    assert "alphas" not in content


def test_an_unknown_family_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'hota'"):
        evaluate_tracking(TWO, metrics=["hotta"])


def test_detections_are_pooled_and_classes_are_averaged():
    result = evaluate_tracking(TWO)
    assert result.scores["IDF1"] == pytest.approx(2 * 2 / (4 + 3))  # 2 of 3 found, 4 predicted
    assert result.per_category[3]["IDF1"] == pytest.approx(2 / 3)
    assert result.class_averaged["IDF1"] == pytest.approx((2 / 3 + 0) / 2)
    assert result.class_averaged["ML"] == 1  # counts are added up
    assert result.per_video[2]["IDF1"] == 0


def test_categories_with_nothing_lower_the_mean_and_are_told():
    lone = videos([[track("#")]], [[track("#")]])
    result = evaluate_tracking(lone)
    assert result.class_averaged["HOTA"] == 0.5
    assert result.class_averaged_nonempty["HOTA"] == 1
    assert "categories with neither objects nor predictions: 1" in result.notes[0]


def test_a_truth_without_objects_is_told():
    result = evaluate_tracking(videos([[]], [[track("#")]]))
    assert "holds no objects" in result.notes[0]
    assert evaluate_tracking(videos([[]], [[]])).class_averaged_nonempty is None
    assert "no predictions" in evaluate_tracking(videos([[track("#")]], [[]])).notes[0]


def test_all_categories_as_one_and_a_least_score():
    wrong = videos([[track("#")]], [[track("#", category=DOG, score=0.4)]])
    assert evaluate_tracking(wrong).scores["HOTA"] == 0
    assert evaluate_tracking(wrong.as_one_category()).scores["HOTA"] == 1
    assert evaluate_tracking(wrong.as_one_category().scored(0.5)).scores["HOTA"] == 0


def test_tables_show_what_is_used_and_fit_80_columns():
    names = {id_: f"a name that never seems to end {id_}" for id_ in range(1, 60)}
    text = printed(
        evaluate_tracking(
            videos([[track("#"), track("#", category=7)]], [[track("#")]], categories=names)
        ).tables()
    )
    assert text.count("a name that") == 6  # two categories, three families
    for key in (*HOTA, *CLEAR, *IDENTITY):
        assert key in text
    assert "100.0" in text


def test_videos_are_listed_the_lowest_first():
    text = printed(evaluate_tracking(TWO).video_tables())
    assert text.index("2 yard") < text.index("1 street")


def test_intervals_are_those_of_draws_of_videos():
    assert "intervals" not in evaluate_tracking(TWO).to_dict()
    result = evaluate_tracking(TWO, intervals=True)
    found = result["intervals"]["IDF1"]
    assert found["low"] < result.scores["IDF1"] < found["high"]
    # the street alone 2 / 3, the yard alone 0, both 4 / 7: a quarter, a quarter, a half of draws
    draws = np.array([2 / 3, 0, 4 / 7, 4 / 7])
    assert found["error"] == pytest.approx(draws.std(), rel=0.05)
    assert "IDF1" in printed([result.interval_table()])
    assert "over 2 videos are too narrow" in result.notes[0]


def test_a_damaged_mask_is_named():
    damaged = replace(track("##", "##"), segmentations=({"size": [1, 2], "counts": "04"},))
    with pytest.raises(InputError, match="prediction 0, frame 0: its mask is damaged"):
        evaluate_tracking(videos([[track("##")]], [[damaged]]))


def test_what_processes_exchange_can_be_pickled():
    job = pickle.loads(pickle.dumps(Job(TWO.videos[0], ("hota", "clear", "identity"))))
    sums = pickle.loads(pickle.dumps(measure_video(job)))
    assert sums[3]["IDTP"] == 2


def test_a_mask_without_a_pixel_is_a_false_detection_also_when_it_comes_from_a_file():
    document = truth(object_("#", "#"))
    found = [prediction(0.9, "#", ".")]
    result = evaluate_tracking(youtube_vis_videos(document, found))
    assert result.scores["IDP"] == 0.5
