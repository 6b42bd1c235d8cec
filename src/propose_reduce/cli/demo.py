"""``propose-reduce demo``: the main job on a rendered clip."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.terminal import terminal


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="where to put what is made")
    ] = Path("propose-reduce-demo"),
) -> None:
    """Render a clip of moving shapes, find and follow them all, and evaluate the result."""
    from propose_reduce import api
    from propose_reduce.cli.video_progress import VideoProgress

    with VideoProgress() as progress:
        made = api.demo(output, progress)
    terminal(soft_wrap=True).print(made)
