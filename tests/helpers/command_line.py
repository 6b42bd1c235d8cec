"""The command line, typed in this process: no interpreter starts, no library is imported again."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from propose_reduce.cli import main as frame


@dataclass(frozen=True)
class Answer:
    """What a command leaves behind in a terminal."""

    exit_code: int
    stdout: str
    stderr: str


def type_command(*words: object, folder: Path | None = None) -> Answer:
    """Run ``propose-reduce WORDS...`` as a shell would.

    Args:
        *words: of the command line, without the program's name.
        folder: where it is typed; here by default.
    """
    stdout, stderr = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.setattr(sys, "argv", ["propose-reduce", *map(str, words)])
        patch.chdir(folder or Path.cwd())
        with pytest.raises(SystemExit) as stop:
            frame.main()
    return Answer(stop.value.code or 0, stdout.getvalue(), stderr.getvalue())
