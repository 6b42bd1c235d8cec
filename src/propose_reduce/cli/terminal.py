"""What commands write to the terminal: lines, bars, tables.

Nothing that a file holds reaches it unescaped.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer

from propose_reduce.errors import ResourceError, printable

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.console import Console

    from propose_reduce.api import VideoOutcome


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr and give the function that moves it, called with (done, total).

    Nothing is shown where stderr is not a terminal, so that logs and pipes stay clean.
    """
    from rich.progress import Progress

    console = terminal(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


WATCHED = 10.0
"""Seconds of following after which it is told how long it will take."""

LONG = 120.0
"""Seconds from which on that is worth a line."""


class VideoProgress:
    """Writes what is done to stdout, and moves a bar on stderr where that is a terminal."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = terminal(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("loading", total=None, speed="")
        self._name, self._stage, self._total = "", "", 0
        self._began: float | None = None  # when following did, unless it was told what it takes

    def __enter__(self) -> VideoProgress:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()
        if kind is KeyboardInterrupt:
            say("stopped; what is finished stays, and is skipped when run again", err=True)

    def tell(self, text: str) -> None:
        """Write what the user should know before the videos, if anything, to stderr."""
        if text:
            self._bar.stop()
            say(text, err=True)
            self._bar.start()

    def start(self, path: Path, number: int, total: int) -> None:
        """Show which video is at work."""
        self._name = f"{path.name} ({number} of {total})" if total > 1 else path.name
        self._stage, self._total, self._began = "", total, None
        self._bar.reset(self._task, description=f"{self._name}: reading", total=None, speed="")

    def step(self, stage: str, share: float, frames: int) -> None:
        """Move the bar, counted in frames."""
        if stage != self._stage:
            self._stage = stage
            self._began = monotonic() if stage == "propagate" else None
            self._bar.reset(self._task, description=f"{self._name}: {stage}", total=frames)
        self._bar.update(self._task, completed=share * frames)
        speed = self._bar.tasks[0].speed
        self._bar.update(self._task, speed="" if speed is None else f"{speed:.1f} frames/s")
        self._estimate(share, frames)

    def _estimate(self, share: float, frames: int) -> None:
        """Tell once, early on the way, how long following takes if that is long."""
        if self._began is None or share <= 0 or monotonic() - self._began < WATCHED:
            return
        left = (monotonic() - self._began) * (1 - share) / share
        self._began = None
        if left >= LONG:
            minutes = f"{left / 60:.0f} minutes" if left < 7200 else f"{left / 3600:.1f} hours"
            self.tell(f"{self._name}: following through {frames} frames takes about {minutes} more")

    def finish(self, outcome: VideoOutcome) -> None:
        """Write what became of a video; the end names failures, of one alone only the end."""
        self._bar.stop()  # wiped away: the line would be written behind it
        if outcome.result is not None or self._total > 1:
            say(str(outcome), err=outcome.result is None)
        for warning in outcome.warnings:
            say(f"{outcome.path}: warning: {warning}", err=True)
        self._bar.start()


class _Outlet(io.RawIOBase):
    """A stream's end, where a disk that is full or a reader that has gone ends no work.

    Attributes:
        lost: why something could not be written; empty where nobody was there to read it.
    """

    def __init__(self, end: io.RawIOBase) -> None:
        self._end = end
        self.lost = ""

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._end.isatty()

    def fileno(self) -> int:
        return self._end.fileno()

    def write(self, data: ReadableBuffer, /) -> int | None:
        try:
            return self._end.write(data)
        except OSError as error:
            if not isinstance(error, BrokenPipeError):
                self.lost = error.strerror or str(error)
            return memoryview(data).nbytes


@contextmanager
def writing_whatever_happens() -> Iterator[None]:
    """Let stdout and stderr end no work.

    What they cannot encode is escaped. What they cannot take is lost: where all else went well
    that is told in the end, with the exit code of ``ResourceError``.
    """
    before, ends = (sys.stdout, sys.stderr), []
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):  # closed, or not the system's
            continue
        stream.reconfigure(errors="backslashreplace")
        end = getattr(stream.buffer, "raw", stream.buffer)  # there is no buffer with python -u
        if isinstance(end, io.RawIOBase):
            stream.flush()
            ends.append(_Outlet(end))
            buffer: Any = ends[-1] if stream.write_through else io.BufferedWriter(ends[-1])
            safe = io.TextIOWrapper(
                buffer,
                encoding=stream.encoding,
                errors=stream.errors,
                line_buffering=stream.line_buffering,
                write_through=stream.write_through,
            )
            setattr(sys, name, safe)
    try:
        yield
    except SystemExit as stop:
        if not stop.code:
            _tell_of_loss(ends)
        raise
    else:
        _tell_of_loss(ends)
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        sys.stdout, sys.stderr = before


def _tell_of_loss(ends: Sequence[_Outlet]) -> None:
    if sys.stdout is not None:
        sys.stdout.flush()
    lost = next((end.lost for end in ends if end.lost), "")
    if lost:
        say(f"propose-reduce: all is done, but what was to be printed is lost: {lost}", err=True)
        sys.exit(ResourceError.exit_code)


def say(text: object, *, err: bool = False) -> None:
    """Write one line to stdout, or to stderr."""
    typer.echo(printable(str(text)), err=err)


def terminal(*, stderr: bool = False, **options: Any) -> Console:
    """Return a rich console; control characters in the text it is given are escaped."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Terminal(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                if segment.control is None and not segment.text.isprintable():
                    lines = map(printable, segment.text.split("\n"))
                    segment = Segment("\n".join(lines), segment.style)
                yield segment

    return Terminal(stderr=stderr, **options)
