"""Each case is drawn so that exactly one rule applies at IoU 0.5."""

import numpy as np
import pytest
from vis_files import CAT, DOG, object_, prediction, track, truth

from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.errors import ERRORS, KINDS
from propose_reduce.evaluation.reports.failures import TITLES, failure_cases
from propose_reduce.evaluation.youtube_vis import VideoTracks, evaluate_video

HALF, NINETY = 0, 8
LEFT, RIGHT, BOTH = "####....", "....####", "########"


def errors(predictions, objects):
    return evaluate_video(VideoTracks(tuple(objects), tuple(predictions), with_errors=True)).errors


def kinds(found, level=HALF):
    return [KINDS[kind] for kind in found.kinds[level]]


def test_the_better_prediction_is_correct_and_the_other_a_duplicate():
    found = errors([track(LEFT, score=0.4), track(LEFT, score=0.9)], [track(LEFT)])
    assert [each.score for each in found.predictions] == [0.9, 0.4]
    assert kinds(found) == ["correct", "duplicate"]


def test_a_good_mask_of_another_class_is_a_classification_error():
    found = errors([track(LEFT, category=DOG, score=0.9)], [track(RIGHT), track(LEFT)])
    assert kinds(found) == ["classification"]
    assert found.targets[HALF].tolist() == [1]
    assert found.missed[HALF].tolist() == [True, False]


def test_a_track_that_switches_objects_is_an_association_error():
    objects = [track(*[LEFT] * 5), track(*[RIGHT] * 5)]
    switching = track(LEFT, LEFT, LEFT, RIGHT, RIGHT, score=0.9)  # 12 of 28 pixels, 8 of 32
    found = errors([switching], objects)
    assert found.iou.tolist() == [[12 / 28, 8 / 32]]
    assert kinds(found) == ["association"]
    assert found.targets[HALF].tolist() == [0]


def test_a_track_that_breaks_off_is_an_association_error():
    found = errors([track(LEFT, None, None, score=0.9)], [track(LEFT, LEFT, LEFT)])
    assert kinds(found) == ["association"]


def test_a_poor_mask_of_the_right_object_is_a_localisation_error():
    found = errors([track("##......", score=0.9)], [track("#####...")])
    assert kinds(found) == ["localisation"]
    assert not found.missed[HALF].any()


def test_a_mask_beside_every_object_is_a_false_positive():
    found = errors([track(RIGHT, score=0.9)], [track(LEFT)])
    assert kinds(found) == ["false_positive"]
    assert found.targets[HALF].tolist() == [-1]
    assert found.missed[HALF].tolist() == [True]


def test_pixels_beside_the_object_spoil_the_quality_of_a_mask():
    # fits on one frame of three, lies beside on the others: 4 of 12 pixels
    wandering = track(LEFT, RIGHT, RIGHT, score=0.9)
    assert kinds(errors([wandering], [track(LEFT, LEFT, LEFT)])) == ["localisation"]


def test_what_is_correct_at_a_low_threshold_can_be_a_localisation_error_at_a_high_one():
    found = errors([track("###.", score=0.9)], [track("####")])
    assert kinds(found) == ["correct"]
    assert kinds(found, NINETY) == ["localisation"]


def test_crowds_are_no_targets():
    found = errors(
        [track(LEFT, score=0.9), track(RIGHT, category=DOG, score=0.8)],
        [track(LEFT, crowd=True), track(RIGHT, crowd=True)],
    )
    assert kinds(found) == ["ignored", "false_positive"]
    assert found.missed.shape == (10, 0)


@pytest.mark.parametrize(("n_predictions", "n_objects"), [(0, 0), (0, 2), (2, 0)])
def test_nothing_on_one_side(n_predictions, n_objects):
    predictions = [track(LEFT, score=0.5)] * n_predictions
    found = errors(predictions, [track(LEFT, category=CAT)] * n_objects)
    assert kinds(found) == ["false_positive"] * n_predictions
    assert found.missed.shape == (10, n_objects)
    assert found.missed.all()
    assert np.array_equal(found.iou, np.zeros((n_predictions, n_objects)))


def gains(objects, predictions):
    """Return the gain of AP50 by kind, the zeros left out, and the metrics."""
    metrics = evaluate_youtube_vis(truth(*objects), predictions, errors=True)
    found = {name: g.gain50 for name, g in metrics.errors.gains.items() if abs(g.gain50) > 1e-12}
    return found, metrics


def test_perfect_predictions_leave_nothing_to_gain():
    found, metrics = gains([object_(LEFT)], [prediction(0.9, LEFT)])
    assert found == {}
    assert {g.count for g in metrics.errors.gains.values()} == {0}


def test_a_wrong_class_costs_what_the_right_one_would_give():
    found, _ = gains([object_(LEFT)], [prediction(0.9, LEFT, category=DOG)])
    assert found == {"classification": pytest.approx(1)}


def test_a_duplicate_before_another_find_costs_precision():
    objects = [object_(LEFT), object_(RIGHT)]
    predictions = [prediction(0.9, LEFT), prediction(0.8, LEFT), prediction(0.7, RIGHT)]
    found, metrics = gains(objects, predictions)
    assert found == {"duplicate": pytest.approx(1 - metrics["AP50"])}


def test_a_false_positive_in_front_costs_precision():
    found, metrics = gains([object_(LEFT)], [prediction(0.9, RIGHT), prediction(0.8, LEFT)])
    assert metrics["AP50"] == pytest.approx(0.5)
    assert found == {"false_positive": pytest.approx(0.5)}


def test_a_missed_object_no_longer_has_to_be_found():
    found, metrics = gains([object_(LEFT), object_(RIGHT)], [prediction(0.9, LEFT)])
    assert found == {"missed": pytest.approx(1 - metrics["AP50"])}


