"""The code blocks of documentation pages, for the tests that run them."""

import re
from dataclasses import dataclass
from pathlib import Path

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
