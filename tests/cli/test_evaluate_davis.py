"""``evaluate davis`` through the command line."""

import json

import numpy as np
import pytest
from command_line import type_command
from label_files import write_labels
from places import REFERENCE
from typer.testing import CliRunner

from propose_reduce.cli import main as frame
from propose_reduce.evaluation.davis_metrics import METRICS

CASE = REFERENCE / "eval" / "davis" / "case01"


@pytest.fixture
def case(tmp_path):
    for name, maps in np.load(CASE / "maps.npz").items():
        kind, sequence = name.split("__")
        write_labels(tmp_path / kind / sequence, maps)
    return tmp_path


def evaluate(*arguments):
    return CliRunner().invoke(frame.app, ["evaluate", "davis", *map(str, arguments)])


@pytest.mark.parity
def test_the_file_holds_the_official_numbers(case):
    out = case / "metrics.json"
    answer = evaluate(case / "gt", case / "semi", "--task", "semi-supervised", "-o", out)
    assert answer.exit_code == 0
    saved = json.loads(out.read_text())
    expected = json.loads((CASE / "expected.json").read_text())["semi-supervised"]
    assert {key: saved[key] for key in METRICS} == pytest.approx(expected["global"], abs=1e-9)
    assert len(saved["per_object"]) == len(expected["per_object"])
    assert f"metrics -> {out}" in answer.output.replace("\n", "")


def test_sequences_that_do_not_count_are_named(case):
    assert evaluate(case / "gt", case / "unsup", "--task", "unsupervised").stderr == ""
    write_labels(case / "gt" / "late", np.stack([np.zeros((8, 8)), np.ones((8, 8))]))
    write_labels(case / "unsup" / "late", np.ones((2, 8, 8)))
    answer = evaluate(case / "gt", case / "unsup", "--task", "unsupervised")
    assert "shows no object: late" in answer.stderr


def test_tables_are_shown_as_asked(case):
    plain = evaluate(case / "gt", case / "unsup", "--task", "unsupervised")
    assert "J&F" in plain.output
    assert "0.681" in plain.output
    assert "proposal" not in plain.output
    flags = ["--per-object", "--per-sequence"]
    full = evaluate(case / "gt", case / "unsup", "--task", "unsupervised", *flags)
    assert "proposal" in full.output
    assert "Per sequence" in full.output


def test_a_split_file_chooses_sequences(case):
    (case / "mine.txt").write_text("b\n")
    options = ["--task", "unsupervised", "--split", case / "mine.txt", "-o", case / "m.json"]
    assert evaluate(case / "gt", case / "unsup", *options).exit_code == 0
    objects = json.loads((case / "m.json").read_text())["per_object"]
    assert {row["sequence"] for row in objects} == {"b"}


def test_results_of_another_size_need_to_be_resized(case):
    maps = np.load(CASE / "maps.npz")["unsup__a"].repeat(2, axis=1).repeat(2, axis=2)
    write_labels(case / "unsup" / "a", maps)
    command = [case / "gt", case / "unsup", "--task", "unsupervised"]
    refused = type_command("evaluate", "davis", *command)
    assert refused.exit_code == 2
    assert "resize nearest" in refused.stderr
    expected = json.loads((CASE / "expected.json").read_text())["unsupervised"]["global"]
    options = ["--resize", "nearest", "-o", case / "m.json"]
    assert evaluate(*command, *options).exit_code == 0
    saved = json.loads((case / "m.json").read_text())
    assert saved["J&F-Mean"] == pytest.approx(expected["J&F-Mean"])


def test_a_missing_frame_is_one_line_and_exit_code_2(case):
    (case / "unsup" / "a" / "00002.png").unlink()
    options = ["--task", "unsupervised", "--workers", "2", "-o", "metrics.json"]
    answer = type_command("evaluate", "davis", "gt", "unsup", *options, folder=case)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.count("\n") == 1
    assert "00002.png' is missing" in answer.stderr
    assert not (case / "metrics.json").exists()
