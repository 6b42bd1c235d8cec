import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from propose_reduce.drawing.paint import paint

BLUE, RED = (0, 0, 255), (255, 0, 0)
GREY = np.full((20, 40, 3), 100, np.uint8)


def box(rows, columns):
    mask = np.zeros((20, 40), bool)
    mask[rows, columns] = True
    return mask


def test_a_mask_is_tinted_inside_and_its_edge_has_the_colour():
    picture = paint(GREY, [box(slice(2, 18), slice(0, 20))], [BLUE], opacity=0.4)
    assert picture[10, 10].tolist() == [60, 60, 162]
    assert picture[10, 19].tolist() == list(BLUE)
    assert picture[10, 20].tolist() == [100] * 3
    assert (GREY == 100).all()


def test_the_edge_of_a_hole_has_the_colour_too():
    ring = box(slice(0, 20), slice(0, 20)) & ~box(slice(5, 15), slice(5, 15))
    picture = paint(GREY, [ring], [BLUE])
    assert picture[10, 4].tolist() == list(BLUE)
    assert picture[10, 10].tolist() == [100] * 3


def test_a_small_mask_lies_on_a_large_one_and_of_equals_the_first():
    large, small = box(slice(0, 20), slice(0, 30)), box(slice(5, 15), slice(5, 15))
    inside = paint(GREY, [small], [RED], outline=0)[10, 10]
    for masks, colours in (([large, small], [BLUE, RED]), ([small, large], [RED, BLUE])):
        assert (paint(GREY, masks, colours, outline=0)[10, 10] == inside).all()
    assert (paint(GREY, [small, small], [RED, BLUE], outline=0)[10, 10] == inside).all()


@given(arrays(bool, (3, 20, 40)), st.floats(0, 1))
def test_without_outlines_what_no_mask_covers_stays(masks, opacity):
    picture = paint(GREY, list(masks), [BLUE, RED, BLUE], opacity=opacity, outline=0)
    assert (picture[~masks.any(0)] == 100).all()
    if opacity == 0:
        assert (picture == 100).all()
