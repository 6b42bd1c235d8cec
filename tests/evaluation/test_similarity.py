"""J and F of two masks of one frame, checked against the definition taken literally."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from propose_reduce.evaluation.similarity import (
    boundary_map,
    dilate,
    regions,
    similarity,
    tolerance,
)

label_maps = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda size: arrays.arrays(np.uint8, (2, *size), elements=st.integers(0, 2))
)


def literal_boundary(mask):
    """Return the boundary pixel by pixel, in the words of the rule."""
    height, width = mask.shape
    boundary = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            neighbours = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            inside = [(v, u) for v, u in neighbours if v < height and u < width]
            boundary[y, x] = any(mask[v, u] != mask[y, x] for v, u in inside)
    return boundary


def literal_reach(boundary, radius):
    """Return which pixels have a boundary pixel no further away than ``radius``."""
    ys, xs = np.nonzero(boundary)
    rows, columns = np.indices(boundary.shape)
    squares = (rows[..., None] - ys) ** 2 + (columns[..., None] - xs) ** 2
    return (squares <= radius * radius).any(axis=-1)


def literal_similarity(truth, result):
    union = (truth | result).sum()
    j = (truth & result).sum() / union if union else 1.0
    radius = int(np.ceil(0.008 * np.sqrt(truth.shape[0] ** 2 + truth.shape[1] ** 2)))
    contours = [literal_boundary(mask) for mask in (truth, result)]
    reaches = [literal_reach(contour, radius) for contour in contours]
    if not contours[0].any() or not contours[1].any():
        return j, float(contours[0].any() == contours[1].any())
    precision = (contours[1] & reaches[0]).sum() / contours[1].sum()
    recall = (contours[0] & reaches[1]).sum() / contours[0].sum()
    both = precision + recall
    return j, 2 * precision * recall / both if both else 0.0


def one(rows):
    """Return the region of the ones in a picture of 0 and 1."""
    return regions(np.array(rows, dtype=np.uint8), 1)[0]


@pytest.mark.parametrize(
    ("size", "pixels"), [((480, 854), 8), ((75, 100), 1), ((1, 1), 1), ((1080, 1920), 18)]
)
def test_the_tolerance_is_a_share_of_the_diagonal_rounded_up(size, pixels):
    assert tolerance(*size) == pixels  # 75 x 100: the diagonal is 125, 0.008 of it exactly 1


def test_a_dilated_pixel_is_a_disk():
    pixel = np.zeros((5, 7), dtype=np.uint8)
    pixel[2, 3] = 1
    assert dilate(pixel, 2).tolist() == [
        [0, 0, 0, 1, 0, 0, 0],
        [0, 0, 1, 1, 1, 0, 0],
        [0, 1, 1, 1, 1, 1, 0],
        [0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 1, 0, 0, 0],
    ]


@pytest.mark.parametrize("radius", [1, 2, 3, 8, 18, 36])
def test_dilation_is_exact_at_every_radius(radius):
    points = (np.random.default_rng(radius).random((50, 70)) < 0.002).astype(np.uint8)
    points[0, 0] = 1
    assert (dilate(points, radius) == literal_reach(points, radius)).all()


def test_the_boundary_lies_left_and_above_of_the_edge():
    mask = np.zeros((5, 5), dtype=np.uint8)
    mask[2:4, 2:4] = 1
    assert boundary_map(mask).tolist() == [
        [0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0],
        [0, 1, 0, 1, 0],
        [0, 1, 1, 1, 0],
        [0, 0, 0, 0, 0],
    ]


def test_a_mask_that_fills_the_image_has_no_boundary():
    assert not boundary_map(np.ones((4, 6), dtype=np.uint8)).any()


@settings(deadline=None)
@given(label_maps)
def test_the_boundary_is_that_of_the_definition(maps):
    mask = (maps[0] > 0).astype(np.uint8)
    assert (boundary_map(mask) == literal_boundary(mask)).all()


@settings(deadline=None)
@given(label_maps)
def test_both_measures_are_those_of_the_definition(maps):
    for label in (1, 2):
        truth, result = (regions(labels, 2)[label - 1] for labels in maps)
        masks = [(labels == label).astype(np.uint8) for labels in maps]
        assert similarity(truth, result) == pytest.approx(literal_similarity(*masks), abs=1e-12)


def test_windows_hold_everything_when_the_tolerance_is_wide():
    random = np.random.default_rng(0)
    truth, result = np.zeros((2, 60, 120), dtype=np.uint8)  # tolerance 2
    truth[20:40, 15:45] = random.integers(0, 2, (20, 30))
    result[30:60, 42:120] = 1
    expected = literal_similarity(truth, result)
    assert similarity(regions(truth, 1)[0], regions(result, 1)[0]) == pytest.approx(expected)


def test_near_contours_count_although_the_masks_do_not_touch():
    left, right = one([[1, 1, 0, 0, 0]]), one([[0, 0, 1, 1, 1]])
    assert similarity(left, right) == (0.0, 1.0)  # the same edge, seen from both sides


def test_far_masks_have_nothing_in_common():
    assert similarity(one([[1] + 19 * [0]]), one([19 * [0] + [1]])) == (0.0, 0.0)


def test_two_empty_masks_are_equal_and_one_empty_mask_is_wrong():
    empty, some = one([[0, 0, 0]]), one([[0, 1, 0]])
    assert similarity(empty, empty) == (1.0, 1.0)
    assert similarity(empty, some) == (0.0, 0.0)


def test_an_object_that_fills_the_image_has_a_contour_equal_to_none():
    assert similarity(one([[1, 1], [1, 1]]), one([[0, 0], [0, 0]])) == (0.0, 1.0)


@settings(deadline=None)
@given(label_maps)
def test_exchanging_the_masks_changes_nothing(maps):
    truth, result = (regions(labels, 1)[0] for labels in maps)
    assert similarity(truth, result) == pytest.approx(similarity(result, truth), abs=1e-12)


@settings(deadline=None)
@given(label_maps)
def test_equal_masks_are_perfect_and_nothing_leaves_the_unit_interval(maps):
    truth, result = (regions(labels, 2) for labels in maps)
    assert all(similarity(region, region) == (1.0, 1.0) for region in truth)
    assert all(0 <= value <= 1 for a in truth for b in result for value in similarity(a, b))
