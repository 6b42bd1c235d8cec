"""The code blocks of documentation pages, for the tests that run them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from command_line import type_command

ANY_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?^```(?P<kind>\w*)\n(?P<code>.*?)^```$", re.M | re.S
)
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n)?^```python\n(?P<code>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Snippet:
    """A python block: its code, the line it starts on, and why it is not run, if it is not."""

    code: str
    line: int
    not_run: str | None


def python_snippets(page: str) -> list[Snippet]:
    """Return the python blocks of a Markdown page, in order.

    A block is meant to run unless ``<!-- not run: the reason -->`` stands on the line before it.
    """
    return [
        Snippet(match["code"], page.count("\n", 0, match.start("code")) + 1, match["reason"])
        for match in BLOCK.finditer(page)
    ]


def run_snippets(page: Path) -> None:
    """Run the blocks of a page one after the other, later ones with the names of earlier ones."""
    names: dict[str, object] = {"__name__": page.stem}
    for snippet in python_snippets(page.read_text(encoding="utf-8")):
        if snippet.not_run is None:
            source = "\n" * (snippet.line - 1) + snippet.code  # so that tracebacks name the line
            exec(compile(source, str(page), "exec"), names)


@dataclass(frozen=True)
class Command:
    """A command line of a page, and whether it is meant to be run."""

    line: str
    runs: bool


def commands(page: Path) -> list[Command]:
    """Return every command line of a page, in order."""
    return [
        Command(line, block["reason"] is None)
        for block in ANY_BLOCK.finditer(page.read_text(encoding="utf-8"))
        if not block["kind"]
        for line in block["code"].splitlines()
    ]


def run_command(line: str, folder: Path) -> str:
    """Run a propose-reduce line in a folder as a shell would, and return what it prints."""
    _, *words = [match for word in shlex.split(line) for match in _expand(word, folder)]
    answer = type_command(*words, folder=folder)
    assert answer.exit_code == 0, f"{line}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


def _expand(word: str, folder: Path) -> list[str]:
    if "*" not in word:
        return [word]
    return sorted(str(path.relative_to(folder)) for path in folder.glob(word))
