import pytest
from vis_files import CAT, DOG, object_, prediction, truth

from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.error_breakdown import ERRORS

LEFT, RIGHT = "####....", "....####"


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
