import pytest
from hypothesis import given
from hypothesis import strategies as st

from propose_reduce.errors import InputError, cut, nearest, unknown_name

VALUES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_a_value_in_a_message_is_short_and_in_one_line(value):
    assert len(cut(value)) <= 80
    assert cut(value).isprintable()


def test_a_value_of_any_depth_and_size_is_cut_at_once():
    doubled = deep = []
    for _ in range(100):  # 2^100 values if it were written out
        doubled = [doubled, doubled]
    for _ in range(100_000):
        deep = [deep]
    assert cut(doubled) == "[[[...], [...]], [[...], [...]]]"
    assert cut(deep) == "[[[...]]]"
    assert cut(1 << 50_000) == "a whole number of 50001 bits"
    assert len(cut("a" * 10**7)) <= 80


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Horse", "horse"), ("hrose", "horse"), ("sofa", None), ("", None)],
)
def test_the_nearest_name_is_offered_if_any_comes_close(name, expected):
    assert nearest(name, ["horse", "tiger"]) == expected


def test_an_unknown_name_is_answered_with_the_nearest_one():
    error = unknown_name("preset", "davis_r05", ["davis_r50", "shapes_tiny"])
    assert isinstance(error, InputError)
    assert str(error) == "unknown preset 'davis_r05': did you mean 'davis_r50'?"


def test_where_nothing_comes_close_all_names_are_listed():
    assert str(unknown_name("task", "x", ["b", "a"])) == "unknown task 'x': known: a, b"
    assert str(unknown_name("task", "x", [])) == "unknown task 'x': known: none"


def test_many_names_are_not_all_listed():
    message = str(unknown_name("category", "?" * 1000, [f"{n:05d}" for n in range(50_000)]))
    assert message.endswith("00099, ...")
    assert len(message) < 1000
