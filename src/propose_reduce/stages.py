"""The stages of inference by name, for torch's profiler and for whoever measures them.

What is done inside ``stage`` carries a label (``torch.profiler.record_function``), so that a trace
of the profiler shows the stages; and each listener opens its own context around it.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TypeAlias

from torch.profiler import record_function

DECODE, FEATURES, DETECTION = "decode", "features", "detection"
PROPAGATION, SCORING, REDUCTION, OUTPUT = "propagation", "scoring", "reduction", "output"
LABELS = (DECODE, FEATURES, DETECTION, PROPAGATION, SCORING, REDUCTION, OUTPUT)

Listener: TypeAlias = Callable[[str], AbstractContextManager[object]]
"""Gives a context for a stage, by its name. Called in the thread that the stage is done in."""

_listeners: list[Listener] = []


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Label what is done inside, as ``propose_reduce.NAME``; a decorator, too."""
    with ExitStack() as contexts:
        contexts.enter_context(record_function(f"propose_reduce.{name}"))
        for listener in _listeners:
            contexts.enter_context(listener(name))
        yield


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a listener open a context around every stage that is done meanwhile, in any thread."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
