import pytest
from vis_files import DOG, object_, prediction, truth

from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.failures import TITLES, failure_cases

LEFT, RIGHT, BOTH = "####....", "....####", "########"


def cases(objects, predictions, limit=3):
    metrics = evaluate_youtube_vis(truth(*objects), predictions, errors=True)
    return failure_cases(metrics.mistakes, metrics.categories, limit)


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
