"""Several methods on one truth: an object in each of two videos, found by some."""

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from vis_files import object_, prediction, truth

from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.average_precision import KEYS
from propose_reduce.evaluation.comparison import FILES, Comparison, method_names

TRUTH = truth(object_("##"), object_("##", video=2), videos=3)
FOUND = [prediction(0.9, "##"), prediction(0.8, "##", video=2)]


def comparison(**methods):
    return Comparison(
        {name: evaluate_youtube_vis(TRUTH, each, per_video=True) for name, each in methods.items()}
    )


def test_differences_are_to_the_first_and_undefined_ones_have_none():
    compared = comparison(half=FOUND[:1], full=FOUND)
    before = compared.methods["half"].scores["AP"]
    assert compared.difference("full", "AP") == pytest.approx(1 - before)
    assert compared.difference("full", "APl") is None
    assert compared.columns() == ["half", "full", "difference"]
    assert compared.cells([0.5, 0.625]) == ["50.0", "62.5", "+12.5"]
    assert compared.cells([-1.0, -1.0]) == ["-", "-", "-"]


def test_what_differs_most_comes_first_and_undefined_videos_are_left_out():
    compared = comparison(full=FOUND, second=FOUND[1:])
    assert [id_ for id_, _ in compared.by_video()] == [1, 2]
    assert [id_ for id_, _ in comparison(full=FOUND, first=FOUND[:1]).by_video()] == [2, 1]


def test_the_table_fits_80_columns():
    console = Console(file=io.StringIO(), width=80)
    console.print(comparison(half=FOUND[:1], **{"a method " * 12: FOUND}).table())
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:1] == ["+49.5"] for line in lines)


def test_the_tables_hold_every_score(tmp_path):
    compared = comparison(**{"a|b": FOUND[:1], "c_d": FOUND})
    compared.save_tables(tmp_path)
    table, markdown, latex = ((tmp_path / file).read_text() for file in FILES)
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["method"] for row in rows] == ["a|b", "c_d"]
    assert float(rows[1]["AP"]) == compared.methods["c_d"].scores["AP"]
    assert rows[1]["APl"] == ""
    assert markdown.splitlines()[3].split(" | ")[:2] == ["| c_d", "100"]
    assert markdown.splitlines()[2].startswith("| a\\|b | 50.5 |")
    assert r"c\_d & \textbf{100} & " in latex
    assert latex.count(r" \\") == 3
    assert "AP$_{50}$" in latex


def test_the_file_holds_each_method(tmp_path):
    content = json.loads(comparison(a=FOUND, b=[]).save(tmp_path / "m.json").read_text())
    assert content["methods"]["b"]["AP"] == 0
    assert list(content["methods"]["a"])[: len(KEYS)] == list(KEYS)


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["x/a.json", "x/b"], ["a", "b"]),
        (["x/r.json", "y/r.json", "z.json"], ["x/r", "y/r", "z"]),
        (["x/u/r.json", "y/u/r.json"], ["x/u/r", "y/u/r"]),
    ],
)
def test_methods_are_called_by_file_and_equal_ones_by_folder_too(paths, names):
    assert method_names([Path(path) for path in paths]) == names


def test_one_file_given_twice_is_an_error():
    with pytest.raises(InputError, match=r"'a\.json' are given twice"):
        method_names([Path("a.json"), Path("a.json")])
