"""The DAVIS evaluation: from files to numbers, the files that belong to it, one sequence."""

import json
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from label_files import write_labels
from places import REFERENCE

from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_davis
from propose_reduce.evaluation.davis import evaluate_davis_sequence, find_sequences
from propose_reduce.evaluation.davis_metrics import METRICS, STATISTICS, DavisMetrics
from propose_reduce.evaluation.vos import LabelMapFiles

CASE = REFERENCE / "eval" / "davis" / "case02"


@pytest.fixture
def case(tmp_path):
    """The files of an official case of three sequences."""
    for name, maps in np.load(CASE / "maps.npz").items():
        kind, sequence = name.split("__")
        write_labels(tmp_path / kind / sequence, maps)
    return tmp_path


@pytest.mark.parity
@pytest.mark.parametrize(("task", "kind"), [("unsupervised", "unsup"), ("semi-supervised", "semi")])
def test_files_give_the_official_numbers(case, task, kind):
    expected = json.loads((CASE / "expected.json").read_text())[task]
    metrics = evaluate_davis(case / "gt", case / kind, task=task)
    assert metrics.scores == pytest.approx(expected["global"], abs=1e-9)
    assert metrics.sequences == tuple(expected["sequences"])


def test_two_processes_give_the_same_numbers_in_the_same_order(case):
    alone = evaluate_davis(case / "gt", case / "unsup", task="unsupervised")
    assert evaluate_davis(case / "gt", case / "unsup", task="unsupervised", workers=2) == alone


def test_a_mistake_found_in_a_worker_reaches_the_caller(case):
    write_labels(case / "unsup" / "b", np.full((7, 48, 64), 99))
    with pytest.raises(InputError, match="b, frame 0: the result holds label 99"):
        evaluate_davis(case / "gt", case / "unsup", task="unsupervised", workers=2)


def test_progress_counts_sequences(case):
    calls = []

    def report(*counts):
        calls.append(counts)

    evaluate_davis(case / "gt", case / "unsup", task="unsupervised", progress=report)
    assert calls == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "semisupervised"}, "unknown task 'semisupervised': did you mean 'semi-super"),
        ({"task": "unsupervised", "resize": "bilinear"}, "unknown resize 'bilinear': known: near"),
        ({"task": "unsupervised", "workers": 0}, "workers must be at least 1, got 0"),
    ],
)
def test_unknown_options_are_errors(case, options, message):
    with pytest.raises(InputError, match=message):
        evaluate_davis(case / "gt", case / "unsup", **options)


MAPS = np.arange(12, dtype=np.uint8).reshape(3, 2, 2) % 3


@pytest.fixture
def root(tmp_path):
    """A DAVIS root of three sequences, two of them in the validation list."""
    for task in ("Annotations", "Annotations_unsupervised"):
        for name in ("bear", "cows", "dogs"):
            write_labels(tmp_path / "davis" / task / "480p" / name, MAPS)
    lists = tmp_path / "davis" / "ImageSets" / "2017"
    lists.mkdir(parents=True)
    (lists / "val.txt").write_text("dogs\nbear\n")
    return tmp_path / "davis"


@pytest.fixture
def results(tmp_path):
    for name in ("bear", "cows", "dogs"):
        write_labels(tmp_path / "results" / name, MAPS)
    return tmp_path / "results"


def names(sequences):
    return [files.name for files in sequences]


@pytest.mark.parametrize(
    ("task", "folder"),
    [("unsupervised", "Annotations_unsupervised"), ("semi-supervised", "Annotations")],
)
def test_a_root_gives_the_validation_list_from_the_folder_of_the_task(root, results, task, folder):
    sequences = find_sequences(root, results, task=task)
    assert names(sequences) == ["dogs", "bear"]
    assert sequences[0].ground_truth[2] == root / folder / "480p" / "dogs" / "00002.png"
    assert sequences[0].predictions[2] == results / "dogs" / "00002.png"


def test_a_root_of_2019_gives_its_test_list(root, results):
    (root / "ImageSets" / "2017").rename(root / "ImageSets" / "2019")
    (root / "ImageSets" / "2019" / "val.txt").rename(root / "ImageSets" / "2019" / "test-dev.txt")
    assert names(find_sequences(root, results, task="unsupervised")) == ["dogs", "bear"]


def test_a_split_file_comes_before_the_list_of_the_root(root, results, tmp_path):
    (tmp_path / "mine.txt").write_text("cows\n")
    split = tmp_path / "mine.txt"
    assert names(find_sequences(root, results, task="unsupervised", split=split)) == ["cows"]


def test_a_plain_folder_gives_every_sequence_by_name(root, results):
    plain = root / "Annotations" / "480p"
    assert names(find_sequences(plain, results, task="unsupervised")) == ["bear", "cows", "dogs"]


