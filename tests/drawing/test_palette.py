from itertools import combinations

import numpy as np
import pytest

from propose_reduce.drawing.paint import OKABE_ITO, PALETTE, colour_of, css, ink_on


def test_the_first_twenty_one_sequences_differ_and_then_colours_come_back():
    colours = [colour_of(number) for number in range(1, len(PALETTE) + 1)]
    assert len(set(colours)) == len(PALETTE) == 21
    assert colour_of(len(PALETTE) + 1) == colours[0] == OKABE_ITO[0]


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


def cielab(colour: tuple[int, int, int]) -> np.ndarray:
    """Return a colour in CIELAB (D65), where a distance of 2.3 can just be seen."""
    linear = (np.array(colour) / 255) ** 2.2
    to_xyz = [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
    x, y, z = np.cbrt(to_xyz @ linear / [0.9505, 1, 1.0888])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_no_two_colours_look_alike():
    pairs = combinations([cielab(colour) for colour in PALETTE], 2)
    assert min(np.linalg.norm(first - second) for first, second in pairs) > 20


def test_a_colour_can_stand_in_a_page():
    assert css((0, 158, 255)) == "#009eff"