def test_a_category_that_is_missed_altogether_then_counts_as_1():
    found, _ = gains([object_(LEFT), object_(RIGHT, category=DOG)], [prediction(0.9, LEFT)])
    assert found == {"missed": pytest.approx(0.5)}


def test_a_switched_identity_costs_what_the_right_one_would_give():
    objects = [object_(*[LEFT] * 5), object_(*[RIGHT] * 5, category=DOG)]
    wrong = prediction(0.9, LEFT, LEFT, None, None, None)
    right = prediction(0.8, *[RIGHT] * 5, category=DOG)
    found, _ = gains(objects, [wrong, right])
    assert found == {"association": pytest.approx(0.5)}


def test_a_poor_mask_costs_what_a_good_one_would_give():
    found, _ = gains([object_("#####...")], [prediction(0.9, "##......")])
    assert found == {"localisation": pytest.approx(1)}


def test_only_the_best_of_several_is_repaired_and_the_others_go():
    twice = [prediction(0.9, LEFT, category=DOG), prediction(0.8, LEFT, category=DOG)]
    found, metrics = gains([object_(LEFT), object_(RIGHT, category=DOG)], twice)
    assert metrics.errors.gains["classification"].count == 2
    assert found["classification"] == pytest.approx(0.5)


def test_a_repair_does_not_find_an_object_a_second_time():
    both = [prediction(0.9, LEFT), prediction(0.8, LEFT, category=DOG), prediction(0.7, RIGHT)]
    found, metrics = gains([object_(LEFT), object_(RIGHT, category=DOG)], both)
    assert metrics["AP50"] == pytest.approx(0.5)
    assert found == {
        # the dog on the cat goes; the dog that was called a cat is right
        "classification": pytest.approx(0.5),
    }


def test_a_high_threshold_makes_localisation_errors_of_finds():
    _, metrics = gains([object_("##########")], [prediction(0.9, "#######...")])
    gain = metrics.errors.gains["localisation"]
    assert (gain.count, gain.gain50, gain.gain75) == (0, 0, pytest.approx(1))
    assert gain.gain == pytest.approx(1 - metrics["AP"])


def test_the_breakdown_is_in_the_file_and_in_a_table():
    _, metrics = gains([object_(LEFT)], [prediction(0.9, LEFT, category=CAT)])
    assert list(metrics["errors"]) == list(ERRORS)
    assert metrics["errors"]["missed"] == {"count": 0, "AP": 0.0, "AP50": 0.0, "AP75": 0.0}
    assert metrics.errors.table().row_count == len(ERRORS)


def cases(objects, predictions, limit=3):
    metrics = evaluate_youtube_vis(truth(*objects), predictions, errors=True)
    return failure_cases(metrics.track_errors, metrics.categories, limit)


@pytest.mark.parametrize(
    ("objects", "predicted", "kind", "reason"),
    [
        ([object_(LEFT)], prediction(0.9, LEFT, category=DOG), "classification", "is a cat"),
        (
            [object_("#####...")],
            prediction(0.9, "##......"),
            "localisation",
            "cat poorly, IoU 0.40",
        ),
        ([object_(LEFT)], prediction(0.9, RIGHT), "false_positive", "the best overlap is 0.00"),
        (
            [object_(*[LEFT] * 5), object_(*[RIGHT] * 5)],
            prediction(0.9, LEFT, LEFT, LEFT, RIGHT, RIGHT),
            "association",
            "switches identity, annotation 1 on frames 0-2, annotation 2 on frames 3-4",
        ),
        (
            [object_(LEFT, LEFT, LEFT, None)],
            prediction(0.9, LEFT, None, None, None),
            "association",
            "follows its object on 1 of the 3 frames that show it",
        ),
    ],
)
def test_a_failure_has_its_reason(objects, predicted, kind, reason):
    (found,) = (case for case in cases(objects, [predicted]) if case.predicted is not None)
    assert (found.kind, found.video) == (kind, 1)
    assert reason in found.reason


def test_a_missed_object_has_no_prediction():
    found = cases([object_(LEFT)], [])
    assert [(case.kind, case.predicted) for case in found] == [("missed", None)]
    assert found[0].truth.id == 1
    assert "nothing shows this cat" in found[0].reason


def test_a_duplicate_comes_with_the_object_that_is_taken():
    (case,) = cases([object_(LEFT)], [prediction(0.9, LEFT), prediction(0.5, LEFT)])
    assert (case.kind, case.predicted.score, case.truth.id) == ("duplicate", 0.5, 1)


def test_missed_objects_go_by_size_and_predictions_by_score():
    found = cases([object_("#......."), object_(BOTH)], [], limit=1)
    assert [case.truth.id for case in found] == [2]
    wrong = [prediction(score, RIGHT) for score in (0.3, 0.8, 0.5)]
    found = [c for c in cases([object_(LEFT)], wrong, limit=2) if c.kind == "false_positive"]
    assert [case.predicted.score for case in found] == [0.8, 0.5]


def test_objects_that_nothing_found_go_first():
    predictions = [
        prediction(0.9, LEFT),
        prediction(0.8, LEFT, category=DOG),
        prediction(0.1, RIGHT, category=DOG),
    ]
    found = cases([object_(LEFT), object_(RIGHT)], predictions, limit=1)
    assert [(c.kind, c.truth.id) for c in found] == [("classification", 2)]


def test_kinds_come_in_the_order_of_the_report():
    predictions = [prediction(0.9, RIGHT), prediction(0.8, LEFT, category=DOG)]
    kinds = [case.kind for case in cases([object_(LEFT), object_("#.......")], predictions)]
    assert kinds == [kind for kind in TITLES if kind in kinds]
    assert len(kinds) == 3
