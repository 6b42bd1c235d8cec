"""One reader for all: what a picture of any kind becomes, and what every reader refuses."""

import os
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from propose_reduce.data.label_maps import read_labels
from propose_reduce.data.videos import AnnotatedVideo
from propose_reduce.deep_images import Extent
from propose_reduce.errors import InputError
from propose_reduce.evaluation.reports.page import read_small
from propose_reduce.evaluation.tracks import TruthVideo
from propose_reduce.images import Pictures, look, read_image
from propose_reduce.video import open_video

ORIENTATION = 0x0112
L_SHAPE = np.array([[9, 9, 9], [9, 0, 0]], np.uint8) * 20  # no turn of it is like another


def tagged(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def put(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def grey(path):
    return read_image(path)[..., 0].tolist()


def annotated(files, size):
    return AnnotatedVideo(1, "clip", size, tuple(files), (), ())


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_turn_is_the_one_that_pillow_shows(tmp_path, suffix, orientation):
    options = {"lossless": True} if suffix == ".webp" else {}
    picture = np.repeat(L_SHAPE[..., None], 3, axis=2)
    path = put(tmp_path / f"a{suffix}", picture, exif=tagged(orientation), **options)
    with Image.open(path) as image:
        shown = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert np.array_equal(read_image(path), shown)
    facts = look(path)
    assert facts.size == shown.shape[:2]
    assert facts.stored == (2, 3)
    assert facts.turned == (orientation > 1)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(5, 9))
def test_annotations_of_the_stored_size_get_the_stored_pixels(tmp_path, suffix, orientation):
    path = put(tmp_path / f"a{suffix}", L_SHAPE, exif=tagged(orientation))
    assert annotated([path], (2, 3)).image(0)[..., 0].tolist() == L_SHAPE.tolist()
    assert annotated([path], (3, 2)).image(0)[..., 0].tolist() == grey(path)


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_a_turn_that_keeps_the_size_is_made_for_annotations_too(tmp_path, orientation):
    path = put(tmp_path / "a.png", L_SHAPE, exif=tagged(orientation))
    assert annotated([path], (2, 3)).image(0)[..., 0].tolist() == grey(path)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("16_bits.png", np.array([0, 25600, 65535], np.uint16), [0, 100, 255]),
        ("16_bits.tif", np.array([0, 25600, 65535], np.uint16), [0, 100, 255]),
        ("12_in_16.png", np.array([0, 2048, 4095], np.uint16), [0, 128, 255]),
        ("12_in_16.tif", np.array([0, 2048, 4095], np.uint16), [0, 128, 255]),
        ("warm.tif", np.array([29000, 29500, 30000], np.uint16), [0, 127, 255]),
        ("unit.tif", np.array([0, 0.5, 1], np.float32), [0, 128, 255]),
        ("levels.tif", np.array([0, 100, 255], np.float32), [0, 100, 255]),
        ("narrow.tif", np.array([0.5, 0.55, 0.6], np.float32), [0, 128, 255]),
        ("below.tif", np.array([-10, 0, 10], np.float32), [0, 128, 255]),
        ("nothing.tif", np.array([np.nan, 0, 1], np.float32), [0, 0, 255]),
        ("int_levels.tif", np.array([0, 100, 255], np.int32), [0, 100, 255]),
        ("int_16.tif", np.array([0, 25600, 65535], np.int32), [0, 100, 255]),
        ("int_own.tif", np.array([-1000, 0, 1000], np.int32), [0, 127, 255]),
        ("int_large.tif", np.array([0, 10**6, 2 * 10**6], np.int32), [0, 127, 255]),
    ],
)
def test_pictures_of_more_than_8_bits_keep_their_contrast(tmp_path, name, values, expected):
    path = put(tmp_path / name, values[None])
    assert np.abs(np.subtract(grey(path)[0], expected)).max() <= 1
    assert np.array_equal(read_image(path), annotated([path], (1, 3)).image(0))
    assert np.array_equal(read_image(path), open_video(path).frames[0])


