"""The DAVIS evaluation from files to numbers."""

import json

import numpy as np
import pytest
from label_files import write_labels
from places import REFERENCE

from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_davis

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
