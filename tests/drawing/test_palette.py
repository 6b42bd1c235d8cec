from itertools import combinations

import numpy as np
import pytest

from propose_reduce.drawing.palette import COLOURS, OKABE_ITO, colour_of, ink_on


def test_the_first_twenty_one_sequences_differ_and_then_colours_come_back():
    colours = [colour_of(number) for number in range(1, COLOURS + 1)]
    assert len(set(colours)) == COLOURS == 21
    assert colour_of(COLOURS + 1) == colours[0] == OKABE_ITO[0]


def deuteranope(colour: tuple[int, int, int]) -> np.ndarray:
    """Return roughly how a colour looks without green cones (Vienot, Brettel and Mollon 1999)."""
    simulation = [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]
    return np.array(simulation) @ ((np.array(colour) / 255) ** 2.2)


def test_the_first_seven_stay_apart_for_the_colour_blind():
    pairs = combinations([deuteranope(colour_of(number)) for number in range(1, 8)], 2)
    assert min(np.linalg.norm(first - second) for first, second in pairs) > 0.1


@pytest.mark.parametrize(
    ("background", "ink"), [((240, 228, 66), (0, 0, 0)), ((0, 60, 90), (255, 255, 255))]
)
def test_text_is_black_on_light_and_white_on_dark(background, ink):
    assert ink_on(background) == ink
