"""Work shared between processes, with the same results in the same order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from propose_reduce.errors import InputError

Job = TypeVar("Job")
Result = TypeVar("Result")


def check_workers(workers: int) -> None:
    """Raise InputError unless there is a worker at least."""
    if workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")


def run_all(
    function: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    """Yield what a function makes of every job, in the order of the jobs.

    Args:
        function: for several processes it must be one that pickle finds by name.
        jobs: its arguments.
        workers: how many processes; one stays in this process.
    """
    workers = min(workers, len(jobs))
    if workers <= 1:
        yield from map(function, jobs)
        return
    # spawned, not forked: the caller may hold threads, of OpenCV or torch, that a fork breaks
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        # a few jobs at a time, so that the last worker does not keep the others waiting
        yield from pool.map(function, jobs, chunksize=max(1, len(jobs) // (8 * workers)))
