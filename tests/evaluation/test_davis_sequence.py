"""The rules of one sequence, on arrays: frames, objects, void, labels, assignment."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from places import REFERENCE

from propose_reduce.errors import InputError
from propose_reduce.evaluation.davis_metrics import METRICS, STATISTICS, DavisMetrics
from propose_reduce.evaluation.davis_sequence import evaluate_davis_sequence

CASES = sorted((REFERENCE / "eval" / "davis").iterdir())
TASKS = {"unsupervised": "unsup", "semi-supervised": "semi"}

videos = st.integers(3, 6).flatmap(
    lambda frames: arrays.arrays(np.uint8, (2, frames, 6, 8), elements=st.integers(0, 3))
)


def rows(*frames):
    """Return label maps of one row of pixels each, uint8 (T, 1, W)."""
    return np.array(frames, dtype=np.uint8)[:, None]


def evaluate(truth, result, task="unsupervised", **options):
    return evaluate_davis_sequence(truth, result, task=task, **options)


@pytest.mark.parity
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_official_numbers(case, task):
    maps = np.load(case / "maps.npz")
    expected = json.loads((case / "expected.json").read_text())[task]
    objects = []
    for name in expected["sequences"]:
        truth, result = maps[f"gt__{name}"], maps[f"{TASKS[task]}__{name}"]
        objects += evaluate(truth, result, task, name=name)
    metrics = DavisMetrics(task, tuple(expected["sequences"]), tuple(objects))
    assert {key: metrics.scores[key] for key in METRICS} == pytest.approx(
        expected["global"], abs=1e-9
    )
    per_object = metrics.to_dict()["per_object"]
    for got, wanted in zip(per_object, expected["per_object"], strict=True):
        for key in ("name", "sequence", "gt_object"):
            assert got[key] == wanted[key]
        if task == "unsupervised":
            assert got["proposal"] == wanted["proposal"]
        for key in (*STATISTICS, "J", "F"):
            assert got[key] == pytest.approx(wanted[key], abs=1e-9)


def test_the_unsupervised_task_evaluates_all_frames():
    (only,) = evaluate(rows([1, 0, 0], [1, 1, 0]), rows([1, 0, 0], [1, 0, 0]))
    assert only.j.values == (1.0, 0.5)


def test_the_semi_supervised_task_leaves_out_the_first_and_the_last_frame():
    class Opened(list):
        seen = ()

        def __getitem__(self, index):
            self.seen = (*self.seen, index)
            return super().__getitem__(index)

    truth = rows([1, 0], [1, 1], [1, 0], [1, 0])
    result = Opened(rows([0, 0], [1, 0], [1, 0], [9, 9]))
    (only,) = evaluate(truth, result, "semi-supervised")
    assert only.j.values == (0.5, 1.0)
    assert result.seen == (1, 2)


def test_objects_are_those_up_to_the_highest_label_of_the_first_frame():
    truth = rows([0, 2, 2, 255], [1, 2, 3, 3])  # 1 appears later and counts, 3 does not exist
    scores = evaluate(truth, truth[:, :, [0, 1, 2, 2]])
    assert sorted(s.gt_object for s in scores) == [1, 2]


def test_a_sequence_without_objects_contributes_nothing():
    assert evaluate(rows([0, 255], [1, 1]), rows([1, 1], [1, 1])) == ()


def test_a_binary_mask_of_0_and_255_is_no_truth_and_not_silently_nothing():
    binary = rows([0, 255], [0, 0])
    with pytest.raises(InputError, match="holds 255, which is void, and no object: write 1"):
        evaluate(binary, rows([0, 1], [0, 0]))


def test_void_is_left_out_of_the_unsupervised_task_only():
    truth = rows(*3 * [[1, 1, 255, 0]])
    result = rows(*3 * [[1, 1, 1, 0]])
    assert evaluate(truth, result)[0].j.mean == 1.0
    assert evaluate(truth, result, "semi-supervised")[0].j.mean == pytest.approx(2 / 3)


def test_the_edge_of_void_becomes_contour_of_both_masks():
    truth = rows([1, 1, 1, 255, 0, 0])
    (only,) = evaluate(truth, rows([1, 1, 1, 1, 1, 0]))
    # outside void: 111-00 against 111-10; contours 001000 against 001110, tolerance 1
    assert only.j.values == (0.75,)
    precision, recall = 2 / 3, 1
    assert only.f.mean == pytest.approx(2 * precision * recall / (precision + recall))


def test_assignment_is_the_best_total_not_the_greedy_one():
    # IoU: object 1 with proposals 1, 2: 2/3, 1/3; object 2: 1/2, 0. Greedy would give 2/3 + 0.
    truth = rows([1, 1, 1, 0, 2, 0])
    result = rows([1, 1, 2, 0, 1, 0])
    pairs = {s.gt_object: s.proposal for s in evaluate(truth, result)}
    assert pairs == {1: 2, 2: 1}


def test_names_number_the_order_of_the_proposals():
    scores = evaluate(rows([1, 0, 2, 0]), rows([2, 0, 1, 0]), name="pair")
    assert [(s.name, s.gt_object, s.proposal) for s in scores] == [
        ("pair_1", 2, 1),
        ("pair_2", 1, 2),
    ]


def test_a_missing_proposal_scores_where_its_object_is_absent():
    truth = rows([2, 2, 1, 1], [0, 0, 1, 1])
    scores = evaluate(truth, rows([0, 0, 1, 1], [0, 0, 1, 1]))
    missed = next(s for s in scores if s.proposal is None)
    assert missed.gt_object == 2
    assert missed.j.values == missed.f.values == (0.0, 1.0)


def test_labels_without_pixels_are_proposals_too():
    truth = rows([2, 0, 0, 1], [2, 0, 0, 1])
    scores = evaluate(truth, rows([0, 0, 0, 4], [0, 0, 0, 4]))
    assert next(s for s in scores if s.gt_object == 2).proposal in {1, 2, 3}


@pytest.mark.parametrize(
    ("task", "label", "limit"), [("unsupervised", 21, 20), ("semi-supervised", 2, 1)]
)
def test_a_label_beyond_the_limit_is_an_error(task, label, limit):
    truth = rows(*3 * [[1, 0]])
    with pytest.raises(InputError, match=rf"dogs, frame 1: .*label {label}.* 1 to {limit}"):
        evaluate(truth, rows([1, 0], [label, 0], [1, 0]), task, name="dogs")


def test_void_in_a_result_is_an_error():
    with pytest.raises(InputError, match="label 255"):
        evaluate(rows([1, 0]), rows([1, 255]))


def test_more_objects_than_proposals_allowed_can_be_evaluated():
    truth = np.arange(1, 31, dtype=np.uint8).reshape(1, 5, 6)
    result = np.where(truth <= 20, truth, 0)
    scores = evaluate(truth, result)
    assert len(scores) == 30
    assert sum(s.proposal is None for s in scores) == 10


@pytest.mark.parametrize(
    ("task", "truth", "result"),
    [("unsupervised", 3, 2), ("semi-supervised", 2, 2), ("unsupervised", 0, 0)],
)
def test_too_few_frames_are_an_error(task, truth, result):
    maps = np.ones((3, 2, 2), dtype=np.uint8)
    with pytest.raises(InputError, match=f"dogs: {result} result frames for {truth}"):
        evaluate(maps[:truth], maps[:result], task, name="dogs")


def test_another_size_is_an_error_that_names_the_way_out():
    with pytest.raises(InputError, match=r"frame 0: .* 4 x 1, .* 2 x 1 pixels: .* nearest"):
        evaluate(rows([1, 0]), rows([1, 1, 0, 0]))


def test_resizing_takes_the_pixel_under_the_centre():
    truth = rows([1, 0, 2])
    for result in (rows([3, 1, 3, 0, 0, 0, 3, 2, 3]), rows([1, 3, 0, 2])):
        scores = evaluate(truth, result, resize="nearest")
        assert [s.j.mean for s in sorted(scores, key=lambda s: s.gt_object)] == [1.0, 1.0]


def test_beyond_255_frames_all_statistics_hold():
    frames = 301
    truth = np.ones((frames, 1, 4), dtype=np.uint8)
    result = truth.copy()
    result[150:, :, 1:] = 0  # J falls from 1 to 1/4 in the middle
    (only,) = evaluate(truth, result)
    assert only.j.decay == 0.75
    assert only.j.mean == pytest.approx((150 + 151 / 4) / 301)


@settings(deadline=None)
@given(videos, st.permutations([1, 2, 3]))
def test_renumbering_the_proposals_changes_no_total(maps, order):
    truth, result = maps
    result[0, 0, :3] = [1, 2, 3]  # an unused label would be one more empty proposal
    total = sum(s.j.mean + s.f.mean for s in evaluate(truth, result))
    renumbered = np.array([0, *order], dtype=np.uint8)[result]
    again = sum(s.j.mean + s.f.mean for s in evaluate(truth, renumbered))
    assert again == pytest.approx(total)


@settings(deadline=None)
@given(videos)
def test_the_truth_against_itself_is_perfect(maps):
    truth = np.where(maps[0] > maps[0, 0].max(), 0, maps[0])
    for task in TASKS:
        scores = evaluate(truth, truth, task)
        assert all(s.j.mean == s.f.mean == 1 for s in scores)
        assert len(scores) == truth[0].max()
