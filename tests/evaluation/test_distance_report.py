"""What the distance analysis writes and draws."""

import csv

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image
from rich.console import Console

from propose_reduce.evaluation.distance import FollowedProposal, distance_curves
from propose_reduce.evaluation.distance_report import FILES, DistanceReport, draw_distance


def proposal(j):
    return FollowedProposal("clip", 1, 1, 0, np.array(j))


@pytest.fixture
def report():
    """Two groups: one proposal that drops from 1 to 0.5, two that rise from 0.5 to 0.75."""
    group = [proposal([1.0, 0.5]), *2 * [proposal([0.5, 0.75])]]
    return DistanceReport(distance_curves(group, (50, 80, 90, 100)), videos=2, proposals=4)


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_tables_and_figures(report, tmp_path):
    folder = report.save(tmp_path / "new")
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert (folder / "distance.svg").read_text().startswith("<?xml")
    with Image.open(folder / "distance.png") as image:
        assert min(image.size) > 400


def test_the_files_hold_what_was_measured(report, tmp_path):
    folder = report.save(tmp_path)
    first = rows(folder / "distance.csv")[0]
    assert first == {
        "iou_from": "50",
        "iou_to": "80",
        "distance": "0",
        "measurements": "2",
        "j": "0.5",
        "j_on_key_frame": "0.5",
    }
    drops = {
        (row["iou_from"], row["first"]): float(row["drop"]) for row in rows(folder / "drops.csv")
    }
    assert drops == {("50", "0"): 0, ("50", "1"): -0.25, ("90", "0"): 0, ("90", "1"): 0.5}


def test_the_table_shows_j_and_its_change_in_percent(report):
    console = Console(width=80)
    with console.capture() as captured:
        console.print(report.table())
    text = captured.get()
    assert "3 of 4 proposals of 2 videos" in text
    for number in ("[50, 80) %", "+25.0", "100.0", "-50.0"):
        assert number in text
    assert "…" not in text


def test_the_table_of_long_videos_fits_80_columns():
    curves = distance_curves([proposal(np.linspace(1, 0, 150))], (50, 60, 70, 80, 90, 100))
    console = Console(width=80)
    with console.capture() as captured:
        console.print(DistanceReport(curves, 1, 1).table())
    assert "81-149" in captured.get()
    assert "…" not in captured.get()


def test_the_figure_has_a_line_and_a_legend_entry_per_group_that_is_not_empty(report):
    axes = Figure().subplots()
    draw_distance(axes, report.curves)
    entries = [text.get_text() for text in axes.get_legend().get_texts()]
    assert entries == ["[90, 100] %, 1 proposals", "[50, 80) %, 2 proposals"]
    marks = [line for line in axes.get_lines() if line.get_marker() != "None"]
    assert marks[0].get_ydata().tolist() == [100, 50]
    assert axes.get_xlabel()
    assert axes.get_ylabel()


def test_nothing_to_draw_is_an_empty_figure(tmp_path):
    report = DistanceReport(distance_curves([], (50, 100)), videos=1, proposals=3)
    report.save(tmp_path)
    assert rows(tmp_path / "drops.csv") == []
    assert (tmp_path / "distance.png").stat().st_size > 0
