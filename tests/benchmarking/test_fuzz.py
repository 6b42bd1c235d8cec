"""The fuzzing harness: a few damaged files for every reader, and that it sees a fault."""

import importlib
import sys

import pytest
from places import REPOSITORY

FUZZ = REPOSITORY / "benchmarks" / "fuzz"
NAMES = ["mutations", "targets", "run"]


@pytest.fixture(scope="module")
def harness():
    sys.path.insert(0, str(FUZZ))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FUZZ))
        for name in NAMES:
            sys.modules.pop(name, None)


def test_a_few_damaged_files_of_every_kind_give_results_or_errors_of_ours(harness, tmp_path):
    for reader in harness["targets"].TARGETS:
        found = harness["run"].fuzz(reader, 60, seed=1, keep=tmp_path, cases=4)
        logs = [log.read_text() for log in tmp_path.glob("*.log")]
        assert (found["cases"], found["faults"]) == (4, 0), f"{reader}: {logs}"


def test_a_fault_is_counted_and_kept(harness, tmp_path):
    def read(path):
        if path.read_bytes() != b"sound":
            raise KeyError("unforeseen")

    targets = harness["targets"]
    fragile = targets.Target("a.txt", lambda path: path.write_bytes(b"sound") and None, read)
    targets.TARGETS["fragile"] = fragile
    try:
        found = harness["run"].fuzz("fragile", 60, seed=0, keep=tmp_path, cases=5)
    finally:
        del targets.TARGETS["fragile"]
    assert found["faults"] >= 4
    assert "KeyError: 'unforeseen'" in (tmp_path / "fragile-1.log").read_text()
