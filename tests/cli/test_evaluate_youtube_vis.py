"""``evaluate youtube-vis`` through the command line."""

import json
import sys

import pytest
from places import REFERENCE
from typer.testing import CliRunner
from vis_files import object_, prediction, truth

from propose_reduce.cli import main as frame
from propose_reduce.errors import InputError

CASE = REFERENCE / "eval" / "ytvis" / "case07"


def evaluate(*arguments):
    return CliRunner().invoke(frame.app, ["evaluate", "youtube-vis", *map(str, arguments)])


@pytest.mark.parity
def test_the_file_holds_the_official_numbers(tmp_path):
    answer = evaluate(CASE / "gt.json", CASE / "pred.json", "-o", tmp_path / "metrics.json")
    assert answer.exit_code == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    expected = json.loads((CASE / "expected.json").read_text())
    assert metrics.pop("per_category") == {
        id_: pytest.approx(scores, abs=1e-9) for id_, scores in expected["per_category"].items()
    }
    assert metrics == pytest.approx(expected["stats"], abs=1e-9)


@pytest.fixture
def files(tmp_path):
    """A truth and predictions of which one has a category that is not listed."""
    paths = tmp_path / "truth.json", tmp_path / "predictions.json"
    foreign = prediction(0.4, "##", category=99)
    paths[0].write_text(json.dumps(truth(object_("##"))))
    paths[1].write_text(json.dumps([prediction(0.5, "##"), foreign]))
    return paths


def test_the_tables_that_were_requested_are_printed(files):
    answer = evaluate(*files, "--per-video", "--errors", "--workers", 2)
    assert answer.exit_code == 0
    for text in ("Every video alone", "1 predictions for 1 objects in 1 videos", "localisation"):
        assert text in answer.stdout


def test_what_does_not_count_is_said(files):
    assert "do not count" in evaluate(*files).stderr
    assert "do not count" not in evaluate(*files, "--agnostic").stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere.json", "cannot be read"), ("truth.json", "holds no predictions")],
)
def test_a_mistake_is_one_line_and_exit_code_2(files, capsys, monkeypatch, name, message):
    command = ["evaluate", "youtube-vis", str(files[0]), str(files[0].with_name(name))]
    monkeypatch.setattr(sys, "argv", ["propose-reduce", *command])
    with pytest.raises(SystemExit) as ended:
        frame.main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("option", ["--frames", "--distance"])
def test_what_only_the_report_shows_is_not_dropped_silently(files, tmp_path, option):
    answer = evaluate(*files, option, tmp_path)
    assert isinstance(answer.exception, InputError)
    assert "add --report DIR" in str(answer.exception)


def test_a_report_is_written(files, tmp_path):
    answer = evaluate(*files, "--report", tmp_path / "report")
    assert answer.exit_code == 0
    page = (tmp_path / "report" / "report.html").read_text()
    assert "predictions against truth.json" in page
    assert "Every video alone" not in answer.stdout


def test_several_methods_are_compared(files, tmp_path):
    other, empty = tmp_path / "other" / "predictions.json", tmp_path / "empty.json"
    other.parent.mkdir()
    other.write_text(json.dumps([prediction(0.5, "##")]))
    empty.write_text("[]")
    folder, output = tmp_path / "report", tmp_path / "metrics.json"
    answer = evaluate(*files, other, empty, "--report", folder, "-o", output)
    assert answer.exit_code == 0
    assert "3 methods on 1 objects in 1 videos" in answer.stdout
    names = [f"{tmp_path.name}/predictions", "other/predictions", "empty"]
    assert f"note: {names[0]}: predictions that do not count" in answer.stderr
    content = json.loads(output.read_text())["methods"]
    assert [(name, metrics["AP"]) for name, metrics in content.items()] == [
        (names[0], pytest.approx(1)),
        (names[1], pytest.approx(1)),
        (names[2], 0),
    ]
    assert "command" in (folder / "report.html").read_text()
    assert {file.suffix for file in folder.iterdir()} == {".html", ".csv", ".md", ".tex"}


def test_the_distance_analysis_is_of_one_method(files, tmp_path):
    answer = evaluate(*files, files[1].with_name("b"), "--report", tmp_path, "--distance", tmp_path)
    assert "of one method" in str(answer.exception)


def test_intervals_are_printed_where_they_are_requested(files):
    answer = evaluate(*files, "--intervals")
    assert "95 % intervals over 1 videos" in answer.stdout
    assert "too narrow" in answer.stderr
