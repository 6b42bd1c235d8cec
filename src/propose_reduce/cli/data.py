"""``propose-reduce data``: render the shapes benchmark; import, split and check data sets."""

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.terminal import progress_bar, say, terminal
from propose_reduce.errors import InputError

app = typer.Typer(help="Make, import, split or check a data set.", no_args_is_help=True)


@app.command()
def shapes(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="a new folder for the data set")
    ],
    split: Annotated[str, typer.Option(help="val, hard, train or demo")] = "val",
    videos: Annotated[
        int | None, typer.Option(min=1, help="the first so many of the split [default: all]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the whole benchmark")] = 0,
) -> None:
    """Render the shapes benchmark as a YouTube-VIS data set."""
    from propose_reduce.data.shapes.export import export_shapes

    with progress_bar("rendering") as progress:
        data = export_shapes(output, split, videos, seed, progress)
    say(
        f"{len(data['videos'])} videos, {len(data['annotations'])} objects -> "
        f"{output / 'annotations.json'}"
    )


@app.command("import")
def import_command(
    source: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="the annotations", show_default=False)
    ],
    form: Annotated[
        str, typer.Option("--format", metavar="NAME", help="what they are (docs/data.md)")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="a new folder for the data set")
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="the pictures: a video, or a folder of frames or of videos [default: what lies "
            "near the annotations]",
        ),
    ] = None,
    category: Annotated[
        str, typer.Option(help="of objects where the format names none")
    ] = "object",
) -> None:
    """Make YouTube-VIS data of annotations in another format: COCO, CVAT, MOTS .."""
    from propose_reduce.api.importing import import_data

    with progress_bar("importing") as progress:
        data, told = import_data(
            source, form, output, images=images, category=category, progress=progress
        )
    for line in told:
        say(f"warning: {line}", err=True)
    say(
        f"{len(data['videos'])} videos, {len(data['annotations'])} objects -> "
        f"{output / 'annotations.json'}"
    )


@app.command("split")
def split_command(
    annotations: Annotated[
        Path,
        typer.Argument(metavar="ANNOTATIONS.json", help="a YouTube-VIS file", show_default=False),
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="where [default: beside the file]"),
    ] = None,
    validation: Annotated[
        float, typer.Option(metavar="SHARE", help="of the videos that are for validation")
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="of the draw")] = 0,
) -> None:
    """Divide a data set by video into train.json and val.json."""
    from propose_reduce.api.importing import split_data

    folder = annotations.parent if output is None else output
    counts, told = split_data(annotations, folder, validation=validation, seed=seed)
    for line in told:
        say(f"warning: {line}", err=True)
    for part, count in counts.items():
        say(f"{count} videos -> {folder / part}.json")


@app.command("check")
def check_command(
    annotations: Annotated[
        Path,
        typer.Argument(
            metavar="ANNOTATIONS.json",
            help="a YouTube-VIS or COCO instances file, or a DAVIS folder",
            show_default=False,
        ),
    ],
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="where the file names in a file start [default: JPEGImages beside the file]",
        ),
    ] = None,
) -> None:
    """Read a whole data set, say what it holds, and list every fault with its place."""
    from propose_reduce.data.check import check as check_data_set

    with progress_bar("reading frames") as progress:
        report = check_data_set(annotations, images, progress=progress)
    terminal().print(report.show(), soft_wrap=True)
    if report.faults:
        raise InputError(f"'{annotations}' has {report.verdict()}: correct what is listed")
