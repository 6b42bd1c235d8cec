"""``propose-reduce components``: what can be named as a component, with licences and needs."""

from __future__ import annotations

from typing import Annotated

import typer

from propose_reduce.cli.terminal import say


def components_command(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="as the table of docs/components.md")
    ] = False,
) -> None:
    """List the components that a run can name: task, licences, size, needs, how tested."""
    from propose_reduce.components.catalogue import catalogue
    from propose_reduce.components.catalogue import markdown as as_markdown

    if markdown:
        for line in as_markdown(catalogue()).splitlines():
            say(line)
        return
    for row in catalogue():
        weights = row.weights if row.size == row.weights else f"{row.weights}, {row.size}"
        say(f"{row.name} ({row.kind}): {row.task}")
        say(f"    code {row.code}; weights {weights}")
        say(f"    needs {row.needs.replace('`', '')}; tested: {row.tested}")
