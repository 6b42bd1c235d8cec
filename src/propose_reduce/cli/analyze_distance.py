"""``propose-reduce analyze distance``: how well masks survive propagation."""

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.progress import progress_bar
from propose_reduce.cli.terminal import say, terminal


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
    from propose_reduce.evaluation.distance_report import FILES, analyze_distance

    with progress_bar("measuring") as progress:
        report = analyze_distance(
            ground_truth, proposals, bounds=parse_bounds(bounds), progress=progress
        )
    terminal().print(report.table())
    folder = report.save(output)
    say(f"{', '.join(FILES)} -> {folder}")
