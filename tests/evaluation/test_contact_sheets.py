import base64
import io

import numpy as np
import pytest
from label_files import CUT_PNG
from PIL import Image
from vis_files import track

from propose_reduce.errors import InputError
from propose_reduce.evaluation.contact_sheets import (
    COLOURS,
    GAP,
    OTHER_COLOUR,
    Painted,
    colour,
    data_uri,
    spread,
    strip,
)
from propose_reduce.evaluation.tracks import Video

BLUE = (0, 0, 255)


@pytest.fixture
def video(tmp_path):
    """Two grey frames of 20 x 40 pixels."""
    names = ("clip/00000.png", "clip/00001.png")
    (tmp_path / "clip").mkdir()
    for name in names:
        Image.new("RGB", (40, 20), (100, 100, 100)).save(tmp_path / name)
    return Video(7, "clip", (20, 40), 2, names, ())


def half(*present):
    """A track that fills the left half of the frames where it is present."""
    rows = " ".join(["#" * 20 + "." * 20] * 20)
    return track(*(rows if there else None for there in present))


def test_frames_stand_side_by_side(video, tmp_path):
    image = strip(video, tmp_path, [0, 1], [], width=40)
    assert image.shape == (20, 40 + GAP + 40, 3)
    assert (image[:, 40 : 40 + GAP] == 255).all()
    assert (image[:, :40] == 100).all()


def test_a_mask_tints_its_pixels_and_draws_its_edge_where_it_is_present(video, tmp_path):
    image = strip(video, tmp_path, [0, 1], [Painted(half(True, False), BLUE)], width=40)
    inside, edge, outside = image[10, 10], image[10, 19], image[10, 30]
    assert inside.tolist() == [55, 55, 169]
    assert edge.tolist() == list(BLUE)
    assert outside.tolist() == [100, 100, 100]
    assert (image[:, 40 + GAP :] == 100).all()


def test_the_first_track_lies_on_top(video, tmp_path):
    on_top = [Painted(half(True), BLUE), Painted(half(True), (255, 0, 0))]
    image = strip(video, tmp_path, [0], on_top, width=40)
    assert image[10, 19].tolist() == list(BLUE)


def test_frames_are_made_small(video, tmp_path):
    image = strip(video, tmp_path, [0], [Painted(half(True), BLUE)], width=10)
    assert image.shape == (5, 10, 3)
    assert image[2, 4].tolist() == list(BLUE)


def test_a_missing_frame_is_named(video, tmp_path):
    (tmp_path / "clip" / "00001.png").unlink()
    with pytest.raises(InputError, match=r"00001\.png' cannot be read: No such file"):
        strip(video, tmp_path, [0, 1], [])
    with pytest.raises(InputError, match=r"video 7 \('clip'\) has no file name for frame 2"):
        strip(video, tmp_path, [2], [])
    with pytest.raises(InputError, match=r"video 7 \('clip'\) has neither a length nor file names"):
        strip(video, tmp_path, [], [])


def test_a_file_that_is_no_image_is_named(video, tmp_path):
    (tmp_path / "clip" / "00000.png").write_text("no picture")
    with pytest.raises(InputError, match="cannot identify image"):
        strip(video, tmp_path, [0], [])
    (tmp_path / "clip" / "00000.png").write_bytes(CUT_PNG)
    with pytest.raises(InputError, match=r"00000\.png' cannot be read: Truncated IHDR"):
        strip(video, tmp_path, [0], [])


def test_objects_have_their_own_colours():
    assert len({colour(place) for place in range(len(COLOURS))}) == len(COLOURS)
    assert colour(len(COLOURS)) == colour(0)
    assert colour(-1) == OTHER_COLOUR


@pytest.mark.parametrize(("frames", "chosen"), [([3, 4], [3, 4]), (range(10), [0, 4, 9]), ([], [])])
def test_frames_are_spread_evenly(frames, chosen):
    assert spread(frames, 3) == chosen


def test_an_image_inside_a_link_can_be_read_back():
    uri = data_uri(np.full((8, 8, 3), 200, dtype=np.uint8))
    header, data = uri.split(",")
    assert header == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (8, 8)
