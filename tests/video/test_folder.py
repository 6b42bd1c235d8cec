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


PAGES = [Image.fromarray(np.full((4, 6, 3), v, np.uint8)) for v in (0, 120, 250)]


def put_pages(path):
    path.parent.mkdir(exist_ok=True)
    options = {"duration": 40} if path.suffix == ".webp" else {}
    PAGES[0].save(path, save_all=True, append_images=PAGES[1:], **options)
    return path


@pytest.mark.parametrize("place", ["a", "."])
@pytest.mark.parametrize("name", ["a.webp", "a.tif", "a.png", "a.avif"])
def test_the_pictures_of_one_image_are_frames_given_alone_or_in_a_folder(tmp_path, name, place):
    path = put_pages(tmp_path / "stack" / name)
    video = open_video(path if place == "a" else path.parent)
    shown = [int(frame.mean()) for frame in video.frames]
    assert np.abs(np.subtract(shown, [0, 120, 250])).max() <= 3
    assert video.name == ("a" if place == "a" else "stack")
    assert (video.frame_names, video.warnings) == (None, ())
    assert video.fps == (25.0 if name == "a.webp" else None if name == "a.tif" else video.fps)


def test_of_several_images_with_several_pictures_the_first_alone_are_frames_which_is_told(tmp_path):
    first = put_pages(tmp_path / "a.tif")
    put_pages(tmp_path / "b.tif")
    video = open_video(tmp_path)
    assert len(video.frames) == 2
    (warning,) = video.warnings
    assert warning.startswith(f"'{first}' holds 3 pictures, of which the first alone is a frame")
    assert warning.endswith("(2 of 2 files hold several)")


def test_pictures_of_another_size_in_an_image_are_left_out_which_is_told(tmp_path):
    preview = Image.new("RGB", (3, 2))
    PAGES[0].save(tmp_path / "a.tif", save_all=True, append_images=[preview, PAGES[1]])
    video = open_video(tmp_path / "a.tif")
    assert [frame[0, 0, 0] for frame in video.frames] == [0, 120]
    assert video.warnings[0].startswith("of its 3 pictures 1 are left out")


def test_turned_frames_are_told(tmp_path):
    put(tmp_path / "0.png")
    exif = Image.Exif()
    exif[0x0112] = 3
    put(tmp_path / "1.png", exif=exif)
    (warning,) = open_video(tmp_path).warnings
    assert warning.startswith("1 of 2 frames are turned as their EXIF tag says, the first")


def test_frames_of_more_than_8_bits_are_scaled_alike_which_is_told(tmp_path):
    for number, value in enumerate((100, 2000, 4100)):
        put(tmp_path / f"{number}.png", np.array([[100, value]], np.uint16))
    video = open_video(tmp_path)
    assert [frame[0, :, 0].tolist() for frame in video.frames] == [[0, 0], [0, 121], [0, 255]]
    assert video.warnings == (
        "its pictures use the values 100 to 4100 alone: these become black and white",
    )


def test_a_frame_of_another_size_is_refused_by_name(tmp_path):
    for number, width in enumerate([6, 6, 5, 4]):
        put(tmp_path / f"{number}.png", np.zeros((4, width), np.uint8))
    with pytest.raises(InputError, match=r"2.png' is 5 x 4 pixels, .* are 6 x 4"):
        open_video(tmp_path)


@pytest.mark.parametrize("places", [[0], [3], [4], [1, 2]])
def test_a_damaged_image_costs_itself_alone(tmp_path, places):
    rng = np.random.default_rng(0)
    files = [
        put(tmp_path / f"{number}.png", rng.integers(0, 255, (40, 60)).astype(np.uint8))
        for number in range(5)
    ]
    for place in places:
        files[place].write_bytes(files[place].read_bytes()[:500])
    video = open_video(tmp_path)
    assert video.frame_names == tuple(str(n) for n in range(5) if n not in places)
    assert len(video.frames) == 5 - len(places)
    count = "1 image is" if len(places) == 1 else "2 images are"
    assert video.warnings[0].startswith(f"{count} left out: '{files[places[0]]}' is damaged")


def test_a_folder_without_a_sound_image_is_refused(tmp_path):
    (tmp_path / "0.png").write_text("no image")
    (tmp_path / "1.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"0.png' is damaged or not an image"):
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


@pytest.mark.parametrize(
    "names",
    [
        ["1.png", "1.jpg"],
        ["1.jpg", "1_mask.png", "2.jpg", "2_mask.png"],
        ["1.png", "1-depth.png", "2.png", "3.png"],
        ["a.png", "a_x.png", "b.png", "b_x.png"],
    ],
)
def test_two_pictures_of_a_frame_are_refused(tmp_path, names):
    for name in names:
        put(tmp_path / name)
    with pytest.raises(InputError, match=r"keep one kind; masks go into a folder of their own"):
        open_video(tmp_path)


@pytest.mark.parametrize(
    "names",
    [
        ["1.png", "10.png", "11.png", "2.png"],
        ["left_0.jpg", "left_1.jpg", "right_0.jpg", "right_1.jpg"],
        ["a.jpg", "a b.jpg", "c.jpg"],
        ["mask_1.png", "mask_2.png"],
        ["1.jpg", "2.png"],
    ],
)
def test_names_that_only_look_alike_are_frames(tmp_path, names):
    for name in names:
        put(tmp_path / name)
    assert len(open_video(tmp_path).frames) == len(names)


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
