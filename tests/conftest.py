"""What holds for every test."""

import os
import subprocess
import sys

# The networks of the tests are tiny, and two threads of a computation on a busy machine spend
# their time waiting for each other. OpenMP reads this when torch is imported, here and in the
# processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings
from pretend_gpu import pretend_gpu

# A slow machine is no fault of the code: no example has a time limit. The default run takes the
# same examples each time; HYPOTHESIS_PROFILE=search looks for others.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

LEFT_OUT = ("slow", "gpu", "download")
"""Markers of tests that the default run leaves out (pyproject.toml)."""

MOST_WORKERS = 4
"""Each imports torch, lightning and transformers for itself: about a gigabyte."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Share the whole suite out over the cores; what is chosen by name runs in this process."""
    whole = config.args == config.getini("testpaths")
    return min(os.cpu_count() or 1, MOST_WORKERS) if whole else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long or needs something, unless ``-m`` speaks of it."""
    markers = {name for name in LEFT_OUT if name not in config.option.markexpr}

    def left_out(item: pytest.Item) -> bool:
        return any(mark.name in markers for mark in item.iter_markers())

    config.hook.pytest_deselected(items=[item for item in items if left_out(item)])
    items[:] = [item for item in items if not left_out(item)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item):
    """Fail a test that starts an interpreter, which takes seconds, without saying so."""
    start = subprocess.Popen.__init__

    def checked(self, args, *rest, **options):
        if sys.executable in (args if isinstance(args, list | tuple) else [args]):
            pytest.fail("a test that starts Python needs the marker 'process'")
        start(self, args, *rest, **options)

    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("process") is None:
            patch.setattr(subprocess.Popen, "__init__", checked)
        return (yield)


@pytest.fixture(params=["pretended", pytest.param("real", marks=pytest.mark.gpu)])
def gpu(request):
    """Make "cuda" a device: one that is not there, and in tests marked ``gpu`` the real one."""
    if request.param == "real":
        yield
    else:
        with pretend_gpu():
            yield
