"""The simulation of bfloat16 instructions in benchmarks/precision.py."""

import pytest
import torch
from benchmarks_tiny import BENCHMARKS
from torch.nn import functional
from torch.overrides import TorchFunctionMode

SMALL = 2.0**-10  # lost beside 1 in bfloat16, which keeps 8 bits; not by itself


@pytest.fixture
def simulated(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from precision import SimulatedBfloat16

    return SimulatedBfloat16


def convolve(row, weight):
    shape = (1, 1, 1, -1)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        return functional.conv2d(torch.tensor(row).view(shape), torch.tensor(weight).view(shape))


class Witness(TorchFunctionMode):
    """Notes in which type convolutions are computed in the end."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is functional.conv2d:
            self.seen.append((args[0].dtype, torch.is_autocast_enabled("cpu")))
        return function(*args, **(kwargs or {}))


def test_what_goes_in_is_rounded_and_computed_in_float32(simulated):
    with Witness() as witness, simulated():
        result = convolve([1.0 + SMALL], [1.0])
    assert witness.seen == [(torch.float32, False)]
    assert result.dtype == torch.bfloat16
    assert result.item() == 1.0


def test_sums_are_of_float32_and_rounded_once(simulated):
    with simulated():
        result = convolve([1.0] + [SMALL] * 8, [1.0] * 9)
    assert result.item() == 1.0 + 8 * SMALL  # 1 if each sum were rounded


def test_it_is_what_torch_gives(simulated):
    generator = torch.Generator().manual_seed(0)
    row, weight = (torch.randn(8, generator=generator).tolist() for _ in range(2))
    with simulated():
        result = convolve(row, weight)
    assert result.item() == convolve(row, weight).item()


def test_float32_stays_as_it_is(simulated):
    with simulated(), torch.inference_mode():
        result = functional.conv2d(torch.full((1, 1, 1, 1), 1 + SMALL), torch.ones(1, 1, 1, 1))
    assert result.item() == 1 + SMALL
