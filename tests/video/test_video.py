import numpy as np
import pytest
from films import film, numbered, numbers

from propose_reduce.errors import InputError
from propose_reduce.video import Video, open_video, select_frames
from propose_reduce.video.arrays import ArrayFrames

ARRAY = np.stack([numbered(index) for index in range(20)])
SOUND = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0@\x1f\0\0\1\0\x08\0data\0\0\0\0"
AT_TEN = Video("clip", ArrayFrames(ARRAY), (48, 64), fps=10.0)


@pytest.mark.parametrize("name", ["two words.mp4", "größe_日本.mp4", "-dash.mp4", "a:b%03d.mp4"])
def test_any_file_name_opens(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    film(tmp_path / "plain.mp4", 3).rename(tmp_path / name)
    video = open_video(name)
    assert (len(video.frames), video.name) == (3, name.removesuffix(".mp4"))


def test_an_array_is_a_video_without_times():
    video = open_video(ARRAY)
    assert (video.name, video.size, video.fps, len(video.frames)) == ("array", (48, 64), None, 20)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", "is an empty file"),
        (b"this is only text", "cannot be read as a video: Invalid data found"),
        (
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0@\x1f\0\0\1\0\x08\0data\0\0\0\0",
            "no vid",
        ),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, content, message):
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        open_video(path)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({}, list(range(20))),
        ({"start": 0.5}, list(range(5, 20))),
        ({"start": 0.55, "end": 1.0}, [6, 7, 8, 9]),
        ({"every": 6}, [0, 6, 12, 18]),
        ({"start": 0.1, "end": 99, "every": 9}, [1, 10, 19]),
    ],
)
def test_a_part_is_chosen_by_seconds(part, expected):
    assert numbers(select_frames(AT_TEN, **part).frames) == expected


def test_a_part_of_frames_without_times_is_chosen_by_number():
    assert numbers(select_frames(open_video(ARRAY), start=3, end=5).frames) == [3, 4]


def test_a_part_keeps_what_belongs_to_its_frames():
    stamps = tuple(index**2 / 100 for index in range(20))
    names = tuple(f"f{index}" for index in range(20))
    video = Video("clip", AT_TEN.frames, (48, 64), 5.0, stamps, names)
    part = select_frames(video, start=0.16, every=5)
    assert part.frame_names == ("f4", "f9", "f14", "f19")
    assert part.timestamps == pytest.approx((0, 0.65, 1.8, 3.45))
    assert part.fps == 1.0


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"start": 2}, r"no frame of 'clip' lies between 2 and 2.0 s: it has 2 s"),
        ({"start": 1, "end": 1}, "between 1 and 1 s"),
        ({"every": 0}, "every must be 1 or more, got 0"),
    ],
)
def test_an_empty_part_is_refused(part, message):
    with pytest.raises(InputError, match=message):
        select_frames(AT_TEN, **part)


def test_frames_are_called_by_their_names_or_their_numbers_in_the_source():
    assert select_frames(AT_TEN, start=0.5, end=1.5, every=3).frame_labels == ("5", "8", "11", "14")
    twice = select_frames(select_frames(AT_TEN, start=0.5), every=5)
    assert twice.frame_labels == ("5", "10", "15")
    named = Video("clip", ArrayFrames(ARRAY[:3]), (48, 64), frame_names=("a", "b", "c"))
    assert select_frames(named, start=1).frame_labels == ("b", "c")
