"""Each case is drawn so that exactly one rule applies at IoU 0.5."""

import numpy as np
import pytest
from vis_files import CAT, DOG, track

from propose_reduce.evaluation.judgement import Job, judge
from propose_reduce.evaluation.mistakes import KINDS

HALF, NINETY = 0, 8
LEFT, RIGHT = "####....", "....####"


def mistakes(predictions, objects):
    return judge(Job(tuple(objects), tuple(predictions), mistakes=True)).mistakes


def kinds(found, level=HALF):
    return [KINDS[kind] for kind in found.kinds[level]]


def test_the_better_prediction_is_right_and_the_other_a_duplicate():
    found = mistakes([track(LEFT, score=0.4), track(LEFT, score=0.9)], [track(LEFT)])
    assert [each.score for each in found.predictions] == [0.9, 0.4]
    assert kinds(found) == ["right", "duplicate"]


def test_a_good_mask_of_another_class_is_a_classification_error():
    found = mistakes([track(LEFT, category=DOG, score=0.9)], [track(RIGHT), track(LEFT)])
    assert kinds(found) == ["classification"]
    assert found.targets[HALF].tolist() == [1]
    assert found.missed[HALF].tolist() == [True, False]


def test_a_track_that_switches_objects_is_an_association_error():
    objects = [track(*[LEFT] * 5), track(*[RIGHT] * 5)]
    switching = track(LEFT, LEFT, LEFT, RIGHT, RIGHT, score=0.9)  # 12 of 28 pixels, 8 of 32
    found = mistakes([switching], objects)
    assert found.iou.tolist() == [[12 / 28, 8 / 32]]
    assert kinds(found) == ["association"]
    assert found.targets[HALF].tolist() == [0]


def test_a_track_that_breaks_off_is_an_association_error():
    found = mistakes([track(LEFT, None, None, score=0.9)], [track(LEFT, LEFT, LEFT)])
    assert kinds(found) == ["association"]


def test_a_poor_mask_of_the_right_object_is_a_localisation_error():
    found = mistakes([track("##......", score=0.9)], [track("#####...")])
    assert kinds(found) == ["localisation"]
    assert not found.missed[HALF].any()


def test_a_mask_beside_every_object_is_a_false_positive():
    found = mistakes([track(RIGHT, score=0.9)], [track(LEFT)])
    assert kinds(found) == ["false_positive"]
    assert found.targets[HALF].tolist() == [-1]
    assert found.missed[HALF].tolist() == [True]


def test_pixels_beside_the_object_spoil_the_quality_of_a_mask():
    # fits on one frame of three, lies beside on the others: 4 of 12 pixels
    wandering = track(LEFT, RIGHT, RIGHT, score=0.9)
    assert kinds(mistakes([wandering], [track(LEFT, LEFT, LEFT)])) == ["localisation"]


def test_what_is_right_at_a_low_threshold_can_be_a_localisation_error_at_a_high_one():
    found = mistakes([track("###.", score=0.9)], [track("####")])
    assert kinds(found) == ["right"]
    assert kinds(found, NINETY) == ["localisation"]


def test_crowds_are_no_targets():
    found = mistakes(
        [track(LEFT, score=0.9), track(RIGHT, category=DOG, score=0.8)],
        [track(LEFT, crowd=True), track(RIGHT, crowd=True)],
    )
    assert kinds(found) == ["ignored", "false_positive"]
    assert found.missed.shape == (10, 0)


@pytest.mark.parametrize(("n_predictions", "n_objects"), [(0, 0), (0, 2), (2, 0)])
def test_nothing_on_one_side(n_predictions, n_objects):
    predictions = [track(LEFT, score=0.5)] * n_predictions
    found = mistakes(predictions, [track(LEFT, category=CAT)] * n_objects)
    assert kinds(found) == ["false_positive"] * n_predictions
    assert found.missed.shape == (10, n_objects)
    assert found.missed.all()
    assert np.array_equal(found.iou, np.zeros((n_predictions, n_objects)))
