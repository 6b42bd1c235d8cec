import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from propose_reduce.errors import InputError
from propose_reduce.video import open_video
from propose_reduce.video.folder import read_image

GREY = np.full((4, 6), 90, np.uint8)


def put(path, array=GREY, mode=None, **options):
    path.parent.mkdir(exist_ok=True)
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def test_images_come_in_natural_order_and_other_files_are_left_out(tmp_path):
    for number in (10, 2, 1, 100):
        put(tmp_path / f"Frame{number}.JPG", np.full((4, 6), number, np.uint8))
    (tmp_path / "SOURCE.txt").write_text("where from")
    (tmp_path / ".hidden.jpg").write_text("no image")
    video = open_video(tmp_path)
    assert [frame[0, 0, 0] for frame in video.frames] == [1, 2, 10, 100]
    assert video.frame_names == ("Frame1", "Frame2", "Frame10", "Frame100")
    assert (video.name, video.size, video.fps) == (tmp_path.name, (4, 6), None)


@pytest.mark.parametrize(
    ("name", "array", "mode"),
    [
        ("palette.png", GREY, "P"),
        ("bits.png", np.full((4, 6), 255, np.uint8), "1"),
        ("grey.png", GREY, None),
        ("sixteen_bits.png", np.full((4, 6), 90 * 256 + 7, np.uint16), None),
        ("grey_alpha.png", GREY, "LA"),
        ("cmyk.tiff", GREY, "CMYK"),
        ("rgba.webp", GREY, "RGBA"),
        ("grey.pgm", GREY, None),
    ],
)
def test_every_kind_of_image_becomes_rgb(tmp_path, name, array, mode):
    options = {"lossless": True} if name.endswith("webp") else {}
    frame = read_image(put(tmp_path / name, array, mode, **options))
    expected = 255 if mode == "1" else 90
    assert frame.dtype == np.uint8
    assert np.abs(frame.astype(int) - expected).max() <= 1
    assert frame.shape == (4, 6, 3)


@pytest.mark.parametrize("name", ["a.webp", "a.tif", "a.png"])
def test_of_several_pictures_in_one_image_the_first_is_taken_and_the_rest_is_told(tmp_path, name):
    first, *rest = (Image.fromarray(np.full((4, 6, 3), v, np.uint8)) for v in (0, 120, 250))
    first.save(tmp_path / name, save_all=True, append_images=rest)
    video = open_video(tmp_path / name)
    assert (len(video.frames), video.frames[0].max()) == (1, 0)
    assert video.warnings == (
        "of its 3 pictures the first alone is taken: make a video file of them",
    )
    assert open_video(put(tmp_path / "one" / name)).warnings == ()


def test_alpha_lies_on_black(tmp_path):
    rgba = np.zeros((1, 2, 4), np.uint8)
    rgba[0] = [[200, 100, 50, 0], [200, 100, 50, 255]]
    frame = read_image(put(tmp_path / "a.png", rgba))
    assert frame.tolist() == [[[0, 0, 0], [200, 100, 50]]]


def test_a_transparent_palette_colour_lies_on_black(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([200, 0, 0, 0, 200, 0])
    image.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png").tolist() == [[[0, 0, 0], [0, 200, 0]]]


def test_exif_turns_the_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored a quarter anticlockwise of what is shown
    picture = np.zeros((2, 3), np.uint8)
    picture[0, 0] = 255
    frame = read_image(put(tmp_path / "a.png", picture, exif=exif))
    assert frame[..., 0].tolist() == [[0, 255], [0, 0], [0, 0]]


def test_a_frame_of_another_size_is_refused_by_name(tmp_path):
    for number, width in enumerate([6, 6, 5, 4]):
        put(tmp_path / f"{number}.png", np.zeros((4, width), np.uint8))
    with pytest.raises(InputError, match=r"2.png' is 5 x 4 pixels, .* are 6 x 4"):
        open_video(tmp_path)


def test_a_damaged_image_leaves_those_before_it_and_a_warning(tmp_path):
    for number in range(5):
        put(
            tmp_path / f"{number}.png",
            np.random.default_rng(0).integers(0, 255, (40, 60)).astype(np.uint8),
        )
    damaged = tmp_path / "3.png"
    damaged.write_bytes(damaged.read_bytes()[:500])
    video = open_video(tmp_path)
    assert len(video.frames) == 3
    assert video.warnings == (f"2 frames are lost: '{damaged}' is damaged",)


def test_a_folder_that_starts_with_a_damaged_image_is_refused(tmp_path):
    (tmp_path / "0.png").write_text("no image")
    put(tmp_path / "1.png")
    with pytest.raises(InputError, match=r"0.png' is no image"):
        open_video(tmp_path)


def test_an_absurdly_large_image_is_refused_before_it_is_decoded(tmp_path):
    header = struct.pack(">IIBBBBB", 60_000, 50_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    data += struct.pack(">I", zlib.crc32(chunk)) + struct.pack(">I", 0) + b"IDAT" + b"\0" * 4
    (tmp_path / "0.png").write_bytes(data)
    with pytest.raises(InputError, match=r"too large|more than the limit of 67108864"):
        open_video(tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="has no videos and no images"):
        open_video(tmp_path)


def test_two_images_of_one_name_are_refused(tmp_path):
    put(tmp_path / "1.png")
    put(tmp_path / "1.jpg")
    with pytest.raises(InputError, match="several images named '1'"):
        open_video(tmp_path)


def test_videos_beside_images_are_left_out_but_told(tmp_path):
    put(tmp_path / "poster.jpg")
    (tmp_path / "a.mp4").touch()
    video = open_video(tmp_path)
    assert len(video.frames) == 1
    assert (
        f"the video files beside them are left out: name '{tmp_path / 'a.mp4'}'"
        in (video.warnings[0])
    )


def test_a_folder_of_videos_is_no_video(tmp_path):
    (tmp_path / "a.mp4").touch()
    with pytest.raises(InputError, match="has videos but no images: give one of the videos"):
        open_video(tmp_path)
