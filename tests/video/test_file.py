import gc
import struct
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import av
import numpy as np
import pytest
from films import FPS, film, number, numbered, numbers, packets, spoil

from propose_reduce.errors import InputError
from propose_reduce.video import file as file_module
from propose_reduce.video import open_video
from propose_reduce.video.stream import Stream, ToRgb

KINDS = [
    ("b_frames.mp4", "libx264", "yuv420p", {}),
    ("open_gop.mkv", "libx264", "yuv420p", {"x264-params": "open-gop=1:keyint=10:bframes=3"}),
    ("transport.ts", "libx264", "yuv420p", {"g": "10"}),
    ("mpeg2.ts", "mpeg2video", "yuv420p", {}),
    ("mpeg4.avi", "mpeg4", "yuv420p", {}),
    ("intra.avi", "mjpeg", "yuvj420p", {}),
    ("hevc.mp4", "libx265", "yuv420p10le", {"x265-params": "log-level=none:keyint=10"}),
    ("vp9.webm", "libvpx-vp9", "yuv420p", {"deadline": "realtime"}),
    ("grey.mkv", "ffv1", "gray", {}),
    ("palette.gif", "gif", "rgb8", {}),
    ("alpha.mov", "png", "rgba", {}),
    ("ten_bit.mov", "prores_ks", "yuv422p10le", {}),
    ("no_times.h264", "libx264", "yuv420p", {"g": "10"}),
]


@pytest.mark.parametrize(("name", "codec", "pixels", "options"), KINDS, ids=[k[0] for k in KINDS])
def test_every_frame_is_itself_forwards_backwards_and_at_random(
    tmp_path, monkeypatch, name, codec, pixels, options
):
    monkeypatch.setattr(file_module, "CACHE_BYTES", 0)  # so that 8 frames are kept
    frames = open_video(film(tmp_path / name, 40, codec=codec, pixels=pixels, **options)).frames
    forwards = [frames[index] for index in range(40)]
    assert numbers(forwards) == list(range(40))
    shuffled = np.random.default_rng(0).permutation(40)[:12]
    for index in [*reversed(range(40)), *map(int, shuffled)]:
        assert (frames[index] == forwards[index]).all(), index


@pytest.mark.parametrize(("group", "most"), [("12", 3 * 96), ("96", 96 * 96 / (2 * 8) + 96)])
def test_a_backward_sweep_decodes_a_group_of_pictures_once_per_store(
    tmp_path, monkeypatch, group, most
):
    monkeypatch.setattr(file_module, "CACHE_BYTES", 0)
    path = film(tmp_path / "a.mp4", 96, g=group, bf="0")
    frames, decoded = open_video(path).frames, []
    original = Stream.frames
    monkeypatch.setattr(
        Stream, "frames", lambda self: (decoded.append(1) or frame for frame in original(self))
    )
    for index in reversed(range(96)):
        frames[index]
        assert len(frames._kept) <= 8
    assert len(decoded) <= most


def test_small_frames_do_not_pile_up(tmp_path, monkeypatch):
    monkeypatch.setattr(file_module, "CACHE_FRAMES", 12)  # they would fit by the thousand
    frames = open_video(film(tmp_path / "a.mp4", 40)).frames
    for index in [*range(40), *reversed(range(40))]:
        frames[index]
        assert len(frames._kept) <= 12


def test_frames_that_are_no_longer_kept_are_freed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(file_module, "CACHE_BYTES", 0)
    frames = open_video(film(tmp_path / "a.mp4")).frames
    gc.collect()
    others = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    gc.disable()  # a frame in a reference cycle would wait for it, and a video would fill memory
    try:
        for index in [*range(40), *reversed(range(40))]:
            frames[index]
        alive = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert alive - others <= 8 + 2  # what is kept, the index's first, the decoder's last


def test_a_video_that_is_let_go_frees_its_frames_and_its_file_at_once(tmp_path):
    frames = open_video(film(tmp_path / "a.mp4")).frames
    number(frames[3])
    alive = weakref.ref(frames)
    gc.disable()
    try:
        del frames
        assert alive() is None
    finally:
        gc.enable()


def test_streaming_forwards_decodes_every_frame_once(tmp_path, monkeypatch):
    frames, decoded = open_video(film(tmp_path / "a.mp4")).frames, []
    original = Stream.frames
    monkeypatch.setattr(
        Stream, "frames", lambda self: (decoded.append(1) or frame for frame in original(self))
    )
    assert len(list(frames)) == len(decoded) == 40


