import base64
import io

import numpy as np
import pytest
from PIL import Image
from vis_files import encodings

from propose_reduce.drawing.paint import GAP, Layer, data_uri, spread, strip

BLUE, RED = (0, 0, 255), (255, 0, 0)


def grey(frame):
    """A frame of 20 x 40 pixels."""
    return np.full((20, 40, 3), 100, np.uint8)


def half(*present):
    """The left half of the frames where it is present."""
    rows = " ".join(["#" * 20 + "." * 20] * 20)
    return encodings(*(rows if there else None for there in present))


def test_frames_stand_side_by_side():
    image = strip(grey, [0, 1], [])
    assert image.shape == (20, 40 + GAP + 40, 3)
    assert (image[:, 40 : 40 + GAP] == 255).all()
    assert (image[:, :40] == 100).all()


def test_a_mask_is_painted_where_it_is_present():
    image = strip(grey, [0, 1, 2], [Layer(half(True, False), BLUE)])
    assert image[10, 19].tolist() == list(BLUE)
    assert (image[:, 40 + GAP :] == strip(grey, [1, 2], [])).all()


def test_masks_are_brought_to_the_size_of_the_pictures():
    image = strip(lambda frame: grey(frame)[::4, ::4], [0], [Layer(half(True), BLUE)])
    assert image.shape == (5, 10, 3)
    assert image[2, 4].tolist() == list(BLUE)
    assert image[2, 5].tolist() == [100] * 3


@pytest.mark.parametrize(("frames", "chosen"), [([3, 4], [3, 4]), (range(10), [0, 4, 9]), ([], [])])
def test_frames_are_spread_evenly(frames, chosen):
    assert spread(frames, 3) == chosen


def test_an_image_inside_a_link_can_be_read_back():
    uri = data_uri(np.full((8, 8, 3), 200, dtype=np.uint8))
    header, data = uri.split(",")
    assert header == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (8, 8)