@pytest.mark.parametrize(
    ("suffix", "alpha"),
    [(".png", False), (".png", True), (".tif", False), (".tif", True), (".ppm", False)],
)
def test_colours_of_16_bits_are_scaled_as_grey_is(tmp_path, alpha, suffix):
    import cv2

    stored = np.zeros((1, 2, 4 if alpha else 3), np.uint16)  # blue, green, red(, alpha)
    stored[0, :, :3] = [[0, 100, 4000], [4000, 0, 2000]]
    if alpha:
        stored[0, :, 3] = [65535, 0]
    path = tmp_path / f"a{suffix}"
    cv2.imwrite(str(path), stored)
    second = [0, 0, 0] if alpha else [127, 0, 255]
    assert read_image(path).tolist() == [[[255, 6, 0], second]]


def colour_tiff(path, picture, **tags):
    """Write uint16 (H, W, C) as TIFF; the tags are given by number, as ``t274``."""
    height, width, channels = picture.shape
    known = {256: width, 257: height, 259: 1, 262: 2, 273: 0, 277: channels, 278: height}
    known |= {279: picture.nbytes, **{int(name[1:]): value for name, value in tags.items()}}
    start = 8 + 2 + 12 * (len(known) + 1) + 4
    known |= {258: start, 273: start + 2 * channels}
    entries = [
        struct.pack("<HHII", tag, 3, channels if tag == 258 else 1, known[tag])
        for tag in sorted(known)
    ]
    bits = struct.pack(f"<{channels}H", *[16] * channels)
    content = struct.pack("<2sHIH", b"II", 42, 8, len(known)) + b"".join(entries) + bytes(4)
    path.write_bytes(content + bits + picture.astype("<u2").tobytes())
    return path


DEEP_COLOURS = np.repeat(L_SHAPE[..., None].astype(np.uint16), 3, axis=2) * [1, 8, 16]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_of_16_bit_colours_is_turned_as_one_of_8_bits(tmp_path, orientation):
    path = colour_tiff(tmp_path / "a.tif", DEEP_COLOURS, t274=orientation)
    like = put(tmp_path / "b.tif", L_SHAPE, exif=tagged(orientation))
    assert (read_image(path)[..., 2] > 0).tolist() == (read_image(like)[..., 0] > 0).tolist()
    assert (look(path).size, look(path).stored) == (look(like).size, look(like).stored)
    assert read_image(path).max(axis=(0, 1)).tolist() == [15, 127, 255]


@pytest.mark.parametrize(
    ("extra", "second"), [(2, [0, 0, 0]), (1, [63, 127, 0]), (0, [63, 127, 0])]
)
def test_the_fourth_channel_of_a_tiff_is_what_it_says(tmp_path, extra, second):
    colours = np.array([[[0, 500, 1000, 65535], [250, 500, 0, 0]]], np.uint16)
    path = colour_tiff(tmp_path / "a.tif", colours, t338=extra)
    assert read_image(path)[0].tolist() == [[0, 127, 255], second]


@pytest.mark.parametrize("tags", [{"t284": 2}, {"t262": 5}], ids=["planes", "CMYK"])
def test_deep_colours_in_another_form_are_refused_with_the_way_out(tmp_path, tags):
    picture = np.zeros((2, 3, 4 if "t262" in tags else 3), np.uint16)
    path = colour_tiff(tmp_path / "a.tif", picture, **tags)
    with pytest.raises(InputError, match="convert it to PNG of 16 bits"):
        read_image(path)


def test_every_page_of_deep_colours_is_its_own(tmp_path):
    import cv2

    pages = [np.full((4, 6, 3), value, np.uint16) for value in (0, 2048, 4095)]
    cv2.imwritemulti(str(tmp_path / "a.tif"), pages)
    frames = open_video(tmp_path / "a.tif").frames
    assert [int(frame.max()) for frame in frames] == [0, 128, 255]


