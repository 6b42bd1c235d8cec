"""Figures that a pencil can check."""

import io

import pytest
from rich.console import Console

from propose_reduce.benchmarking.report import BenchmarkReport, Run
from propose_reduce.benchmarking.workload import STAGES
from propose_reduce.masks import PackedMasks

SECONDS = dict.fromkeys(STAGES, 0.0) | {"features": 1.0, "propagation": 3.0, "aside": 50.0}
OPERATIONS = {"features": 2_000_000_000, "propagation": 12_000_000_000}
RUN = Run("ours", "fp32", 4, 8, SECONDS, OPERATIONS, 123_400_000, PackedMasks(1, 1, (1, 1)), (4.0,))
REPORT = BenchmarkReport({"frames": 8}, {"device": "cpu"}, {"fp32": 8e9}, (RUN,))


def test_rates_shares_and_the_whole():
    rows = RUN.rows(8e9)
    assert list(rows) == [*STAGES, "total"]
    assert rows["features"] == {
        "seconds": 1.0,
        "time": 0.25,
        "gflop": 2.0,
        "gflop_per_second": 2.0,
        "of_peak": 0.25,
    }
    assert rows["propagation"]["of_peak"] == 0.5
    assert rows["total"]["gflop"] == 14.0
    assert rows["total"]["gflop_per_second"] == 3.5
    assert rows["decode"]["gflop_per_second"] == 0.0
    assert RUN.frames_per_second == 2.0


def test_json_has_plain_values():
    (run,) = REPORT.as_json()["runs"]
    assert (run["frames_per_second"], run["memory_mb"]) == (2.0, pytest.approx(123.4))
    assert run["stages"]["total"]["seconds"] == 4.0
    assert REPORT.as_json()["peak_gflop_per_second"] == {"fp32": 8.0}


def test_the_table_fits_eighty_columns():
    text = io.StringIO()
    Console(file=text, width=80).print(REPORT.table())
    lines = text.getvalue().splitlines()
    assert ["propagation", "3.000", "75.0%", "12.0", "4.0", "50.0%"] in [s.split() for s in lines]
    assert any("ours fp32, O = 4" in line for line in lines)
    assert any("2 frames/s, 123 MB" in line for line in lines)
    assert "…" not in text.getvalue()