def test_more_results_than_needed_are_ignored(root, results):
    write_labels(results / "zebra", MAPS)
    write_labels(results / "dogs", np.zeros((9, 2, 2)))
    assert len(find_sequences(root, results, task="unsupervised")[0].predictions) == 3


def test_a_missing_result_frame_is_an_error_that_names_it(root, results):
    (results / "dogs" / "00001.png").unlink()
    for task in ("unsupervised", "semi-supervised"):
        with pytest.raises(InputError, match=r"dogs.00001\.png' is missing, one of 1 of the"):
            find_sequences(root, results, task=task)


def test_the_semi_supervised_task_needs_no_first_and_last_result(root, results):
    (results / "dogs" / "00000.png").unlink()
    (results / "dogs" / "00002.png").unlink()
    assert len(find_sequences(root, results, task="semi-supervised")) == 2
    with pytest.raises(InputError, match="one of 2 of the 3"):
        find_sequences(root, results, task="unsupervised")


@pytest.mark.parametrize(
    ("there", "said"),
    [
        (["frame_0.png", "frame_1.png"], r"there are 'frame_0\.png, frame_1\.png'$"),
        (["001/00000.png", "002/00000.png"], "folders of 2 objects, which --task vos reads"),
        ([], "the folder is empty"),
    ],
    ids=["other names", "a folder per object", "nothing"],
)
def test_what_is_there_instead_of_a_result_frame_is_said(root, results, there, said):
    shutil.rmtree(results / "dogs")
    (results / "dogs").mkdir()
    for name in there:
        path = results / "dogs" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with pytest.raises(InputError, match=said):
        find_sequences(root, results, task="unsupervised")


def test_a_missing_result_folder_is_an_error(root, results):
    for path in (results / "bear").iterdir():
        path.unlink()
    (results / "bear").rmdir()
    with pytest.raises(InputError, match="one of 3 of the 3 result frames of 'bear'"):
        find_sequences(root, results, task="unsupervised")


def test_an_unknown_sequence_in_the_list_offers_the_nearest(root, results, tmp_path):
    (tmp_path / "mine.txt").write_text("dog")
    with pytest.raises(InputError, match="'dog': did you mean 'dogs'"):
        find_sequences(root, results, task="unsupervised", split=tmp_path / "mine.txt")


def test_a_list_may_name_a_sequence_twice_and_start_with_a_byte_order_mark(root, results, tmp_path):
    (tmp_path / "mine.txt").write_text("dogs\nbear\ndogs\n", encoding="utf-8-sig")
    found = find_sequences(root, results, task="unsupervised", split=tmp_path / "mine.txt")
    assert [files.name for files in found] == ["dogs", "bear"]


def test_the_folder_that_predict_filled_is_a_result(root, tmp_path):
    for name in ("bear", "dogs"):
        write_labels(tmp_path / "out" / name / "davis", MAPS)
    found = find_sequences(root, tmp_path / "out", task="unsupervised")
    assert found[1].predictions[0] == tmp_path / "out" / "bear" / "davis" / "00000.png"


def test_folders_that_are_not_there_are_errors(root, results, tmp_path):
    nowhere = tmp_path / "nowhere"
    with pytest.raises(InputError, match="nowhere' is not a folder: give a DAVIS root"):
        find_sequences(nowhere, results, task="unsupervised")
    with pytest.raises(InputError, match="nowhere' is not a folder"):
        find_sequences(root, nowhere, task="unsupervised")
    with pytest.raises(InputError, match=r"nowhere' cannot be read"):
        find_sequences(root, results, task="unsupervised", split=nowhere)
    (root / "Annotations_unsupervised").rename(nowhere)
    with pytest.raises(InputError, match="480p' does not exist, the unsupervised task needs it"):
        find_sequences(root, results, task="unsupervised")


def test_empty_folders_are_errors(results, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="empty' names no sequence"):
        find_sequences(empty, results, task="unsupervised")
    (empty / "dogs").mkdir()
    with pytest.raises(InputError, match="dogs' holds no PNG"):
        find_sequences(empty, results, task="unsupervised")


def test_labels_are_palette_indices(tmp_path):
    maps = LabelMapFiles(sorted(write_labels(tmp_path, MAPS).iterdir()))
    assert len(maps) == 3
    assert maps[1].dtype == np.uint8
    assert (np.stack([maps[0], maps[1], maps[2]]) == MAPS).all()


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
    message = (
        f"dogs: none of its {truth} frames can be evaluated"
        if truth == result
        else f"dogs: {result} result frames for {truth}"
    )
    with pytest.raises(InputError, match=message):
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
