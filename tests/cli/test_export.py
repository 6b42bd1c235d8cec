"""``propose-reduce export`` on files, folders and mistakes."""

import json

import pytest
from sequences import result, sequence
from typer.testing import CliRunner

from propose_reduce.cli.main import app


def run(*arguments):
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.fixture
def predicted(tmp_path):
    """Return a folder as predict writes it, with two videos."""
    for name in ("one", "two"):
        found = result(
            sequence(1, 0.9, "#. ..", None), sequence(2, 0.1, "## ..", ".# .."), name=name
        )
        found.save(tmp_path / "out" / name)
    return tmp_path / "out"


def test_all_videos_of_a_folder_are_written(predicted, tmp_path):
    ran = run(predicted, "--format", "coco", "-o", tmp_path / "coco")
    assert ran.exit_code == 0, ran.output
    assert sorted(p.name for p in (tmp_path / "coco").iterdir()) == ["one.json", "two.json"]
    annotations = json.loads((tmp_path / "coco" / "one.json").read_text())["annotations"]
    assert len(annotations) == 3


def test_several_formats_have_a_folder_each_and_weak_sequences_can_go(predicted, tmp_path):
    ran = run(
        predicted / "one",
        "--format",
        "mot",
        "--format",
        "csv",
        "-o",
        tmp_path / "o",
        "--min-score",
        "0.5",
    )
    assert ran.exit_code == 0, ran.output
    assert len((tmp_path / "o" / "csv" / "one.csv").read_text().splitlines()) == 2
    assert (tmp_path / "o" / "mot" / "one" / "gt" / "gt.txt").is_file()


def test_nothing_to_export_is_said(predicted, tmp_path):
    ran = run(predicted / "one", "--format", "csv", "-o", tmp_path / "o", "--min-score", "0.95")
    assert ran.exit_code == 0
    assert "no sequence to export" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["nowhere", "--format", "coco"], "result 'nowhere' does not exist"),
        (["{out}", "--format", "cocoo"], "did you mean 'coco'"),
        (["{out}/one", "{out}/one", "--format", "coco"], "both of a video 'one'"),
        (["{empty}", "--format", "coco"], "has no result.json"),
    ],
)
def test_mistakes_are_named(predicted, tmp_path, arguments, fault):
    (tmp_path / "empty").mkdir()
    filled = [a.format(out=predicted, empty=tmp_path / "empty") for a in arguments]
    ran = run(*filled, "-o", tmp_path / "o")
    assert fault in str(ran.exception)