def test_one_scale_serves_a_video_and_its_annotations(tmp_path):
    files = [
        put(tmp_path / f"{n}.png", np.array([[0, v]], np.uint16)) for n, v in enumerate((500, 1000))
    ]
    video = annotated(files, (1, 2))
    assert [video.image(t)[0, 1, 0] for t in (0, 1)] == [127, 255]
    assert [int(f[0, 1, 0]) for f in open_video(tmp_path).frames] == [127, 255]


@given(st.lists(st.integers(0, 65535), min_size=2, max_size=20))
def test_scaling_keeps_the_order_and_uses_a_quarter_of_the_levels(values):
    extent = Extent("16 bits", min(values), max(values))
    low, high = extent.ends
    assert low <= min(values)
    assert high >= max(values)
    if min(values) < max(values):
        assert (max(values) - min(values)) / (high - low) >= 0.25


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_picture_without_any_number_is_refused(tmp_path, value):
    path = put(tmp_path / "a.tif", np.full((2, 2), value, np.float32))
    with pytest.raises(InputError, match=r"a\.tif' holds no number but NaN"):
        open_video(path)


def pointer(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


def page(path):
    path.write_text("\n<!DOCTYPE HTML><html>Sign in</html>")


def zipped(path):
    path.write_bytes(b"PK\x03\x04" + bytes(30))


def gzipped(path):
    path.write_bytes(b"\x1f\x8b" + bytes(30))


def empty(path):
    path.write_bytes(b"")


def cut(path):
    put(path, np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8), format="PNG")
    path.write_bytes(path.read_bytes()[:300])


def postscript(path):
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n")


def pipe(path):
    os.mkfifo(path)


def text(path):
    path.write_text("no image")


def huge(path):
    put(path, np.zeros((2, 2), np.uint8), format="BMP")
    content = bytearray(path.read_bytes())
    content[18:26] = struct.pack("<ii", 60_000, 50_000)
    path.write_bytes(content)


REFUSED = {
    pointer: "a git-lfs pointer in place of the file",
    page: "a page of HTML",
    zipped: "a zip archive: unpack it first",
    gzipped: "compressed with gzip: unpack it first",
    empty: "an empty file",
    cut: "is damaged",
    postscript: "not an image that can be read",
    pipe: "is a pipe or a device",
    text: "not an image that can be read",
    huge: "too large|more than the limit",
}


def as_video(path):
    open_video(path)


def as_training_data(path):
    annotated([path], (4, 4)).image(0)


def as_report_picture(path):
    read_small(TruthVideo(1, "clip", (4, 4), 1, (path.name,), ()), path.parent, 0)


@pytest.mark.parametrize("reader", [as_video, as_training_data, as_report_picture, read_labels])
@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_every_reader_says_what_lies_in_the_place_of_an_image(tmp_path, make, reader):
    path = tmp_path / "a.png"
    make(path)
    with pytest.raises(InputError, match=REFUSED[make]) as caught:
        reader(path)
    assert "a.png'" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.integers(0, 200), st.integers(0, 255))
def test_no_damage_of_a_picture_is_another_error(tmp_path_factory, place, value):
    folder = tmp_path_factory.mktemp("damage")
    exif = tagged(6).tobytes()
    for name, options in (("a.png", {"exif": exif}), ("a.tif", {}), ("a.webp", {"exif": exif})):
        path = put(folder / name, np.repeat(L_SHAPE[..., None], 3, axis=2), **options)
        content = bytearray(path.read_bytes())
        content[place % len(content)] = value
        path.write_bytes(content)
        for reader in (read_image, read_labels, open_video):
            try:
                reader(path)
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017  (most damage is harmless)


def test_a_frame_number_that_is_none_is_an_index_error(tmp_path):
    with pytest.raises(IndexError, match="frame 1 is not among"):
        Pictures([put(tmp_path / "a.png", L_SHAPE)])[1]
