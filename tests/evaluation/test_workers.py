"""Processes share the work; nobody can tell from the results."""

import math

import pytest

from propose_reduce.errors import InputError
from propose_reduce.evaluation.files import check_workers, run_all


@pytest.mark.parametrize(("jobs", "workers"), [([1, 2], 1), ([1], 4), ([], 4)])
def test_one_worker_and_one_job_stay_in_this_process(jobs, workers):
    done = []  # another process would not fill it
    assert list(run_all(done.append, jobs, workers)) == [None] * len(jobs)
    assert done == jobs


def test_several_workers_keep_the_order():
    assert list(run_all(math.sqrt, [n**2 for n in range(40)], 2)) == list(range(40))


def test_an_error_in_a_worker_reaches_the_caller():
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        list(run_all(math.sqrt, [1, -1, 4], 2))


def test_no_worker_at_all_is_an_error():
    with pytest.raises(InputError, match="workers must be at least 1, got 0"):
        check_workers(0)
