import io
import json

import pytest
from rich.console import Console
from vis_files import DOG, object_, prediction, truth

from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.precision import KEYS

TWO_VIDEOS = truth(object_("##.", "#.."), object_("..#", None, video=2, category=DOG), videos=2)
HALF = [prediction(0.5, "##.", "#..")]


def printed(table, width=80):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def test_the_file_has_exactly_the_known_keys(tmp_path):
    metrics = evaluate_youtube_vis(TWO_VIDEOS, HALF)
    content = json.loads(metrics.save(tmp_path / "out" / "metrics.json").read_text())
    assert list(content) == [*KEYS, "per_category"]
    assert {id_: list(scores) for id_, scores in content["per_category"].items()} == {
        "3": list(KEYS),
        "7": list(KEYS),
    }
    assert content["AP"] == pytest.approx(0.5)
    assert content["APm"] == -1


def test_what_was_asked_for_besides_is_in_the_file_too():
    content = evaluate_youtube_vis(TWO_VIDEOS, HALF, per_video=True, errors=True).to_dict()
    assert list(content)[-2:] == ["per_video", "errors"]
    assert json.loads(json.dumps(content)) == content


def test_the_table_has_a_row_per_category_and_fits_80_columns():
    text = printed(evaluate_youtube_vis(TWO_VIDEOS, HALF).table())
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.strip()}
    assert rows["category"] == list(KEYS)
    assert rows["cat"][:6] == ["100", "100", "100", "100", "-", "-"]
    assert rows["dog"][:6] == ["0.0", "0.0", "0.0", "0.0", "-", "-"]
    assert rows["all"][0] == "50.0"
    assert "…" not in text


def test_videos_are_listed_the_worst_first():
    text = printed(evaluate_youtube_vis(TWO_VIDEOS, HALF, per_video=True).video_table())
    assert text.index("2 clip2") < text.index("1 clip1")


def test_videos_without_an_object_are_listed_after_the_worst():
    lone = truth(object_("##.", "#.."), videos=2)
    text = printed(evaluate_youtube_vis(lone, [], per_video=True).video_table())
    assert text.index("1 clip1") < text.index("2 clip2")


def test_names_are_printed_as_they_are_and_twice_where_two_categories_share_one():
    names = [{"id": id_, "name": "[/b][red]pet"} for id_ in (3, 7)]
    text = printed(evaluate_youtube_vis(TWO_VIDEOS | {"categories": names}, HALF).table(), 120)
    assert text.count("[/b][red]pet") == 2
