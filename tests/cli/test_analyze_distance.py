"""``analyze distance`` through the command line."""

import csv
import sys

import numpy as np
import pytest
from label_files import write_labels
from typer.testing import CliRunner

from propose_reduce import rle
from propose_reduce.cli import main as frame
from propose_reduce.evaluation.reports.distance import FILES
from propose_reduce.results import VideoResult
from propose_reduce.structures import InstanceSequence


@pytest.fixture
def folder(tmp_path):
    """Two clips of 3 frames with one object of 2 x 2 pixels, and a proposal that shrinks."""
    maps = np.zeros((3, 4, 4), dtype=np.uint8)
    maps[:, :2, :2] = 1
    for name, key_frame in (("bear", 0), ("dog", 2)):
        write_labels(tmp_path / "truth" / name, maps)
        masks = maps.astype(bool)
        masks[2 - key_frame, 1] = False  # 2 of 4 pixels where it is furthest from its key frame
        encodings = tuple(rle.encode(mask) for mask in masks)
        scores = {"thing": 0.5}
        sequence = InstanceSequence(
            1, "thing", 0.5, scores, key_frame, (4, 4), encodings, (0.5, 0.5, 0.5)
        )
        result = VideoResult(name, (4, 4), 3, {1: "thing"}, (sequence,))
        result.save(tmp_path / "out" / name, "proposals.json")
    return tmp_path


def arguments(folder, *more):
    files = sorted((folder / "out").glob("*/proposals.json"))
    return ["analyze", "distance", *map(str, [folder / "truth", *files, *more])]


def test_the_folder_holds_the_curve(folder):
    command = arguments(folder, "-o", folder / "figures", "--bounds", "50,100")
    answer = CliRunner().invoke(frame.app, command)
    assert answer.exit_code == 0
    assert "2 of 2 proposals of 2 videos" in answer.output
    assert sorted(path.name for path in (folder / "figures").iterdir()) == sorted(FILES)
    with (folder / "figures" / "distance.csv").open() as file:
        curve = [(row["distance"], row["measurements"], row["j"]) for row in csv.DictReader(file)]
    assert curve == [("0", "2", "1.0"), ("1", "2", "1.0"), ("2", "2", "0.5")]


def test_folders_stand_for_the_proposals_below_them(folder):
    command = ["analyze", "distance", folder / "truth", folder / "out", "-o", folder / "figures"]
    answer = CliRunner().invoke(frame.app, list(map(str, command)))
    assert "2 of 2 proposals of 2 videos" in answer.output


def test_a_folder_without_proposals_is_an_error(folder):
    command = ["analyze", "distance", folder / "truth", folder / "truth", "-o", folder / "figures"]
    answer = CliRunner().invoke(frame.app, list(map(str, command)))
    assert "truth' has no proposals.json below it" in str(answer.exception)


def test_proposals_of_one_video_do_not_count_twice(folder):
    again = folder / "out" / "dog" / "proposals.json"
    answer = CliRunner().invoke(frame.app, arguments(folder, again, "-o", folder / "figures"))
    assert "is a second file for the video 'dog'" in str(answer.exception)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [("50", "rising percentages"), ("a,b", "must be percentages such as")],
)
def test_wrong_bounds_end_with_2_before_anything_is_read(
    folder, bounds, message, monkeypatch, capsys
):
    command = arguments(folder, folder / "missing.json", "-o", folder / "figures")
    monkeypatch.setattr(sys, "argv", ["propose-reduce", *command, "--bounds", bounds])
    with pytest.raises(SystemExit) as stop:
        frame.main()
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (folder / "figures").exists()
