import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from propose_reduce import rle
from propose_reduce.errors import InputError

MASKS = arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(MASKS)
def test_decoding_undoes_encoding(mask):
    assert (rle.decode(rle.encode(mask)) == mask).all()


@given(MASKS)
def test_area_and_box_are_those_of_the_mask(mask):
    encoding = rle.encode(mask)
    assert rle.area(encoding) == mask.sum()
    rows, columns = np.nonzero(mask)
    if mask.any():
        x, y = columns.min(), rows.min()
        sides = [x, y, columns.max() - x + 1, rows.max() - y + 1]
        assert rle.box(encoding) == sides


@given(MASKS)
def test_run_lengths_alternate_down_the_columns(mask):
    runs = rle.run_lengths(rle.encode(mask)["counts"])
    drawn = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    assert (drawn == mask.T.ravel()).all()


def test_plain_counts_become_compressed_ones():
    encoding = rle.from_counts([1, 2, 3], 2, 3)
    assert rle.run_lengths(encoding["counts"]).tolist() == [1, 2, 3]
    assert rle.decode(encoding).tolist() == [[False, True, False], [True, False, False]]


def test_a_long_run_takes_several_characters():
    encoding = rle.encode(np.zeros((3000, 4000), dtype=bool))
    assert rle.run_lengths(encoding["counts"]).tolist() == [12_000_000]


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ("", "fill 0 pixels"),
        ("5", "fill 5 pixels of a 2 x 3 mask"),
        ("24P", "fill|no compressed"),
        ("P", "no compressed run lengths"),
        ("3!", "no compressed run lengths"),
        ("1ä", "no compressed run lengths"),
        ("7O", "negative run"),
        ("PPPPPPPPPPPPP0", "no compressed run lengths"),
    ],
)
def test_runs_that_do_not_fill_the_mask_are_refused(counts, message):
    with pytest.raises(InputError, match=message):
        rle.check({"size": [2, 3], "counts": counts})
