"""Mean, recall and decay, and what is done with them."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import REFERENCE
from rich.console import Console

from propose_reduce.evaluation.davis_metrics import METRICS, DavisMetrics, ObjectScores, Series

OFFICIAL = json.loads((REFERENCE / "eval" / "davis_statistics.json").read_text())


def scores(sequence="dogs", number=1, j=(1.0, 0.5), f=(0.75, 0.25), proposal=2):
    return ObjectScores(sequence, f"{sequence}_{number}", number, proposal, Series(j), Series(f))


def text_of(table):
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


@pytest.mark.parity
@pytest.mark.parametrize("case", OFFICIAL, ids=lambda case: str(len(case["values"])))
def test_statistics_equal_the_official_ones(case):
    series = Series(tuple(case["values"]))
    got = (series.mean, series.recall, series.decay)
    assert got == pytest.approx((case["mean"], case["recall"], case["decay"]), abs=1e-9)


def test_recall_counts_values_above_a_half_strictly():
    assert Series((0.5, 0.51, 1.0, 0.0)).recall == 0.5


def test_quarters_share_the_frame_between_them():
    # 9 frames: borders at 0, 2, 4, 6, 8, so frames 0..2 against frames 6..8
    assert Series((1.0, 1.0, 1.0, 0, 0, 0, 0.25, 0.25, 0.25)).decay == 0.75


def test_a_border_between_two_frames_goes_to_the_later_one():
    # 7 frames: borders at 0, 1.5, 3, 4.5, 6, so frames 0..2 against frames 5..6
    assert Series((0.9, 0.6, 0.3, 0, 0, 0.1, 0.3)).decay == pytest.approx(0.6 - 0.2)


@pytest.mark.parametrize("frames", [256, 300, 1000, 70_000])
def test_decay_is_right_beyond_255_frames(frames):
    ramp = Series(tuple(1 - i / (frames - 1) for i in range(frames)))
    assert ramp.decay == pytest.approx(0.75, abs=2 / frames)  # means at 1/8 and 7/8 of the way


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=600))
def test_the_last_quarter_of_the_reversed_series_is_the_first(values):
    # only 4 k + 1 frames: elsewhere halves go to the later frame, which has no mirror image
    series = values[: (len(values) - 1) // 4 * 4 + 1]
    forward, backward = Series(tuple(series)), Series(tuple(reversed(series)))
    assert forward.decay == pytest.approx(-backward.decay, abs=1e-12)
    assert forward.mean == pytest.approx(backward.mean)


def test_global_numbers_are_means_over_objects_not_over_sequences():
    objects = (scores("a", 1, j=(1.0,)), scores("a", 2, j=(1.0,)), scores("b", 1, j=(0.0,)))
    metrics = DavisMetrics("unsupervised", ("a", "b"), objects)
    assert metrics.scores["J-Mean"] == pytest.approx(2 / 3)
    assert metrics.scores["J&F-Mean"] == pytest.approx((2 / 3 + 0.5) / 2)
    assert {key: row["J-Mean"] for key, row in metrics.per_sequence().items()} == {"a": 1, "b": 0}


def test_the_file_holds_exactly_the_promised_keys(tmp_path):
    metrics = DavisMetrics("unsupervised", ("dogs",), (scores(),))
    assert metrics.save(tmp_path / "new" / "metrics.json").is_file()
    saved = json.loads((tmp_path / "new" / "metrics.json").read_text())
    assert list(saved) == [*METRICS, "per_object"]
    assert saved == metrics.to_dict()
    assert metrics["J-Mean"] == 0.75
    assert saved["per_object"] == [
        {
            "name": "dogs_1",
            "sequence": "dogs",
            "gt_object": 1,
            "proposal": 2,
            "J-Mean": 0.75,
            "J-Recall": 0.5,
            "J-Decay": 0.5,
            "F-Mean": 0.5,
            "F-Recall": 0.5,
            "F-Decay": 0.5,
            "J": [1.0, 0.5],
            "F": [0.75, 0.25],
        }
    ]


def test_no_object_at_all_has_no_numbers(tmp_path):
    metrics = DavisMetrics("semi-supervised", ("sky",), ())
    assert all(math.isnan(value) for value in metrics.scores.values())
    metrics.save(tmp_path / "metrics.json")
    saved = json.loads((tmp_path / "metrics.json").read_text())
    assert saved == {**dict.fromkeys(METRICS), "per_object": []}


def test_tables_show_three_decimals_and_every_row():
    objects = (scores(), scores("cat", 3, j=(1 / 3,), proposal=None))
    metrics = DavisMetrics("unsupervised", ("dogs", "cat"), objects)
    assert "0.542" in text_of(metrics.table())  # J-Mean: (3/4 + 1/3) / 2
    assert "2 objects in 2 sequences" in text_of(metrics.table())
    assert "0.333" in text_of(metrics.sequence_table())
    rows = text_of(metrics.object_table())
    assert "dogs" in rows
    assert "none" in rows


def test_intervals_are_over_sequences_that_have_an_object():
    objects = scores(j=(1.0,)), scores(number=2, j=(1.0,)), scores("cats", j=(0.0,))
    metrics = DavisMetrics("unsupervised", ("dogs", "cats", "empty"), objects, intervals=True)
    found = metrics["intervals"]["J-Mean"]
    # dogs twice: 1, cats twice: 0, both: 2 / 3; a quarter, a quarter, a half of the draws
    assert found["error"] == pytest.approx(0.3632, rel=0.05)
    assert "J&F-Mean" in text_of(metrics.interval_table())
    assert "over 2 videos are too narrow" in metrics.notes[0]
    assert DavisMetrics("unsupervised", ("empty",), (), intervals=True)["intervals"] == {}
