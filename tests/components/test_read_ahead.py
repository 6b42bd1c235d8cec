"""One frame ahead, in one thread, and never twice."""

import threading

import pytest

from propose_reduce.components.frame_store import ReadAhead


class Reader:
    def __init__(self) -> None:
        self.read: list[int] = []
        self.threads: set[int] = set()
        self.third = threading.Event()

    def __call__(self, index: int) -> str:
        self.read.append(index)
        self.threads.add(threading.get_ident())
        if index == 3:
            self.third.set()
        if index == 9:
            raise ValueError("frame 9 is damaged")
        return f"frame {index}"


def test_what_comes_next_is_read_before_it_is_asked_for_and_once():
    reader = Reader()
    ahead = ReadAhead(reader)
    assert ahead.get(2, next_index=3) == "frame 2"
    assert reader.third.wait(timeout=10)  # nobody has asked for it yet
    assert ahead.get(3, next_index=4) == "frame 3"
    assert ahead.get(4) == "frame 4"
    ahead.close()
    assert reader.read == [2, 3, 4]


def test_another_turn_than_expected_is_right_too():
    reader = Reader()
    ahead = ReadAhead(reader)
    assert [ahead.get(0, next_index=1), ahead.get(7), ahead.get(1)] == [
        "frame 0",
        "frame 7",
        "frame 1",
    ]
    ahead.close()
    assert len(reader.threads) == 1
    assert threading.get_ident() not in reader.threads


def test_a_fault_comes_out_where_its_frame_is_asked_for():
    ahead = ReadAhead(Reader())
    assert ahead.get(8, next_index=9) == "frame 8"
    with pytest.raises(ValueError, match="frame 9"):
        ahead.get(9)
    assert ahead.get(8) == "frame 8"
    ahead.close()
