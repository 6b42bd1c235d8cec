"""Tables of numbers for the screen: names give way, numbers never do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def score_table(
    title: str, names: Sequence[str], numbers: Sequence[str], *, padding: int = 1
) -> Table:
    """Return an empty table for :func:`add_scores`.

    On a narrow screen the columns of names lose their ends; those of numbers stay whole.

    Args:
        title: above the table, as it is.
        names: headings of the columns of text.
        numbers: headings of the columns of numbers, with line breaks where wanted.
        padding: spaces on the right of each column.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, padding, 0, 0)
    )
    for name in names:
        table.add_column(name, vertical="bottom")
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table


def add_scores(
    table: Table, names: Iterable[str], numbers: Iterable[str], *, style: str | None = None
) -> None:
    """Add a row; a name is printed as it is, brackets and all, and cut where it has no room."""
    from rich.text import Text

    cells = [Text(name.replace("\n", " "), overflow="ellipsis", no_wrap=True) for name in names]
    table.add_row(*cells, *numbers, style=style)
