import numpy as np
import pytest

from propose_reduce.evaluation.matching import RANGES, THRESHOLDS, match, outside_ranges

AT_50, AT_60, AT_95 = 0, 2, 9


def matched(iou, *, ignored=None, crowd=None, outside=None):
    """Match rows of IoU, in one range, and return the truth taken and what is ignored, (L, D)."""
    iou = np.array(iou, dtype=float)
    n_predictions, n_truths = iou.shape
    crowd = np.zeros(n_truths, bool) if crowd is None else np.array(crowd, bool)
    ignored = crowd if ignored is None else np.array(ignored, bool)
    matches = match(
        places=np.arange(n_predictions),
        scores=np.linspace(1, 0, n_predictions),
        iou=iou,
        prediction_outside=np.array([outside or [False] * n_predictions], bool),
        truth_places=np.arange(n_truths) + 10,
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
