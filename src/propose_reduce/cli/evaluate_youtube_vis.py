"""``propose-reduce evaluate youtube-vis``: average precision and recall of instance sequences."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from propose_reduce.cli.progress import progress_bar
from propose_reduce.cli.terminal import say, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics


def youtube_vis_command(
    ground_truth: Annotated[Path, typer.Argument(metavar="GT", help="YouTube-VIS annotations")],
    predictions: Annotated[
        list[Path],
        typer.Argument(
            metavar="PRED...",
            help="YouTube-VIS results, a result.json, or a folder of such; of each method one",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="write metrics.json here")
    ] = None,
    agnostic: Annotated[bool, typer.Option("--agnostic", help="all categories as one")] = False,
    phrase: Annotated[
        bool, typer.Option("--phrase", help="pairs of a video and a category as units")
    ] = False,
    iou: Annotated[str, typer.Option(help="masks, or boxes around them")] = "masks",
    per_video: Annotated[bool, typer.Option("--per-video", help="a row per video")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="what each kind of error costs")] = False,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="how sure the numbers are: bootstrap over videos")
    ] = False,
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
    """Evaluate instance sequences by the rules of YouTube-VIS, of one method or side by side."""
    from propose_reduce.data.check import IMAGES
    from propose_reduce.errors import InputError
    from propose_reduce.evaluation import evaluate_youtube_vis
    from propose_reduce.evaluation.comparison import Comparison, method_names
    from propose_reduce.evaluation.files import load_predictions
    from propose_reduce.files import read_json

    if report is None and (frames or distance):
        raise InputError("--frames and --distance are for the report: add --report DIR")
    if distance and len(predictions) > 1:
        raise InputError("--distance is of one method: leave it out, or give one PRED")
    names = method_names(predictions)
    truth = read_json(ground_truth)
    methods: dict[str, YoutubeVisMetrics] = {}
    for name, path in zip(names, predictions, strict=True):
        with progress_bar(name if len(names) > 1 else "evaluating") as progress:
            methods[name] = evaluate_youtube_vis(
                truth,
                load_predictions(path, truth),
                agnostic=agnostic,
                phrase=phrase,
                iou=iou,
                per_video=per_video or report is not None,
                errors=errors or report is not None,
                intervals=intervals or report is not None,
                workers=workers,
                progress=progress,
            )
    comparison = Comparison(methods) if len(methods) > 1 else None
    console = terminal()
    for name, metrics in methods.items():
        if comparison:
            console.print(f"{name}:", markup=False, highlight=False)
        _show(metrics, console, per_video=per_video, errors=errors, intervals=intervals)
        for note in metrics.notes:
            say(f"note: {f'{name}: ' if comparison else ''}{note}", err=True)
    _note_turns(truth, frames or ground_truth.parent / IMAGES)
    if comparison:
        console.print(comparison.table())
        for table in comparison.interval_tables() if intervals else []:
            console.print(table)
    if output is not None:
        (comparison or methods[names[0]]).save(output)
        say(f"metrics -> {output}")
    if report is not None:
        from propose_reduce.evaluation.report import provenance, write_comparison, write_report
        from propose_reduce.evaluation.tracks import read_ground_truth

        videos = read_ground_truth(truth).videos
        command = shlex.join(["propose-reduce", *sys.argv[1:]])
        origin = provenance(command, dict(zip(names, predictions, strict=True)))
        title = f"{', '.join(names)} against {ground_truth.name}"
        if comparison:
            page = write_comparison(
                report, comparison, videos, title=title, frames=frames, provenance=origin
            )
            comparison.save_tables(report)
        else:
            page = write_report(
                report,
                methods[names[0]],
                videos,
                title=title,
                frames=frames,
                distance=distance,
                provenance=origin,
            )
        say(f"report -> {page}")


def _note_turns(truth: Mapping[str, Any], images: Path) -> None:
    """Say what EXIF tags do to pictures of the truth, where they can be found."""
    from propose_reduce.data.turns import pictures_of_videos, turned_truth

    for note in turned_truth(pictures_of_videos(truth, images)):
        say(f"note: {note}", err=True)


def _show(
    metrics: YoutubeVisMetrics, console: Console, *, per_video: bool, errors: bool, intervals: bool
) -> None:
    if per_video:
        console.print(metrics.video_table())
    console.print(metrics.table())
    if errors and metrics.errors is not None:
        console.print(metrics.errors.table())
    if intervals:
        console.print(metrics.interval_table())
