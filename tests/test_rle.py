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
        ("1\ud800", "no compressed run lengths"),
        ("7O", "negative run"),
        ("PPPPPPPPPPPPP0", "no compressed run lengths"),
    ],
)
def test_runs_that_do_not_fill_the_mask_are_refused(counts, message):
    with pytest.raises(InputError, match=message):
        rle.check({"size": [2, 3], "counts": counts})


@given(st.lists(MASKS, max_size=3))
def test_areas_inside_and_outside_fill_every_mask(masks):
    encodings = [rle.encode(mask) for mask in masks]
    assert rle.areas(encodings).tolist() == [mask.sum() for mask in masks]
    assert rle.complement_areas(encodings).tolist() == [(~mask).sum() for mask in masks]


def test_the_complement_of_long_runs_is_counted_too():
    mask = np.zeros((900, 700), dtype=bool)
    mask[100:800, 50:60] = mask[5, 680] = True
    assert rle.complement_areas([rle.encode(mask)]).tolist() == [(~mask).sum()]


def test_more_masks_than_pycocotools_takes_at_once():
    encodings = [rle.encode(np.ones((1, side), dtype=bool)) for side in range(1, 301)]
    assert rle.areas(encodings).tolist() == list(range(1, 301))


@pytest.mark.parametrize("counts", ["", "P", "3P", "24P", "24ä", "\ud800"])
def test_counts_that_no_encoder_writes_have_no_complement(counts):
    assert rle.complement_areas([{"size": [2, 3], "counts": counts}]).tolist() == [-1]


@given(MASKS, st.randoms(use_true_random=False))
def test_a_truncated_encoding_is_found_by_its_areas(mask, random):
    encoding = rle.encode(mask)
    cut = encoding["counts"][: random.randrange(len(encoding["counts"]))]
    damaged = {"size": encoding["size"], "counts": cut}
    assert rle.sound_areas([encoding, damaged, encoding]).tolist() == [mask.sum(), -1, mask.sum()]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1e12, 1e30])
def test_a_polygon_that_pycocotools_would_never_finish_is_refused(number):
    with pytest.raises(InputError, match=r"polygon coordinate .* must be a number of"):
        rle.from_polygons([[0, 0, 4, 0, 4, 4], [0, 0, number, 0, 4, 4]], 8, 8)


def test_iou_is_that_of_the_masks():
    masks = np.array([[[1, 1, 0]], [[0, 1, 1]], [[0, 0, 0]]], dtype=bool)
    encodings = [rle.encode(mask) for mask in masks]
    other = rle.encode(np.ones((1, 4), dtype=bool))
    assert rle.iou(encodings, [encodings[0], encodings[2], other]) == pytest.approx(
        np.array([[1, 0, -1], [1 / 3, 0, -1], [0, 0, -1]])
    )
    assert rle.iou([], encodings).shape == (0, 3)
