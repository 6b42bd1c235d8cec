"""``evaluate tracking`` through the command line."""

import json

import pytest
from places import REFERENCE
from sequences import result, sequence
from typer.testing import CliRunner
from vis_files import DOG, object_, prediction, truth

from propose_reduce.cli import main as frame
from propose_reduce.errors import InputError


def evaluate(*arguments):
    return CliRunner().invoke(frame.app, ["evaluate", "tracking", *map(str, arguments)])


@pytest.fixture
def files(tmp_path):
    """A truth, and predictions of which one is weak and one of an unlisted category."""
    paths = tmp_path / "truth.json", tmp_path / "predictions.json"
    found = [
        prediction(0.9, "#.", "#."),
        prediction(0.2, ".#", ".#", category=DOG),
        prediction(0.9, ".#", ".#", category=99),
    ]
    paths[0].write_text(json.dumps(truth(object_("#.", "#."))))
    paths[1].write_text(json.dumps(found))
    return paths


def test_tables_notes_and_the_file(files, tmp_path):
    answer = evaluate(*files, "--per-video", "-o", tmp_path / "metrics.json")
    assert answer.exit_code == 0
    for text in ("2 tracks for 1 objects in 1 videos", "HOTA", "IDF1", "1 clip1", "dog"):
        assert text in answer.stdout
    assert "does not list their category (99): 1" in answer.stderr
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["per_category"]["3"]["HOTA"] == 1
    assert metrics["HOTA"] == pytest.approx(0.5**0.5)


def test_weak_predictions_can_be_left_out(files, tmp_path):
    answer = evaluate(*files, "--min-score", 0.5, "--metrics", "clear", "-o", tmp_path / "m.json")
    assert "HOTA" not in answer.stdout
    assert json.loads((tmp_path / "m.json").read_text())["MOTA"] == 1


def test_all_categories_as_one(files, tmp_path):
    evaluate(*files, "--agnostic", "-o", tmp_path / "m.json")
    metrics = json.loads((tmp_path / "m.json").read_text())
    assert list(metrics["per_category"]) == ["1"]


def test_a_sequence_of_a_native_result_is_one_track_of_its_best_class(files, tmp_path):
    clip = result(sequence(1, 0.9, "#.", "#.", dog=0.4), name="clip1")
    native = clip.save(tmp_path / "clip1")
    evaluate(files[0], native, "-o", tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text())["HOTA"] == 1


def test_a_mots_folder_is_recognised(tmp_path):
    case = REFERENCE / "tracking" / "kitti_mots02"
    answer = evaluate(case / "gt", case / "pred", "-o", tmp_path / "m.json")
    assert answer.exit_code == 0
    assert list(json.loads((tmp_path / "m.json").read_text())["per_video"]) == ["0004", "0005"]


def test_a_folder_of_something_else_is_named(tmp_path):
    answer = evaluate(tmp_path, tmp_path)
    assert isinstance(answer.exception, InputError)
    assert "holds no truth for trackers" in str(answer.exception)


def test_intervals_are_printed_where_they_are_requested(files):
    answer = evaluate(*files, "--intervals")
    assert "95 % intervals over 1 videos" in answer.stdout
    assert "too narrow" in answer.stderr
