"""What a terminal shows while videos are done: a bar that comes and goes, lines that stay."""

import io
from pathlib import Path

import pytest

from propose_reduce.api import VideoOutcome
from propose_reduce.cli.terminal import VideoProgress
from propose_reduce.errors import InputError
from propose_reduce.results import VideoResult

RESULT = VideoResult("clip", (4, 4), 1, {1: "cat"}, ())


class Terminal(io.StringIO):
    """Takes what both streams write, in order."""

    def isatty(self) -> bool:
        return True


def test_a_line_is_written_where_the_bar_was_and_not_behind_it(monkeypatch, tmp_path):
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    paths = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    with VideoProgress() as callback:
        for number, path in enumerate(paths, start=1):
            callback.start(path, number, len(paths))
            callback.step("propagate", 0.5, 8)
            callback.finish(VideoOutcome(path, path, error=InputError("cannot be read")))
    told = terminal.getvalue()
    assert "a.mp4 (1 of 2): propagate" in told
    for path in paths:
        before = told[: told.index(f"{path}: cannot be read")]
        assert before.endswith("\x1b[2K")  # the line was wiped


@pytest.mark.parametrize("name", ["\x1b[2Jclear", "two\nlines", "\udce9", "\u202ereversed"])
def test_a_name_moves_no_cursor_and_ends_no_line(monkeypatch, name):
    told = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("sys.stdout", told)
    with VideoProgress() as callback:
        callback.start(Path(name), 1, 1)
        callback.finish(VideoOutcome(Path(name), Path("result.json"), RESULT, 1.0))
    told.flush()
    (line,) = told.buffer.getvalue().decode().splitlines()
    assert line.isprintable()


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.01, "a.mp4: following through 300 frames takes about 18 minutes more\n"),
        (0.001, "a.mp4: following through 300 frames takes about 3.1 hours more\n"),
        (0.2, ""),  # 44 s more
    ],
)
def test_what_takes_long_is_told_once_when_it_has_been_watched(monkeypatch, share, told):
    clock, errors = [0.0], io.StringIO()
    monkeypatch.setattr("propose_reduce.cli.terminal.monotonic", lambda: clock[-1])
    monkeypatch.setattr("sys.stderr", errors)
    with VideoProgress() as callback:
        callback.start(Path("a.mp4"), 1, 1)
        for now in (0, 50, 61, 99):
            clock.append(now)
            callback.step("propagate" if now else "propose", share, 300)
    assert errors.getvalue() == told
