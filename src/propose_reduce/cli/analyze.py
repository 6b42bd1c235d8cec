"""``propose-reduce analyze``: why results are what they are, over ablations and distance."""

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.terminal import progress_bar, say, terminal
from propose_reduce.settings.options import text_of


def ablation(
    annotations: Annotated[
        Path, typer.Argument(metavar="ANNOTATIONS.json", help="YouTube-VIS annotations")
    ],
    images: Annotated[
        Path, typer.Option(metavar="DIR", help="the folder that its file names start from")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="folder for tables and figures")
    ],
    weights: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="a bundled model or a weights file")
    ] = "shapes-tiny",
    grid: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A.B=V,V",
            help="an inference setting with its values; repeat it [default: the paper's questions]",
            show_default=False,
        ),
    ] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="every combination; otherwise one setting at a time changes"),
    ] = False,
    videos: Annotated[
        int | None, typer.Option(min=1, help="the first so many [default: all]")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="preset to vary [default: the weights' own]"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=V", help="a setting of all rows; repeat it"),
    ] = None,
    device: Annotated[str, typer.Option(help=text_of("device"))] = "auto",
    precision: Annotated[str, typer.Option(help=text_of("precision"))] = "auto",
) -> None:
    """Evaluate a model with one setting after the other changed, or in all combinations.

    What is finished stays in DIR: the same command, or one with more values,
    goes on from there.
    """
    from propose_reduce.ablation import FILES, analyze_ablation
    from propose_reduce.api.model import load
    from propose_reduce.settings import validate
    from propose_reduce.settings.options import Options

    options = {"preset": preset, "precision": precision, "settings": tuple(settings or ())}
    chosen = validate(Options, options, "analyze ablation")
    with progress_bar("ablating") as progress:
        report = analyze_ablation(
            annotations,
            images,
            output,
            load(weights, device=device),
            grid or (),
            full=full,
            videos=videos,
            options=chosen,
            progress=progress,
        )
    terminal().print(report.table())
    say(f"{', '.join(FILES)} -> {output}")


def distance(
    ground_truth: Annotated[
        Path,
        typer.Argument(metavar="GT", help="YouTube-VIS annotations, a DAVIS root or label folders"),
    ],
    proposals: Annotated[
        list[Path],
        typer.Argument(
            metavar="PROPOSALS...",
            help="proposals.json files of predict --keep-proposals, or folders of these",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="folder for tables and figures")
    ],
    bounds: Annotated[
        str, typer.Option(help="groups by the IoU on the key frame, in percent")
    ] = "50,60,70,80,90,100",
) -> None:
    """Show J of sequence proposals against the distance from their key frame."""
    from propose_reduce.evaluation.distance import parse_bounds
    from propose_reduce.evaluation.reports.distance import FILES, analyze_distance

    with progress_bar("measuring") as progress:
        report = analyze_distance(
            ground_truth, proposals, bounds=parse_bounds(bounds), progress=progress
        )
    terminal().print(report.table())
    folder = report.save(output)
    say(f"{', '.join(FILES)} -> {folder}")


app = typer.Typer(help="Study results against the ground truth.", no_args_is_help=True)
app.command()(ablation)
app.command()(distance)
