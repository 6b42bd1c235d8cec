"""``propose-reduce data``: rendering the shapes benchmark, checking a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Make or check a data set.", no_args_is_help=True)


@app.command()
def shapes(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="a new folder for the data set")
    ],
    split: Annotated[str, typer.Option(help="val, hard or train")] = "val",
    videos: Annotated[
        int | None, typer.Option(min=1, help="the first so many of the split [default: all]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the whole benchmark")] = 0,
) -> None:
    """Render the shapes benchmark as a YouTube-VIS data set."""
    from rich.progress import Progress

    from propose_reduce.data.shapes_export import export_shapes

    with Progress(transient=True) as progress:
        task = progress.add_task("rendering", total=None)
        data = export_shapes(
            output,
            split,
            videos,
            seed,
            lambda done, total: progress.update(task, completed=done, total=total),
        )
    typer.echo(
        f"{len(data['videos'])} videos, {len(data['annotations'])} objects -> "
        f"{output / 'annotations.json'}"
    )
