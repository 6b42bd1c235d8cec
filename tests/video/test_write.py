import resource

import av
import numpy as np
import pytest
from films import numbered, numbers

from propose_reduce.errors import InputError
from propose_reduce.video import open_video, write_video


def film(count=10, **size):
    return [numbered(index, **size) for index in range(count)]


def test_what_is_written_reads_back(tmp_path):
    write_video(tmp_path / "a.mp4", iter(film()), fps=30000 / 1001)
    video = open_video(tmp_path / "a.mp4")
    assert numbers(video.frames) == list(range(10))
    assert video.fps == pytest.approx(30000 / 1001)


def test_it_is_what_browsers_play(tmp_path):
    path = tmp_path / "a.mp4"
    write_video(path, film(height=47, width=63))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.pix_fmt == "yuv420p"
        assert (stream.width, stream.height) == (64, 48)
        assert stream.average_rate == 12
    data = path.read_bytes()
    assert data.find(b"moov") < data.find(b"mdat")


def test_colours_survive(tmp_path):
    colours = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [240, 240, 240]], np.uint8)
    picture = colours.repeat(16, axis=0)[None].repeat(32, axis=0)
    write_video(tmp_path / "a.mp4", [picture] * 3)
    read = open_video(tmp_path / "a.mp4").frames[1][16, 8::16]
    assert np.abs(read.astype(int) - colours).max() <= 4


def test_timestamps_are_kept(tmp_path):
    stamps = (0.0, 0.1, 0.15, 0.4, 1.0)
    write_video(tmp_path / "a.mp4", film(5), timestamps=stamps)
    assert open_video(tmp_path / "a.mp4").timestamps == pytest.approx(stamps, abs=1e-4)


def test_frames_an_hour_apart_are_shown_as_slowly_as_can_be(tmp_path):
    write_video(tmp_path / "a.mp4", film(3), fps=1 / 3600)
    assert numbers(open_video(tmp_path / "a.mp4").frames) == [0, 1, 2]


def test_the_smallest_picture_and_a_single_frame_can_be_written(tmp_path):
    write_video(tmp_path / "a.mp4", [np.zeros((1, 1, 3), np.uint8)])
    assert open_video(tmp_path / "a.mp4").size == (2, 2)


def test_a_number_of_threads_is_kept_and_makes_the_same_file_again(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4, 144, 176, 3), dtype=np.uint8)
    frames = [np.roll(noise[t % 4], 5 * t, axis=1) for t in range(24)]
    for fill, name in enumerate(("a", "b")):
        used = [np.full(size, 255 * fill, np.uint8) for size in range(10_000, 300_000, 10_000)]
        del used  # the encoder's memory holds something else each time
        write_video(tmp_path / f"{name}.mp4", frames, threads=1)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert b"threads=1 " in (tmp_path / "a.mp4").read_bytes()  # x264 notes its settings
    assert b"mbtree=0 " in (tmp_path / "a.mp4").read_bytes()


def test_no_frames_and_a_broken_off_film_leave_nothing(tmp_path):
    def broken():
        yield numbered(0)
        raise KeyboardInterrupt

    with pytest.raises(InputError, match="no frame to write"):
        write_video(tmp_path / "a.mp4", [])
    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "a.mp4", broken())
    assert list(tmp_path.iterdir()) == []


def test_a_file_size_limit_is_the_users_mistake_and_leaves_nothing(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3)).astype(np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(InputError, match="File too large"):
            write_video(tmp_path / "a.mp4", noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
