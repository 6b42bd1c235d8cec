"""Matching by the official rules, on tables of IoU; from matches to precision and recall."""

import numpy as np
import pytest

from propose_reduce.evaluation.average_precision import (
    KEYS,
    RANGES,
    THRESHOLDS,
    Matches,
    category_curve,
    category_means,
    category_scores,
    curve,
    match_tracks,
    outside_ranges,
)

AT_50, AT_60, AT_95 = 0, 2, 9


def matched(iou, *, ignored=None, crowd=None, outside=None):
    """Match rows of IoU, in one range, and return the truth taken and what is ignored, (L, D)."""
    iou = np.array(iou, dtype=float)
    n_predictions, n_truths = iou.shape
    crowd = np.zeros(n_truths, bool) if crowd is None else np.array(crowd, bool)
    ignored = crowd if ignored is None else np.array(ignored, bool)
    matches = match_tracks(
        indices=np.arange(n_predictions),
        scores=np.linspace(1, 0, n_predictions),
        iou=iou,
        prediction_outside=np.array([outside or [False] * n_predictions], bool),
        truth_indices=np.arange(n_truths) + 10,
        truth_ignored=ignored[None],
        crowd=crowd,
    )
    return matches.truth[0], matches.ignored[0]


def test_the_better_scoring_prediction_takes_the_object():
    taken, _ = matched([[0.6], [0.9]])
    assert taken[AT_50].tolist() == [10, -1]
    assert taken[AT_95].tolist() == [-1, -1]


def test_thresholds_are_inclusive():
    taken, _ = matched([[0.6]])
    assert THRESHOLDS[AT_60] == pytest.approx(0.6)
    assert taken[:, 0].tolist() == [10] * 3 + [-1] * 7


def test_of_equal_overlaps_the_later_object_is_taken():
    assert matched([[0.7, 0.7]])[0][AT_50].tolist() == [11]


def test_a_perfect_overlap_that_rounding_made_smaller_still_counts():
    taken, _ = matched([[1 - 1e-12]])
    assert (taken[:, 0] == 10).all()


def test_an_object_that_counts_goes_before_a_better_fitting_ignored_one():
    taken, ignored = matched([[0.9, 0.6], [0.9, 0.6]], ignored=[True, False])
    assert taken[AT_50].tolist() == [11, 10]
    assert ignored[AT_50].tolist() == [False, True]


def test_a_crowd_can_be_taken_again_and_again():
    taken, ignored = matched([[0.9], [0.8], [0.3]], crowd=[True])
    assert taken[AT_50].tolist() == [10, 10, -1]
    assert ignored[AT_50].tolist() == [True, True, False]


def test_without_an_object_a_prediction_outside_the_range_is_ignored():
    _, ignored = matched([[0.2], [0.9]], outside=[True, True])
    assert ignored[AT_50].tolist() == [True, False]


def test_both_ends_of_a_range_belong_to_it():
    outside = outside_ranges(np.array([0.0, 128.0**2, 256.0**2, 256.0**2 + 1]))
    assert dict(zip(RANGES, outside.tolist(), strict=True)) == {
        "all": [False, False, False, False],
        "small": [False, False, True, True],
        "medium": [True, False, False, True],
        "large": [True, True, False, False],
    }


def curve_of(scores, correct, positives, ignored=None):
    ignored = [False] * len(scores) if ignored is None else ignored
    return curve(
        np.array(scores, dtype=float),
        np.array([correct], dtype=bool),
        np.array([ignored], dtype=bool),
        np.array([positives]),
    )


def test_precision_at_a_recall_is_the_best_at_this_or_a_higher_one():
    found = curve_of([0.9, 0.8, 0.7], [True, False, True], positives=2)
    assert found.precision[0, [0, 50, 51, 100]] == pytest.approx([1, 1, 2 / 3, 2 / 3])
    assert found.recall.tolist() == [1.0]


def test_a_recall_that_is_never_reached_has_precision_0():
    found = curve_of([0.9], [True], positives=2)
    assert found.precision[0, [50, 51]] == pytest.approx([1, 0])


def test_ignored_predictions_are_neither_right_nor_wrong():
    with_ignored = curve_of([0.9, 0.8], [False, True], positives=1, ignored=[True, False])
    assert with_ignored.precision.mean() == pytest.approx(1)


def test_no_prediction_finds_nothing():
    found = curve_of([], [], positives=3)
    assert found.precision.max() == found.recall.max() == 0


def test_the_recall_points_are_the_official_doubles():
    # 0.7000000000000001 is asked for, 7 / 10 is reached
    found = curve_of(np.linspace(1, 0.1, 7), [True] * 7, positives=10)
    assert found.precision[0, [69, 70]] == pytest.approx([1, 0])


def matches(scores, correct, positives):
    shape = (4, len(THRESHOLDS), len(scores))
    truth = np.broadcast_to(np.where(correct, 0, -1), shape)
    indices = np.arange(len(scores))
    return Matches(indices, np.array(scores), truth, np.zeros(shape, bool), np.full(4, positives))


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
    assert category_means([nothing, full]) == pytest.approx(full)
    assert category_means([nothing]) == dict.fromkeys(KEYS, -1.0)