def test_threads_that_ask_at_once_are_served_one_after_the_other(tmp_path, monkeypatch):
    inside, most, convert = [], [], ToRgb.__call__

    def counted(self, frame):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)  # another thread would come in meanwhile
        inside.pop()
        return convert(self, frame)

    monkeypatch.setattr(ToRgb, "__call__", counted)
    frames = open_video(film(tmp_path / "a.mp4", 12)).frames
    asked = [11, 0, 5, 6, 2, 9, 1, 10]
    with ThreadPoolExecutor(4) as threads:
        assert numbers(list(threads.map(frames.__getitem__, asked))) == asked
    assert max(most) == 1


def test_a_frame_outside_is_an_index_error(tmp_path):
    frames = open_video(film(tmp_path / "a.mp4", 2)).frames
    for index in (-1, 2):
        with pytest.raises(IndexError, match=r"not among 0\.\.1"):
            frames[index]


@pytest.mark.parametrize("name", ["a.mkv", "a.ts"])
def test_a_late_start_is_time_zero(tmp_path, name):
    video = open_video(film(tmp_path / name, start=123))
    assert (len(video.frames), video.fps, video.timestamps) == (40, FPS, None)
    assert video.warnings == ()


def test_a_variable_frame_rate_is_kept_as_timestamps(tmp_path):
    video = open_video(film(tmp_path / "a.mp4", 5, milliseconds=[0, 100, 150, 400, 1000]))
    assert video.timestamps == pytest.approx((0, 0.1, 0.15, 0.4, 1.0))
    assert video.fps == pytest.approx(4)


def test_what_an_edit_list_cuts_off_is_not_shown_and_not_called_lost(tmp_path):
    path = film(
        tmp_path / "a.mp4", 30, start=-7, container={"avoid_negative_ts": "disabled"}, bf="0"
    )
    assert b"elst" in path.read_bytes()
    video = open_video(path)
    assert numbers(video.frames) == list(range(7, 30))
    assert video.warnings == ()


def test_of_several_video_streams_the_first_counts(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as output:
        streams = [output.add_stream("ffv1", rate=FPS) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(5):
            for offset, stream in enumerate(streams):
                picture = numbered(index + 100 * offset)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        for stream in streams:
            output.mux(stream.encode(None))
    assert numbers(open_video(tmp_path / "a.mkv").frames) == list(range(5))


def test_a_fault_in_the_middle_leaves_the_frames_before_it_and_a_warning(tmp_path):
    path = film(tmp_path / "a.mp4", 60, bf="0", g="10")
    video = open_video(spoil(path, packets(path)[35]))
    assert numbers(video.frames) == list(range(35))
    assert [numbers([video.frames[i]])[0] for i in (34, 0, 20)] == [34, 0, 20]
    assert video.warnings == (
        "about 25 frames after the first 35 are lost: Invalid data found when processing input",
    )


def test_a_cut_file_gives_the_frames_it_has_and_a_warning(tmp_path):
    path = film(tmp_path / "a.mkv", 60, bf="0")
    path.write_bytes(path.read_bytes()[: packets(path)[45].start])
    video = open_video(path)
    assert numbers(video.frames) == list(range(45))
    assert video.warnings[0].startswith("about 15 frames after the first 45 are lost: the file is")


def test_a_header_that_counts_too_many_frames_is_not_believed(tmp_path):
    path = film(tmp_path / "a.avi", 20, codec="mjpeg", pixels="yuvj420p")
    data = bytearray(path.read_bytes())
    for chunk, offset in ((b"avih", 24), (b"strh", 40)):
        place = data.find(chunk) + offset
        assert struct.unpack_from("<I", data, place) == (20,)
        struct.pack_into("<I", data, place, 999)
    path.write_bytes(data)
    video = open_video(path)
    assert numbers(video.frames) == list(range(20))
    assert "about 979 frames" in video.warnings[0]


def test_a_file_where_no_frame_decodes_is_refused(tmp_path):
    path = film(tmp_path / "a.mp4", 10)
    with pytest.raises(InputError, match="has no frame that decodes"):
        open_video(spoil(path, *packets(path)))


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path):
    path = film(tmp_path / "a.mp4", 40)
    video = open_video(path)
    film(path, 5)
    with pytest.raises(InputError, match="has changed: frame 30 no longer decodes"):
        video.frames[30]


def test_a_damaged_start_is_passed_over(tmp_path):
    path = film(tmp_path / "a.ts", 40, codec="mpeg2video", g="10", bf="0")
    data = path.read_bytes()
    path.write_bytes(data[packets(path)[4].start // 188 * 188 :])
    shown = numbers(open_video(path).frames)
    assert shown[-1] == 39
    assert shown == sorted(shown)
