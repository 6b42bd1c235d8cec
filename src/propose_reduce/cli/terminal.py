"""What commands write to the terminal: nothing that a file holds reaches it unescaped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from propose_reduce.errors import printable

if TYPE_CHECKING:
    from rich.console import Console


def say(text: object, *, err: bool = False) -> None:
    """Write one line to stdout, or to stderr."""
    typer.echo(printable(str(text)), err=err)


def terminal(*, stderr: bool = False, **options: Any) -> Console:
    """Return a rich console; control characters in the text it is given are escaped."""
    from collections.abc import Iterable

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
