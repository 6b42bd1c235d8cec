"""Every container with every oddity: EXIF turns, pixels not square, no decoder, lists of files."""

import io
import os
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from films import FPS, film, numbered
from PIL import Image, ImageOps

from propose_reduce.errors import InputError
from propose_reduce.video import open_video, write_video
from propose_reduce.video.stream import MATRICES
from propose_reduce.video.write import plays_in_browser

CONTAINERS = ["mp4", "mov", "mkv", "avi"]


def l_shape():
    """Return a picture of which no turn is like another, uint8 RGB (32, 48, 3)."""
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16] = picture[16:, :16] = 200
    return picture


def film_of_photographs(path, orientation):
    """Write three JPEG images with an EXIF tag as the frames of a video; return how it is shown."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    Image.fromarray(l_shape()).save(content, "JPEG", exif=exif, quality=95)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuvj420p"
        for number in range(3):
            packet = av.Packet(content.getvalue())
            packet.stream, packet.is_keyframe = stream, True
            packet.pts = packet.dts = number
            packet.time_base = Fraction(1, FPS)
            output.mux(packet)
    with Image.open(content) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@pytest.mark.parametrize("container", ["avi", "mov", "mkv"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_frames_with_an_exif_tag_are_shown_as_it_says(tmp_path, container, orientation):
    shown = film_of_photographs(tmp_path / f"a.{container}", orientation)
    video = open_video(tmp_path / f"a.{container}")
    assert (len(video.frames), video.size) == (3, shown.shape[:2])
    assert np.abs(video.frames[1].astype(int) - shown).mean() < 8


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("aspect", [Fraction(128, 117), Fraction(1), Fraction(2, 3)])
def test_the_shape_of_pixels_is_known_and_kept_in_what_is_drawn(tmp_path, container, aspect):
    path = tmp_path / f"a.{container}"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = aspect
        for index in range(3):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(numbered(index), format="rgb24")))
        output.mux(stream.encode(None))
    video = open_video(path)
    assert (video.pixel_aspect, video.size) == (aspect, (48, 64))
    write_video(tmp_path / "drawn.mp4", list(video.frames), pixel_aspect=video.pixel_aspect)
    with av.open(str(tmp_path / "drawn.mp4")) as drawn:
        assert drawn.streams.video[0].sample_aspect_ratio == aspect


MATRIX = struct.Struct(">9i")
ONE = 1 << 16
UPRIGHT = MATRIX.pack(ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)


@pytest.mark.parametrize("container", ["mp4", "mov"])
@pytest.mark.parametrize("orientation", sorted(MATRICES))
def test_the_turn_in_the_head_of_a_track_is_made(tmp_path, container, orientation):
    path = tmp_path / f"a.{container}"
    picture = np.repeat(np.repeat(l_shape(), 2, axis=0), 2, axis=1)
    write_video(tmp_path / "a.mp4", [picture] * 3)
    content = (tmp_path / "a.mp4").read_bytes()
    a, b, _, c, d = (ONE * value for value in MATRICES[orientation])
    head = content.index(b"tkhd")
    turned = content[head:].replace(UPRIGHT, MATRIX.pack(a, b, 0, c, d, 0, 0, 0, 1 << 30), 1)
    assert turned != content[head:]
    path.write_bytes(content[:head] + turned)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = io.BytesIO()
    Image.fromarray(picture).save(stored, "PNG", exif=exif)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(stored)))
    video = open_video(path)
    assert (len(video.frames), video.size) == (3, shown.shape[:2])
    assert np.abs(video.frames[1].astype(int) - shown).mean() < 8


@pytest.mark.parametrize("container", CONTAINERS)
def test_transparency_lies_on_black_in_every_container(tmp_path, container):
    path = tmp_path / f"a.{container}"
    picture = np.full((32, 48, 4), 200, np.uint8)
    picture[:, :16, 3], picture[:, 16:32, 3], picture[:, 32:, 3] = 0, 128, 255
    with av.open(str(path), "w") as output:
        codec, form = ("ffv1", "bgra") if container == "mkv" else ("png", "rgba")
        stream = output.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 48, 32, form
        for _ in range(2):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgba")))
        output.mux(stream.encode(None))
    shown = open_video(path).frames[1]
    assert [int(shown[0, column, 0]) for column in (0, 20, 40)] == [0, 100, 200]


CODES = {"mp4": b"avc1", "mov": b"avc1", "mkv": b"V_MPEG4/ISO/AVC", "avi": b"H264"}


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_codec_that_nothing_decodes_is_one_line(tmp_path, container):
    path = film(tmp_path / f"a.{container}", 3)
    content, code = path.read_bytes(), CODES[container]
    assert code in content
    path.write_bytes(content.replace(code, b"Z" * len(code)))
    with pytest.raises(InputError, match=rf"a\.{container}'") as caught:
        open_video(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
def test_of_several_streams_of_pictures_the_first_is_taken_which_is_told(tmp_path, container):
    path = tmp_path / f"a.{container}"
    with av.open(str(path), "w") as output:
        streams = [output.add_stream("mpeg4", rate=FPS) for _ in range(2)]
        for stream, width in zip(streams, (64, 32), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
        for stream in streams:
            frame = av.VideoFrame.from_ndarray(numbered(0, 48, stream.width), format="rgb24")
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    video = open_video(path)
    assert video.size == (48, 64)
    assert video.warnings == ("of its 2 streams of pictures the first alone is taken",)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"ffconcat version 1.0\nfile secret.mp4\n", "a list of other files"),
        (b"#EXTM3U\n#EXTINF:1\nsecret.mp4\n", "a playlist of other files"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a git-lfs pointer"),
        (b"\xef\xbb\xbf<!DOCTYPE html><title>404</title>", "a page of HTML"),
        (b"PK\3\4" + bytes(40), "a zip archive"),
        (b"\x1f\x8b" + bytes(40), "compressed with gzip"),
        (b"", "an empty file"),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".txt"])
def test_what_is_no_video_is_said_to_be_what_it_is(tmp_path, content, what, suffix):
    film(tmp_path / "secret.mp4", 2)
    (tmp_path / f"a{suffix}").write_bytes(content)
    with pytest.raises(InputError, match=rf"a{suffix}' is {what}"):
        open_video(tmp_path / f"a{suffix}")


def test_pipes_and_devices_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    for path in (tmp_path / "a.mp4", "/dev/zero"):
        with pytest.raises(InputError, match="is a pipe or a device"):
            open_video(path)


def test_frames_wider_than_the_encoder_takes_are_scaled_down(tmp_path):
    write_video(tmp_path / "a.mp4", [np.zeros((16, 20_000, 3), np.uint8)])
    assert open_video(tmp_path / "a.mp4").size == (14, 16_384)


def test_a_video_whose_tags_are_no_utf_8_is_read(tmp_path):
    path = tmp_path / "tagged.webm"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "cafe cafe"
        stream = container.add_stream("libvpx", rate=25)
        stream.width, stream.height = 64, 48
        frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
        container.mux([*stream.encode(frame), *stream.encode()])
    content = path.read_bytes()
    assert content.count(b"cafe cafe") == 1
    path.write_bytes(content.replace(b"cafe cafe", b"caf\xe9 caf\xe9"))
    assert len(open_video(path).frames) == 1
    assert plays_in_browser(path)
