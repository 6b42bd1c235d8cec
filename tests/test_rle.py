from contextlib import suppress

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco
from sequences import drawn

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
        ("", "not compressed run lengths"),
        ("5", "fill 5 pixels of a 2 x 3 mask"),
        ("24P", "fill|not compressed"),
        ("P", "not compressed run lengths"),
        ("3!", "not compressed run lengths"),
        ("1ä", "not compressed run lengths"),
        ("1\ud800", "not compressed run lengths"),
        ("7O", "negative run"),
        ("PPPPPPPPPPPPP0", "not compressed run lengths"),
    ],
)
def test_runs_that_do_not_fill_the_mask_are_refused(counts, message):
    with pytest.raises(InputError, match=message):
        rle.check_mask({"size": [2, 3], "counts": counts})


@given(st.lists(MASKS, max_size=5))
def test_the_areas_of_many_masks_are_those_of_each(masks):
    encodings = [rle.encode(mask) for mask in masks]
    assert rle.sound_areas(encodings).tolist() == [mask.sum() for mask in masks]


def test_masks_that_fill_several_batches_have_their_areas(monkeypatch):
    monkeypatch.setattr(rle, "BATCH", 5)
    encodings = [rle.encode(np.ones((1, side), dtype=bool)) for side in range(1, 301)]
    assert rle.sound_areas(encodings).tolist() == list(range(1, 301))


CHARACTERS = st.characters(min_codepoint=46, max_codepoint=113)  # those of the packing, and beside
WRITTEN = st.text(CHARACTERS, max_size=30) | st.text(max_size=6)


@given(st.lists(st.tuples(WRITTEN, st.integers(0, 9), st.integers(1, 2**20)), max_size=4))
@example([("0", 0, 1)])
def test_text_of_any_kind_is_judged_alike_alone_and_among_others(texts):
    encodings = [{"size": [height, width], "counts": text} for text, height, width in texts]
    for encoding, area in zip(encodings, rle.sound_areas(encodings), strict=True):
        try:
            rle.check_mask(encoding)
        except InputError:
            assert area == -1
        else:
            assert area == rle.run_lengths(encoding["counts"])[1::2].sum()
            assert area == rle.area(encoding)


RUNS = st.lists(st.integers(0, 40) | st.integers(0, 2**27), min_size=1, max_size=12)


@given(RUNS)
def test_packing_is_that_of_the_coco_interface(runs):
    runs = [*runs, 1]
    encoding = rle.from_counts(runs, 1, sum(runs)) if sum(runs) <= rle.MOST_PIXELS else None
    if encoding is not None:
        theirs = coco.frPyObjects({"size": [1, sum(runs)], "counts": runs}, 1, sum(runs))
        assert encoding["counts"] == theirs["counts"].decode()
        assert rle.run_lengths(encoding["counts"]).tolist() == runs


@given(st.lists(st.integers(-(2**70), 2**70) | st.floats() | st.none() | st.text(max_size=2)))
def test_plain_counts_of_any_kind_become_a_sound_mask_or_are_refused(counts):
    with suppress(InputError):
        rle.check_mask(rle.from_counts(counts, 3, 4))


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "fill 0 pixels"),
        ([5], "fill 5 pixels of a 2 x 3 mask"),
        ([5, -1], "0 to 6, got -1"),
        ([2.5, 3.5], "0 to 6, got 2.5"),
        ([float("nan")], "0 to 6, got nan"),
        (["6"], r"must be a list of whole numbers, got \['6'\]"),
        ([True] * 6, "must be a list of whole numbers"),
        ([[6]], "must be a list of whole numbers"),
        ([[6], 1], "must be a list of whole numbers"),
        ([10**30, -(10**30), 6], "must be a list of whole numbers"),
        ([2**32 + 6], "0 to 6, got 4294967302"),
    ],
)
def test_plain_counts_that_are_none_are_refused(runs, message):
    with pytest.raises(InputError, match=message):
        rle.from_counts(runs, 2, 3)


