"""Peak memory, above what was held before."""

import numpy as np
import pytest
import torch

from propose_reduce.benchmarking import machine
from propose_reduce.benchmarking.machine import PeakMemory, resident_bytes

SIZE = 200_000_000

needs_proc = pytest.mark.skipif(resident_bytes() is None, reason="needs /proc/self/statm")


@needs_proc
def test_what_was_held_and_given_back_inside_is_seen():
    held = np.ones(SIZE, dtype=np.uint8)
    with PeakMemory(torch.device("cpu")) as peak:
        inside = np.ones(SIZE, dtype=np.uint8)
        machine.Event().wait(0.1)  # the thread looks often, but not at once
        del inside
    assert peak.bytes == pytest.approx(SIZE, rel=0.2)
    assert peak.before > held.nbytes


def test_where_nothing_can_be_read_nothing_is_claimed(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "_STATM", tmp_path / "missing")
    with PeakMemory(torch.device("cpu")) as peak:
        pass
    assert peak.bytes is None


def test_an_accelerator_without_a_count_claims_nothing():
    with PeakMemory(torch.device("mps")) as peak:
        pass
    assert peak.bytes is None
