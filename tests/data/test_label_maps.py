"""Label PNGs: what is a label, and what is refused."""

import numpy as np
import pytest
from label_files import CUT_PNG, write_labels
from PIL import Image

from propose_reduce.data.label_maps import read_labels
from propose_reduce.errors import InputError


def test_labels_may_be_grey_values_or_bits(tmp_path):
    labels = np.array([[0, 1], [7, 255]], dtype=np.uint8)
    Image.fromarray(labels).save(tmp_path / "grey.png")
    assert (read_labels(tmp_path / "grey.png") == labels).all()
    Image.fromarray(labels > 1).save(tmp_path / "bits.png")
    assert read_labels(tmp_path / "bits.png").tolist() == [[0, 0], [1, 1]]


def test_colours_and_16_bits_are_errors(tmp_path):
    Image.fromarray(np.zeros((2, 2, 3), dtype=np.uint8)).save(tmp_path / "colour.png")
    with pytest.raises(InputError, match="mode RGB: write labels as palette indices"):
        read_labels(tmp_path / "colour.png")
    Image.fromarray(np.zeros((2, 2), dtype=np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match="mode I;16"):
        read_labels(tmp_path / "deep.png")


def test_damaged_files_are_errors_that_name_them(tmp_path):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match=r"text\.png' is damaged or not an image"):
        read_labels(tmp_path / "text.png")
    (tmp_path / "cut.png").write_bytes(CUT_PNG)
    with pytest.raises(InputError, match=r"cut\.png' is damaged"):
        read_labels(tmp_path / "cut.png")
    whole = (write_labels(tmp_path / "x", 40 * np.eye(64)[None]) / "00000.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) - 60])
    with pytest.raises(InputError, match=r"half\.png' is damaged"):
        read_labels(tmp_path / "half.png")


def test_more_pixels_than_can_be_decoded_safely_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # an error from twice as many on
    write_labels(tmp_path, np.zeros((1, 5, 5)))
    with pytest.raises(InputError, match="is too large"):
        read_labels(tmp_path / "00000.png")


def test_a_grey_map_of_0_and_255_is_void_unless_binary_masks_are_wanted(tmp_path):
    Image.fromarray(np.array([[0, 255]], dtype=np.uint8)).save(tmp_path / "grey.png")
    assert read_labels(tmp_path / "grey.png").tolist() == [[0, 255]]
    assert read_labels(tmp_path / "grey.png", binary=True).tolist() == [[0, 1]]


@pytest.mark.parametrize("labels", [[0, 1, 255], [0, 7]])
def test_other_values_stay_where_binary_masks_are_wanted(tmp_path, labels):
    Image.fromarray(np.array([labels], dtype=np.uint8)).save(tmp_path / "grey.png")
    assert read_labels(tmp_path / "grey.png", binary=True).tolist() == [labels]


def test_255_in_a_palette_is_void_in_any_case(tmp_path):
    write_labels(tmp_path, [[[0, 255]]])
    assert read_labels(tmp_path / "00000.png", binary=True).tolist() == [[0, 255]]
