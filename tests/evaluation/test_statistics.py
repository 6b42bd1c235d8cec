"""Standard errors over draws of videos: sums for a pencil, and the laws they obey."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vis_files import DOG, object_, prediction, truth

from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.average_precision import KEYS, drawn_scores
from propose_reduce.evaluation.comparison import Comparison
from propose_reduce.evaluation.statistics import (
    Estimate,
    differences,
    drawn_videos,
    estimate,
    few_videos,
)
from propose_reduce.evaluation.tracks import read_ground_truth, read_predictions
from propose_reduce.evaluation.youtube_vis import VideoTracks, evaluate_video


def test_every_draw_has_as_many_videos_as_there_are_and_is_the_same_tomorrow():
    drawn = drawn_videos(7, 50)
    assert (drawn.sum(1) == 7).all()
    assert drawn.std() > 0
    assert (drawn == drawn_videos(7, 50)).all()


def test_the_error_of_a_mean_is_that_of_the_textbook():
    values = np.random.default_rng(1).random(40)
    drawn = drawn_videos(40) @ values / 40
    found = estimate(float(values.mean()), drawn)
    assert found.error == pytest.approx(values.std() / math.sqrt(40), rel=0.05)
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.error)


def test_what_most_draws_leave_undefined_has_no_interval():
    found = estimate(0.5, np.array([0.5, np.nan, np.nan]))
    assert math.isnan(found.error)
    assert found.videos_needed(3) is None
    assert found.to_dict() == {"low": None, "high": None, "error": None}


def test_four_times_the_videos_show_half_the_difference():
    found = Estimate(0.02, error=0.01)
    assert found.videos_needed(100) == 784  # 100 (2.8 x 0.01 / 0.01)^2
    assert found.videos_needed(100, 0.005) == 4 * 784


def test_a_method_compared_with_itself_differs_by_nothing_for_sure():
    scores, draws = {"AP": 0.3}, {"AP": np.random.default_rng(0).random(10)}
    assert differences(scores, draws, scores, draws) == {"AP": Estimate(0.0, 0.0)}


def test_a_few_videos_are_told():
    assert "over 3 videos are too narrow" in next(iter(few_videos(3)))
    assert list(few_videos(20)) == []


def frames(random):
    pictures = np.where(random.random((2, 6)) < 0.6, "#", ".")
    return ["".join(row) for row in pictures]


def random_data(seed, videos=4):
    """Return a truth and predictions of cats and dogs, some of them crowds."""
    random = np.random.default_rng(seed)
    objects, found = [], []
    for video in range(1, videos + 1):
        for _ in range(random.integers(0, 4)):
            pictures, category = frames(random), int(random.choice([3, DOG]))
            crowd = int(random.random() < 0.2)
            objects.append(object_(*pictures, video=video, category=category, crowd=crowd))
            if random.random() < 0.7:
                score = float(random.random())
                found.append(prediction(score, *pictures, video=video, category=category))
        for _ in range(random.integers(0, 3)):
            found.append(prediction(float(random.random()), *frames(random), video=video))
    anything = objects or [object_("######", "######")]
    return truth(*anything, videos=videos), found


def matches_of(document, found):
    read = read_ground_truth(document)
    tracks = read_predictions(found, read).tracks
    videos = [
        evaluate_video(VideoTracks(video.truths, tracks[id_])).matches
        for id_, video in read.videos.items()
    ]
    return [
        {place: each[id_] for place, each in enumerate(videos) if id_ in each}
        for id_ in read.categories
        if any(id_ in each for each in videos)
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_draw_of_every_video_once_has_the_official_numbers(seed):
    document, found = random_data(seed)
    expected = evaluate_youtube_vis(document, found).scores
    drawn = drawn_scores(matches_of(document, found), np.ones((1, 4), dtype=np.int64))
    for key in KEYS:
        value = drawn[key][0]
        assert (-1.0 if np.isnan(value) else value) == pytest.approx(expected[key], abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_draw_without_a_video_has_the_numbers_of_the_others(seed):
    document, found = random_data(seed)
    left = [each for each in found if each["video_id"] != 2]
    kept = [each for each in document["annotations"] if each["video_id"] != 2]
    expected = evaluate_youtube_vis({**document, "annotations": kept}, left).scores
    drawn = drawn_scores(matches_of(document, found), np.array([[1, 0, 1, 1]]))
    for key in KEYS:
        value = drawn[key][0]
        assert (-1.0 if np.isnan(value) else value) == pytest.approx(expected[key], abs=1e-12)


def test_a_video_that_is_drawn_twice_counts_twice():
    document = truth(object_("##"), object_("##", video=2), videos=2)
    found = [prediction(0.9, ".#"), prediction(0.8, "##", video=2)]  # IoU 0.5, then 1
    drawn = drawn_scores(matches_of(document, found), np.array([[1, 1], [2, 0], [0, 2], [1, 3]]))
    assert drawn["AP50"] == pytest.approx([1, 1, 1, 1])
    # wrong at 0.75; then one of two, none, two of two, and three of four objects
    assert drawn["AR100"] == pytest.approx([0.55, 0.1, 1, 0.775])
    assert drawn["AP75"] == pytest.approx([0.5 * 51 / 101, 0, 1, 0.75 * 76 / 101])


def test_intervals_are_in_the_file_where_they_are_requested():
    document, found = random_data(3)
    plain, sure = (
        evaluate_youtube_vis(document, found, intervals=requested) for requested in (False, True)
    )
    assert "intervals" not in plain.to_dict()
    interval = sure["intervals"]["AP"]
    assert interval["low"] < sure["AP"] < interval["high"]
    assert "too narrow" in sure.notes[-1]
    assert sure.scores == plain.scores


def test_differences_are_paired():
    document, found = random_data(3)
    half = [each for each in found if each["video_id"] != 1]
    methods = {
        name: evaluate_youtube_vis(document, each, intervals=True)
        for name, each in (("all", found), ("again", found), ("half", half))
    }
    compared = Comparison(methods).to_dict()["differences"]
    assert compared["again"]["AP"] == {
        "difference": 0.0,
        "low": 0.0,
        "high": 0.0,
        "error": 0.0,
        "videos_for_one_point": 1,
    }
    assert compared["half"]["AP"]["difference"] == pytest.approx(
        methods["half"]["AP"] - methods["all"]["AP"]
    )
    assert compared["half"]["AP"]["error"] > 0
    assert len(Comparison(methods).interval_tables()) == 2
