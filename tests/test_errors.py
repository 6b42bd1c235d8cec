import pytest

from propose_reduce.errors import InputError, nearest, unknown_name


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
