"""``propose-reduce evaluate youtube-vis``: average precision and recall of instance sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.progress import progress_bar


def youtube_vis(
    ground_truth: Annotated[Path, typer.Argument(metavar="GT", help="YouTube-VIS annotations")],
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="PRED", help="YouTube-VIS results, a result.json, or a folder of such"
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="write metrics.json here")
    ] = None,
    agnostic: Annotated[bool, typer.Option("--agnostic", help="all categories as one")] = False,
    per_video: Annotated[bool, typer.Option("--per-video", help="a row per video")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="what each kind of error costs")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="write an HTML page, report.html, here")
    ] = None,
    frames: Annotated[
        Path | None, typer.Option(metavar="DIR", help="images of GT, for pictures in the report")
    ] = None,
    distance: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="what 'analyze distance' wrote, for the report"),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = 1,
) -> None:
    """Evaluate instance sequences by the rules of YouTube-VIS."""
    from rich.console import Console

    from propose_reduce.errors import InputError
    from propose_reduce.evaluation import evaluate_youtube_vis
    from propose_reduce.evaluation.files import load_predictions
    from propose_reduce.files import read_json

    if report is None and (frames or distance):
        raise InputError("--frames and --distance are for the report: add --report DIR")
    truth = read_json(ground_truth)
    with progress_bar("evaluating") as progress:
        metrics = evaluate_youtube_vis(
            truth,
            load_predictions(predictions, truth),
            agnostic=agnostic,
            per_video=per_video or report is not None,
            errors=errors or report is not None,
            workers=workers,
            progress=progress,
        )
    console = Console()
    if per_video:
        console.print(metrics.video_table())
    console.print(metrics.table())
    if errors and metrics.errors is not None:
        console.print(metrics.errors.table())
    for note in metrics.notes:
        typer.echo(f"note: {note}", err=True)
    if output is not None:
        metrics.save(output)
        typer.echo(f"metrics -> {output}")
    if report is not None:
        from propose_reduce.evaluation.report import write_report
        from propose_reduce.evaluation.tracks import read_ground_truth

        videos = read_ground_truth(truth).videos
        title = f"{predictions.name} against {ground_truth.name}"
        page = write_report(report, metrics, videos, title=title, frames=frames, distance=distance)
        typer.echo(f"report -> {page}")
