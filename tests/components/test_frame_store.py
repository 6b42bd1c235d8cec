"""Frames that come again are not computed again, as far as memory allows."""

import pytest
import torch
from networks import tiny_network

from propose_reduce.components.frame_store import FrameStore, FrameWork
from propose_reduce.models.backbone import Features

BYTES = 4 * (3 * 4 + 2 * 4 + 5 * 1)  # of what ``features`` makes


def features() -> Features:
    pyramid = tuple(torch.zeros(1, 1, 1, 1) for _ in range(5))
    return Features(torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, 2), pyramid)


def visit(store: FrameStore, frames) -> list[int]:
    """Ask for frames in this order; return those that were computed."""
    computed: list[int] = []
    for frame in frames:
        if store.find(frame) is None:
            computed.append(frame)
            store.add(frame, FrameWork(features()))
    return computed


def test_the_way_back_finds_the_frames_passed_last():
    store = FrameStore(4 * BYTES)
    assert visit(store, range(8)) == list(range(8))
    assert visit(store, [6, 5, 4, 3, 2]) == [3, 2]
    assert 7 not in store  # the first to go: nobody comes by it again


def test_a_few_frames_stay_whatever_the_limit():
    store = FrameStore(0)
    assert visit(store, [0, 1, 1, 0, 2, 2]) == [0, 1, 2]


def test_small_frames_do_not_pile_up():
    store = FrameStore(1000 * BYTES)
    visit(store, range(100))
    assert [frame for frame in range(100) if frame in store] == list(range(36, 100))


def test_cleared_it_holds_nothing():
    store = FrameStore(4 * BYTES)
    visit(store, [3])
    assert 3 in store
    store.clear()
    assert 3 not in store


def test_what_the_head_makes_of_a_frame_is_made_once_and_counts(monkeypatch):
    network = tiny_network()
    work = FrameWork(network.features(torch.zeros(1, 3, 64, 64, dtype=torch.uint8)))
    before = work.nbytes
    head, query = network.prop_head, network.prop_head.query
    calls = []
    monkeypatch.setattr(head, "query", lambda p2: calls.append(1) or query(p2))
    first, again = work.query(head), work.query(head)
    assert (first is again, len(calls)) == (True, 1)
    assert work.branches(head) is work.branches(head)
    kept = [*first, *work.branches(head)]
    assert work.nbytes == before + sum(t.numel() * t.element_size() for t in kept)


@pytest.mark.parametrize("frames", [1, 5])
def test_the_size_of_a_frame_is_that_of_its_tensors(frames):
    store = FrameStore(frames * BYTES)
    visit(store, range(10))
    assert sum(frame in store for frame in range(10)) == max(2, frames)
