"""What a terminal shows while videos are done: a bar that comes and goes, lines that stay."""

import io

from propose_reduce.api import VideoOutcome
from propose_reduce.cli.video_progress import VideoProgress
from propose_reduce.errors import InputError


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
