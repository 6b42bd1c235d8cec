"""``propose-reduce evaluate tracking``: HOTA, CLEAR and identity measures of mask sequences."""

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.progress import progress_bar
from propose_reduce.cli.terminal import say, terminal


def tracking(
    ground_truth: Annotated[
        Path,
        typer.Argument(
            metavar="GT",
            help="annotations of YouTube-VIS, BURST or TAO, or a MOTS or KITTI MOTS folder",
        ),
    ],
    predictions: Annotated[
        Path,
        typer.Argument(
            metavar="PRED",
            help="results in the same form; for annotations also a result.json or a folder of such",
        ),
    ],
    metrics: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="families of measures")
    ] = "hota,clear,identity",
    iou: Annotated[str, typer.Option(help="masks, or boxes around them")] = "masks",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="write metrics.json here")
    ] = None,
    agnostic: Annotated[bool, typer.Option("--agnostic", help="all categories as one")] = False,
    min_score: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="leave out predictions whose score is lower [default: none]"
        ),
    ] = None,
    per_video: Annotated[bool, typer.Option("--per-video", help="a row per video")] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="how sure the numbers are: bootstrap over videos")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = 1,
) -> None:
    """Evaluate tracks by the rules of TrackEval."""
    from propose_reduce.evaluation.tracking import evaluate_tracking, load_tracked_videos

    videos = load_tracked_videos(ground_truth, predictions, agnostic=agnostic)
    if min_score is not None:
        videos = videos.scored(min_score)
    with progress_bar("evaluating") as progress:
        result = evaluate_tracking(
            videos,
            metrics=metrics.split(","),
            iou=iou,
            intervals=intervals,
            workers=workers,
            progress=progress,
        )
    console = terminal()
    for table in [*(result.video_tables() if per_video else []), *result.tables()]:
        console.print(table)
    if intervals:
        console.print(result.interval_table())
    for note in result.notes:
        say(f"note: {note}", err=True)
    if output is not None:
        result.save(output)
        say(f"metrics -> {output}")
