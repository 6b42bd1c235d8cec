"""Damaged files for every reader: nothing may come of them but a result or an error of ours.

    python benchmarks/fuzz/run.py [READER ...] [--seconds 60] [--seed 0] [--keep DIR]

Each reader runs in a process of its own. A case that ends in any other error, or that takes longer
than ten seconds, is kept and makes the exit code 1; so does more than 1 GB of memory beyond what
the reader's libraries take, or an end of the process that Python does not see.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table
from targets import TARGETS

from propose_reduce.errors import ProposeReduceError

LONGEST = 10.0
MOST_MEMORY = 1000
"""Seconds of a case and megabytes of a reader."""


def main() -> int:
    """Run what the command line asks for and print one line for each reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60, help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), metavar="DIR")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.here:
        found = fuzz(words.readers[0], words.seconds, words.seed, words.keep)
        print(json.dumps(found))
        return 0
    table = Table("reader", "cases", "read", "refused", "slowest s", "memory MB", "faults")
    faults = 0
    for reader in words.readers or TARGETS:
        found = _apart(reader, words)
        faults += found["faults"]
        table.add_row(reader, *(str(value) for value in found.values()))
    Console().print(table)
    return 1 if faults else 0


def _apart(reader: str, words: argparse.Namespace) -> dict[str, Any]:
    """Fuzz one reader in a process of its own."""
    options = {"--seconds": words.seconds, "--seed": words.seed, "--keep": words.keep}
    given = [str(word) for option in options.items() for word in option]
    command = [sys.executable, __file__, reader, *given, "--here"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{reader}: ended by {done.returncode}\n{done.stderr[-2000:]}", file=sys.stderr)
        return {
            **dict.fromkeys(("cases", "read", "refused", "slowest", "memory"), "?"),
            "faults": 1,
        }
    return dict(json.loads(done.stdout.splitlines()[-1]))


def fuzz(reader: str, seconds: float, seed: int, keep: Path, cases: int = 10**9) -> dict[str, Any]:
    """Return how many cases a reader read, refused and failed, the slowest, and the memory.

    Args:
        reader: a key of ``TARGETS``.
        seconds: after which to stop.
        seed: of the damage.
        keep: folder for the files of cases that failed.
        cases: after which to stop.
    """
    faulthandler.enable()
    warnings.simplefilter("ignore")
    target, random = TARGETS[reader], Random(seed)
    read = refused = faults = 0
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / target.name
        target.write(path)
        sound = path.read_bytes()
        target.read(path)
        before, until = _peak(), time.perf_counter() + seconds
        while time.perf_counter() < until and read + refused + faults < cases:
            content = target.damage(sound, random)
            path.write_bytes(content)
            began, fault = time.perf_counter(), ""
            try:
                target.read(path)
                read += 1
            except ProposeReduceError:
                refused += 1
            except Exception:
                fault = traceback.format_exc()
            took = time.perf_counter() - began
            slowest = max(slowest, took)
            if fault or took > LONGEST:
                faults += 1
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{reader}-{faults}-{target.name}").write_bytes(content)
                (keep / f"{reader}-{faults}.log").write_text(fault or f"{took:.0f} s")
    memory = _peak() - before
    return {
        "cases": read + refused + faults,
        "read": read,
        "refused": refused,
        "slowest": round(slowest, 2),
        "memory": round(memory),
        "faults": faults + (memory > MOST_MEMORY),
    }


def _peak() -> float:
    """Return the most memory that this process had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    sys.exit(main())
