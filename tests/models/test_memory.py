import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from propose_reduce.errors import InputError
from propose_reduce.models.memory import MemoryBank, thinned_step
from propose_reduce.models.seq_prop_head import KeyValue


def encoding(value: float) -> KeyValue:
    return KeyValue(torch.full((1, 2, 1, 1), value), torch.full((1, 3, 1, 1), value))


def filled(every: int, limit: int, distances: int) -> MemoryBank:
    """Return a bank after a sweep over so many frames; each holds its distance as its value."""
    bank = MemoryBank(encoding(0), every=every, limit=limit)
    for distance in range(distances + 1):
        if bank.wants(distance):
            bank.add(distance, encoding(distance))
    return bank


def test_every_fifth_frame_is_memorised_beside_the_key_frame():
    bank = filled(every=5, limit=16, distances=17)
    assert bank.distances == (0, 5, 10, 15)
    assert bank.keys.shape == (1, 2, 4, 1, 1)
    assert bank.values[0, 0, :, 0, 0].tolist() == [0, 5, 10, 15]


def test_a_full_bank_drops_every_second_frame_and_doubles_its_step():
    assert filled(every=1, limit=4, distances=3).distances == (0, 1, 2, 3)
    assert filled(every=1, limit=4, distances=4).distances == (0, 2, 4)
    assert filled(every=1, limit=4, distances=6).distances == (0, 2, 4, 6)
    assert filled(every=1, limit=4, distances=8).distances == (0, 4, 8)


@given(st.integers(1, 7), st.integers(2, 9), st.integers(0, 300))
def test_the_bank_is_bounded_even_and_keeps_the_key_frame(every, limit, distances):
    bank = filled(every, limit, distances)
    assert len(bank.distances) <= limit
    assert bank.distances[0] == 0
    steps = {b - a for a, b in zip(bank.distances, bank.distances[1:], strict=False)}
    assert len(steps) <= 1
    assert bank.values[0, 0, :, 0, 0].tolist() == list(bank.distances)


@pytest.mark.parametrize(("every", "limit"), [(0, 16), (5, 1)])
def test_a_schedule_that_cannot_be(every, limit):
    with pytest.raises(InputError, match=f"got {every} and {limit}"):
        MemoryBank(encoding(0), every=every, limit=limit)


def test_the_last_frame_that_was_put_right_stays_until_the_next_is_memorised():
    bank = filled(every=5, limit=16, distances=5)
    for value in (7, 8):
        bank.renew(encoding(value))
        assert bank.values[0, 0, :, 0, 0].tolist() == [0, 5, value]
        assert bank.keys[0, 0, :, 0, 0].tolist() == [0, 5, value]
    bank.add(10, encoding(10))
    assert bank.values[0, 0, :, 0, 0].tolist() == [0, 5, 10]
    assert bank.distances == (0, 5, 10)


def test_a_full_bank_thins_out_with_a_frame_that_was_put_right():
    bank = filled(every=1, limit=4, distances=3)
    bank.renew(encoding(9))
    bank.add(4, encoding(4))
    assert bank.values[0, 0, :, 0, 0].tolist() == [0, 2, 4]


def test_without_a_limit_every_frame_of_the_schedule_stays():
    assert filled(every=1, limit=None, distances=40).distances == tuple(range(41))


@given(st.integers(1, 7), st.integers(2, 9), st.integers(0, 300))
def test_the_step_to_which_a_bank_is_thinned_is_known_before(every, limit, distances):
    bank = filled(every, limit, distances)
    step = thinned_step(every, limit, distances)
    assert bank.distances == tuple(range(0, distances + 1, step))


def test_further_key_frames_stay_and_leave_the_others_their_room():
    bank = MemoryBank(encoding(-1), encoding(-2), every=1, limit=4)
    for distance in range(5):
        if bank.wants(distance):
            bank.add(distance, encoding(distance))
    assert bank.distances == (0, 2, 4)
    assert bank.values[0, 0, :, 0, 0].tolist() == [-1, -2, 2, 4]
    assert bank.keys[0, 0, :, 0, 0].tolist() == [-1, -2, 2, 4]
