"""``propose-reduce demo``: the main job on a rendered clip."""

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.terminal import terminal


def demo_command(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="where to put what is made")
    ] = Path("propose-reduce-demo"),
    video: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="your own video in place of the rendered clip"),
    ] = None,
) -> None:
    """Render a clip of moving shapes, find and follow them all, and evaluate; or run on a video."""
    from propose_reduce import api
    from propose_reduce.cli.terminal import VideoProgress

    with VideoProgress() as progress:
        made = api.demo(output, progress, video)
    terminal(soft_wrap=True).print(made)
