import numpy as np
import pytest

from propose_reduce.evaluation.matching import THRESHOLDS, Matches
from propose_reduce.evaluation.precision import (
    KEYS,
    category_curve,
    category_scores,
    curve,
    mean_scores,
)


def curve_of(scores, right, counted, ignored=None):
    ignored = [False] * len(scores) if ignored is None else ignored
    return curve(
        np.array(scores, dtype=float),
        np.array([right], dtype=bool),
        np.array([ignored], dtype=bool),
        np.array([counted]),
    )


def test_precision_at_a_recall_is_the_best_at_this_or_a_higher_one():
    found = curve_of([0.9, 0.8, 0.7], [True, False, True], counted=2)
    assert found.precision[0, [0, 50, 51, 100]] == pytest.approx([1, 1, 2 / 3, 2 / 3])
    assert found.recall.tolist() == [1.0]


def test_a_recall_that_is_never_reached_has_precision_0():
    found = curve_of([0.9], [True], counted=2)
    assert found.precision[0, [50, 51]] == pytest.approx([1, 0])


def test_ignored_predictions_are_neither_right_nor_wrong():
    with_ignored = curve_of([0.9, 0.8], [False, True], counted=1, ignored=[True, False])
    assert with_ignored.precision.mean() == pytest.approx(1)


def test_no_prediction_finds_nothing():
    found = curve_of([], [], counted=3)
    assert found.precision.max() == found.recall.max() == 0


def test_the_recall_points_are_the_official_doubles():
    # 0.7000000000000001 is asked for, 7 / 10 is reached
    found = curve_of(np.linspace(1, 0.1, 7), [True] * 7, counted=10)
    assert found.precision[0, [69, 70]] == pytest.approx([1, 0])


def matches(scores, right, counted):
    shape = (4, len(THRESHOLDS), len(scores))
    truth = np.broadcast_to(np.where(right, 0, -1), shape)
    places = np.arange(len(scores))
    return Matches(places, np.array(scores), truth, np.zeros(shape, bool), np.full(4, counted))


def test_the_limit_on_predictions_holds_per_video():
    videos = [matches([0.9, 0.8], [False, True], 1), matches([0.7], [True], 1)]
    assert category_curve(videos, "all", 1).recall[0] == 0.5
    assert category_curve(videos, "all", 10).recall[0] == 1.0
    scores = category_scores(videos)
    assert (scores["AR1"], scores["AR10"], scores["AR100"]) == (0.5, 1.0, 1.0)


def test_equal_scores_of_two_videos_keep_the_order_of_the_videos():
    right_first = [matches([0.5], [True], 1), matches([0.5], [False], 0)]
    assert category_scores(right_first)["AP"] == pytest.approx(1)
    assert category_scores(right_first[::-1])["AP"] == pytest.approx(0.5)


def test_a_category_without_objects_is_undefined_and_left_out_of_the_mean():
    nothing = category_scores([matches([0.9], [False], 0)])
    assert set(nothing.values()) == {-1.0}
    full = category_scores([matches([0.9], [True], 1)])
    assert mean_scores([nothing, full]) == pytest.approx(full)
    assert mean_scores([nothing]) == dict.fromkeys(KEYS, -1.0)
