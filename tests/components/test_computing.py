"""How components compute: what memory they give back."""

import subprocess
import sys

import pytest

SCRIPT = """
import torch
from propose_reduce.benchmarking.machine import resident_bytes
from propose_reduce.components.computing import return_large_blocks

torch.ones(7 * 2**20)  # freed, it makes the C library keep blocks of up to 28 MB
return_large_blocks()
blocks = [torch.ones(2**21) for _ in range(20)]  # of 8 MB
full = resident_bytes()
del blocks[::2]
print(full - resident_bytes())
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do without")
def test_large_blocks_between_others_go_back_to_the_system():
    # in a process of its own: the heap of this one may have room enough by now
    command = [sys.executable, "-c", SCRIPT]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(answer.stdout) > 60e6
