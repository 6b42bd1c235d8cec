"""Stages are seen by the profiler and by listeners."""

from contextlib import contextmanager

import torch
from torch.profiler import ProfilerActivity, profile

from propose_reduce.stages import FEATURES, listening, stage


def test_the_profiler_shows_a_stage():
    with profile(activities=[ProfilerActivity.CPU]) as trace, stage(FEATURES):
        torch.ones(2) + 1
    assert "propose_reduce.features" in {event.key for event in trace.key_averages()}


def test_a_listener_opens_its_context_around_each_stage_while_it_listens():
    heard = []

    @contextmanager
    def listener(name):
        heard.append(("begins", name))
        yield
        heard.append(("ends", name))

    @stage("inner")
    def inner():
        heard.append("inside")

    with listening(listener), stage("outer"):
        inner()
    inner()
    assert heard == [
        ("begins", "outer"),
        ("begins", "inner"),
        "inside",
        ("ends", "inner"),
        ("ends", "outer"),
        "inside",
    ]
