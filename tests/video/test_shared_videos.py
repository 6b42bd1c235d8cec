"""Containers, codecs and faults met in practice, one by one (../shared/realdata/videos)."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from places import SHARED, needs_shared

from propose_reduce.errors import InputError
from propose_reduce.video import Video, open_video

pytestmark = needs_shared
VIDEOS = SHARED / "realdata" / "videos"


class Expected(NamedTuple):
    """What a file is: frames, (height, width), frames per second, is the rate variable."""

    frames: int
    size: tuple[int, int]
    fps: float | None
    variable: bool = False
    lost: int = 0
    streams: int = 1


READABLE = {
    "cvat_mjpeg/test.mp4": Expected(30, (180, 240), 15),
    "cvat_mjpeg/video.avi": Expected(8, (32, 32), 1),
    "decord_rotation_corrupt/corrupted.mp4": Expected(28, (720, 1280), 10, lost=22),
    "decord_rotation_corrupt/flipping_a_pancake.mkv": Expected(310, (240, 426), 30),
    "decord_rotation_corrupt/unordered.mov": Expected(4, (50, 50), 32),
    "decord_rotation_corrupt/video_0.mov": Expected(3, (320, 568), 30),
    "decord_rotation_corrupt/video_90.mov": Expected(3, (568, 320), 30),
    "decord_rotation_corrupt/video_180.mov": Expected(3, (320, 568), 30),
    "decord_rotation_corrupt/video_270.mov": Expected(3, (568, 320), 30),
    "derived_truncated/pancake_cut45.mkv": Expected(140, (240, 426), 30, lost=170),
    "derived_truncated/test-sample2_cut40_moov_first.mp4": Expected(
        54, (320, 568), 29.417, variable=True, lost=95
    ),
    "moviepy_edge/-video-with-dash-.mp4": Expected(5, (1, 1), 1),
    "moviepy_edge/bitmap.mp4": Expected(5, (1, 1), 1),
    "moviepy_edge/fire2.mp4": Expected(25, (720, 1280), 10.527, variable=True),
    "moviepy_edge/no_duration.webm": Expected(74, (720, 1280), 14.984, variable=True),
    "moviepy_edge/pigs_in_a_polka.gif": Expected(30, (273, 314), 10),
    "moviepy_edge/transparent.webm": Expected(150, (200, 200), 30),
    "moviepy_edge/video_with_failing_audio.mp4": Expected(280, (360, 640), 25),
    "sam2_juggle/05_default_juggle.mp4": Expected(247, (720, 1280), 24),
    "torchcodec_odd/av1_video.mkv": Expected(125, (360, 640), 25),
    "torchcodec_odd/bt601_full_range.mp4": Expected(60, (240, 320), 30),
    "torchcodec_odd/frame_exceeds_screen.gif": Expected(1, (4, 4), 10),
    "torchcodec_odd/h265_10bits.mp4": Expected(30, (200, 200), 30),
    "torchcodec_odd/nasa_13013.mp4": Expected(325, (180, 320), 25, streams=2),
    "torchcodec_odd/sine_stereo_mp2.mpg": Expected(100, (128, 128), 25),
    "torchcodec_odd/testsrc2_444_12bit_hevc.mp4": Expected(25, (241, 321), 25),
    "torchcodec_odd/testsrc2_mpeg4.avi": Expected(30, (720, 1280), 30),
    "torchcodec_odd/testsrc2_odd_height_and_width_444.mp4": Expected(25, (241, 321), 25),
    "torchcodec_odd/testsrc2_odd_height_and_width_vp9.mp4": Expected(25, (241, 321), 25),
    "torchcodec_odd/testsrc2_odd_width_vp9.mp4": Expected(25, (240, 321), 25),
    "torchcodec_odd/testsrc2_vp9.webm": Expected(30, (720, 1280), 30),
    "ytvis_frames/7741a0fbce": Expected(96, (360, 480), None),
    "ytvis_frames/eea827bdda": Expected(60, (360, 480), None),
}
REFUSED = {
    "derived_truncated/bikes_cut60_no_moov.mp4": "cannot be read as a video",
    "derived_truncated/dog_00003_truncated.jpg": "image file is truncated",
    "derived_truncated/text_named.mp4": "cannot be read as a video",
    "moviepy_edge/result.webm": "is an empty file",
}


@cache
def opened(name: str) -> Video:
    return open_video(VIDEOS / name)


def test_no_file_of_the_collection_is_forgotten():
    there = {
        str(path.relative_to(VIDEOS)) for path in VIDEOS.glob("*/*") if path.name != "SOURCE.txt"
    }
    assert there == READABLE.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", READABLE)
def test_the_file_is_what_its_source_says(name):
    video, expected = opened(name), READABLE[name]
    assert (len(video.frames), video.size) == (expected.frames, expected.size)
    assert video.fps == (expected.fps and pytest.approx(expected.fps, abs=1e-3))
    assert (video.timestamps is not None) == expected.variable
    assert len(video.warnings) == bool(expected.lost) + (expected.streams > 1)
    if expected.lost:
        assert f"about {expected.lost} frames" in video.warnings[0]


@pytest.mark.parametrize("name", READABLE)
def test_any_order_of_reading_gives_the_same_frames(name):
    frames = opened(name).frames
    indices = sorted({len(frames) * step // 6 for step in range(6)})
    forwards = {index: frames[index] for index in indices}
    for index in [*reversed(indices), *indices[::2]]:
        assert (frames[index] == forwards[index]).all()


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused(name):
    with pytest.raises(InputError, match=REFUSED[name]):
        open_video(VIDEOS / name)


def middle(name: str) -> np.ndarray:
    frames = opened(name).frames
    return frames[len(frames) // 2]


def test_webm_alpha_is_composited_on_black():
    disc = middle("moviepy_edge/transparent.webm").astype(int)
    assert (disc.sum(axis=2) == 0).mean() > 0.95
    assert disc[..., 0].max() > 240


def test_test_pictures_show_their_colours_whatever_they_are_stored_as():
    yellow, blue = [255, 255, 0], [0, 0, 255]
    for name in ("444_12bit_hevc", "odd_height_and_width_444", "odd_height_and_width_vp9"):
        bars = middle(f"torchcodec_odd/testsrc2_{name}.mp4")[150, [130, 185]].astype(int)
        assert np.abs(bars - [yellow, blue]).max() <= 6, name
