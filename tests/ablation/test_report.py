"""The table, the files and the figure of an ablation."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from propose_reduce.ablation import FILES, AblationReport, Measurement, parse_grid
from propose_reduce.ablation.report import draw_ablation, positions
from propose_reduce.settings import InferenceSettings

BASE = InferenceSettings()


def measurement(ap, seconds=0.25):
    scores = {"AP": ap, "AP50": 0.75, "AR1": 0.3, "AR10": 0.6}
    return Measurement(scores, seconds, sequences_before=40, sequences_after=9)


def report_of(texts, aps, **options):
    grid = parse_grid(BASE, texts, **options)
    rows = {v: measurement(ap) for v, ap in zip(grid.variants(), aps, strict=True)}
    return AblationReport(grid, rows, {"weights": {"name": "tiny"}})


@pytest.fixture
def report():
    """The base, and two variants of which the last one found nothing to judge."""
    return report_of(["propose.key_frames=1", "propose.mask_nms=null"], [0.5, 0.4, -1.0])


def panels(report):
    return list(draw_ablation(report.grid, report.measurements).axes)


def line(axes, name):
    """Return the marks of a score: [(place, percent)]."""
    (container,) = [c for c in axes.containers if c.get_label() == name]
    return [(float(x), float(y)) for x, y in zip(*container.lines[0].get_data(), strict=True)]


def test_the_table_names_a_row_by_what_it_changes(report):
    console = Console(width=80, record=True)
    console.print(report.table())
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["(as", "given)", "50.0", "75.0", "30.0", "60.0", "0.250", "40", "9"] in lines
    assert ["propose.key_frames=1", "40.0", "75.0", "30.0", "60.0", "0.250", "40", "9"] in lines
    assert ["propose.mask_nms=null", "-", "75.0", "30.0", "60.0", "0.250", "40", "9"] in lines


def test_the_csv_has_every_factor_and_every_number(report, tmp_path):
    report.save(tmp_path)
    with (tmp_path / "ablation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["propose.key_frames"], row["propose.mask_nms"]) for row in rows] == [
        ("5", "0.2"),
        ("1", "0.2"),
        ("5", "null"),
    ]
    numbers = ["AP", "AP50", "AR1", "AR10", "seconds_per_frame", "sequences_before"]
    assert list(rows[1])[2:] == [*numbers, "sequences_after"]
    assert list(rows[1].values())[2:] == ["0.4", "0.75", "0.3", "0.6", "0.25", "40", "9"]


def test_the_json_says_what_was_run_and_on_what(report, tmp_path):
    report.save(tmp_path)
    content = json.loads((tmp_path / "ablation.json").read_text())
    assert content["base"] == BASE.model_dump(mode="json")
    assert content["factors"] == {"propose.key_frames": [1], "propose.mask_nms": [None]}
    assert content["source"] == {"weights": {"name": "tiny"}}
    assert content["rows"][2] == {
        "settings": {"propose.key_frames": 5, "propose.mask_nms": None},
        "AP": -1.0,
        "AP50": 0.75,
        "AR1": 0.3,
        "AR10": 0.6,
        "seconds_per_frame": 0.25,
        "sequences_before": 40,
        "sequences_after": 9,
    }


def test_the_folder_holds_the_figure_as_picture_and_drawing(report, tmp_path):
    report.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    with Image.open(tmp_path / "ablation.png") as image:
        assert len(np.unique(np.asarray(image.convert("RGB")).reshape(-1, 3), axis=0)) > 10
    assert "</svg>" in (tmp_path / "ablation.svg").read_text()


def test_a_panel_shows_each_value_of_its_factor_in_percent(report):
    key_frames, mask_nms = panels(report)
    assert line(key_frames, "AP") == [(1.0, 40.0), (5.0, 50.0)]
    assert [label.get_text() for label in key_frames.get_xticklabels()] == ["1", "5"]
    assert line(mask_nms, "AR10") == [(0.0, 60.0), (1.0, 60.0)]
    assert [label.get_text() for label in mask_nms.get_xticklabels()] == ["0.2", "null"]


def test_what_is_not_defined_has_no_mark(report):
    (_, _), (place, score) = line(panels(report)[1], "AP")
    assert place == 1.0
    assert np.isnan(score)


def test_in_a_full_grid_a_mark_is_the_mean_and_its_bar_reaches_worst_and_best():
    texts = ["propose.key_frames=1,5", "reduce.iou=0.3,0.9"]
    axes = panels(report_of(texts, [0.1, 0.3, 0.4, 0.8], full=True))[0]
    assert [mean for _, mean in line(axes, "AP")] == pytest.approx([20, 60])
    assert [place for place, _ in line(axes, "AR1")] == [1.0, 5.0]  # in the middle of the three
    (container,) = [c for c in axes.containers if c.get_label() == "AP"]
    ends = [segment[:, 1].tolist() for segment in container.lines[2][0].get_segments()]
    assert ends == [pytest.approx([10, 30]), pytest.approx([40, 80])]


def test_panels_that_are_left_over_are_not_shown():
    texts = ["propose.key_frames=1", "reduce.iou=0.3", "reduce.kind=soft", "propose.min_score=0.1"]
    shown = [axes.get_visible() for axes in panels(report_of(texts, [0.5] * 5))]
    assert shown == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ((1, 3, 5), [1, 3, 5]),
        ((1, 2, 500), [0, 1, 2]),  # to scale, 1 and 2 would be one
        ((0.2, None), [0, 1]),
        ((True, False), [0, 1]),
        ((4,), [4]),
    ],
)
def test_numbers_stand_to_scale_where_there_is_room(values, places):
    assert positions(values) == places
