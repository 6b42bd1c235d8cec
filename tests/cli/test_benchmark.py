"""``propose-reduce benchmark`` through the command line, with a tiny network."""

import json
import sys

import pytest
from benchmarks_tiny import BENCHMARKS, tiny_preset
from typer.testing import CliRunner

from propose_reduce.benchmarking import machine
from propose_reduce.benchmarking.workload import STAGES
from propose_reduce.cli import main as frame


@pytest.fixture(autouse=True)
def short_peak(monkeypatch):
    """Look for the machine's peak on one small convolution."""
    monkeypatch.setattr(machine, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(machine, "HEIGHT", 8)
    monkeypatch.setattr(machine, "WIDTH", 8)


def arguments(folder, *more):
    preset = tiny_preset(folder)
    command = ["benchmark", "--preset", preset, "--device", "cpu", "--frames", 3, *more]
    return [str(word) for word in command]


def test_a_table_and_a_file_with_the_same_runs(tmp_path):
    output = tmp_path / "figures.json"
    more = ("--objects", 1, "--objects", 2, "--precision", "fp32", "--repeat", 2, "-o", output)
    done = CliRunner().invoke(frame.app, arguments(tmp_path, *more))
    assert done.exit_code == 0, done.output
    assert "propose-reduce fp32, O = 2" in done.output
    figures = json.loads(output.read_text())
    assert figures["work"]["frames"] == 3
    assert [(run["objects"], run["precision"]) for run in figures["runs"]] == [
        (1, "fp32"),
        (2, "fp32"),
    ]
    for run in figures["runs"]:
        assert list(run["stages"]) == [*STAGES, "total", "decode ahead"]
        assert run["frames_per_second"] > 0
        assert len(run["seconds"]) == 2


@pytest.mark.parametrize(
    ("option", "value", "fault"),
    [
        ("--frames", "0", "frames = 0"),
        ("--repeat", "0", "repeat = 0"),
        ("--objects", "0", "objects must be at least 1, got 0"),
        ("--precision", "fp8", "unknown precision 'fp8'"),
        ("--weights", "shapes-tinny", "unknown model 'shapes-tinny'"),
    ],
)
def test_a_wrong_option_is_one_line_and_2(option, value, fault, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["propose-reduce", "benchmark", option, value])
    with pytest.raises(SystemExit) as stopped:
        frame.main()
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert fault in told
    assert told.count("\n") == 1


def test_the_script_compares_with_the_plain_method(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import inference

    output = tmp_path / "figures.json"
    command = ["inference.py", *arguments(tmp_path)[1:], "--baseline", "--memory-every", "2"]
    command += ["--objects", "2", "--precision", "fp32", "-o", str(output)]
    monkeypatch.setattr(sys, "argv", command)
    inference.main()
    assert "plain fp32, O = 2" in capsys.readouterr().out
    (compared,) = json.loads(output.read_text())["comparisons"]
    assert compared["objects"] == 2
    assert compared["speed"] > 0
    assert compared["agreement"] > 0.99