@pytest.mark.parametrize("runs", [[2**32 - 1, 1, 6], [5, 2**32 - 3, 4]])
def test_runs_that_only_fill_the_mask_in_32_bits_are_damage(runs):
    """Sums in pycocotools wrap at 2^32, and its overlap of such a mask never returns."""
    damaged = {"size": [2, 3], "counts": rle._packed(np.array(runs))}
    assert sum(runs) % 2**32 == 6
    assert rle.sound_areas([damaged]).tolist() == [-1]


@pytest.mark.parametrize("counts", ["a\x00" * 40, "1\x005", "\x00", "6\x00"])
def test_a_zero_byte_ends_no_text(counts):
    """pycocotools counts up to it and reads on behind it, over the end of its memory."""
    assert rle.sound_areas([{"size": [2, 3], "counts": counts}]).tolist() == [-1]


@pytest.mark.parametrize("size", [(0, 3), (2, -1), (2**20, 2**20), (True, 3), ("2", 3), (2.5, 3)])
def test_a_mask_of_no_size_or_beyond_all_memory_is_refused(size):
    with pytest.raises(InputError, match="mask"):
        rle.from_counts([6], *size)
    with pytest.raises(InputError, match="mask"):
        rle.check_mask({"size": list(size), "counts": "6"})


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


@pytest.mark.parametrize(
    ("ring", "message"),
    [
        ([], "three or more x, y pairs, got 0"),
        ([1, 1, 4, 4], "three or more x, y pairs, got 4"),
        ([1, 1, 4, 4, 2, 2, 3], "three or more x, y pairs, got 7"),
        (["1", 1, 4, 4, 2, 2], "a polygon is a list of numbers"),
        ([[1, 1], [4, 4], [2, 2]], "a polygon is a list of numbers"),
        (7, "a polygon is a list of numbers, got 7"),
    ],
)
def test_a_polygon_that_is_none_is_refused(ring, message):
    with pytest.raises(InputError, match=message):
        rle.from_polygons([ring], 8, 8)


def test_outlines_without_end_are_refused():
    zigzag = [x for turn in range(20) for x in (-90_000, turn, 90_000, turn)]
    with pytest.raises(InputError, match="an outline of 7200000 pixels, more than 1000000"):
        rle.from_polygons([zigzag], 8, 8)


@given(
    st.lists(
        st.lists(st.floats(-30, 60) | st.floats(-1e5, 1e5), min_size=6, max_size=16).filter(
            lambda ring: len(ring) % 2 == 0
        ),
        min_size=1,
        max_size=3,
    )
)
def test_polygons_become_sound_masks_of_the_frame(rings):
    encoding = None
    with suppress(InputError):  # outlines without end
        encoding = rle.from_polygons(rings, 20, 30)
    assert encoding is None or rle.sound_areas([encoding])[0] >= 0


def test_a_polygon_around_the_frame_fills_it():
    assert rle.area(rle.from_polygons([[-500, -500, 900, -500, 900, 900, -500, 900]], 6, 7)) == 42


def test_iou_is_that_of_the_masks():
    masks = np.array([[[1, 1, 0]], [[0, 1, 1]], [[0, 0, 0]]], dtype=bool)
    encodings = [rle.encode(mask) for mask in masks]
    other = rle.encode(np.ones((1, 4), dtype=bool))
    assert rle.iou(encodings, [encodings[0], encodings[2], other]) == pytest.approx(
        np.array([[1, 0, -1], [1 / 3, 0, -1], [0, 0, -1]])
    )
    assert rle.iou([], encodings).shape == (0, 3)


def test_boxes_overlap_as_rectangles():
    first, second = (rle.encode(drawn(p)) for p in ("##.. #...", ".##. .#.."))
    empty = rle.encode(drawn(".... ...."))
    ious = rle.box_iou([first, empty], [second, empty])
    assert ious == pytest.approx(np.array([[2 / 6, 0], [0, 0]]))


def test_the_union_and_the_share_inside_it():
    first, second = (rle.encode(drawn(p)) for p in ("##..", "..#."))
    region = rle.union([first, second])
    assert rle.decode(region).tolist() == [[True, True, True, False]]
    inside = rle.inside([rle.encode(drawn("..##")), rle.encode(drawn("...."))], region)
    assert inside.tolist() == [0.5, 0.0]
