"""How parts compute: what memory they give back."""

import sys

import pytest
import torch

from propose_reduce.benchmarking.memory import resident_bytes
from propose_reduce.parts.computing import return_large_blocks


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do without")
def test_large_blocks_between_others_go_back_to_the_system():
    torch.ones(7 * 2**20)  # freed, it would make the C library keep blocks of up to 28 MB
    return_large_blocks()
    blocks = [torch.ones(2**21) for _ in range(20)]  # of 8 MB
    full = resident_bytes()
    del blocks[::2]
    assert full - resident_bytes() > 60e6
