"""``propose-reduce evaluate``: the official numbers of a benchmark, a command for each."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from propose_reduce.cli.terminal import progress_bar, say, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics


def davis_command(
    ground_truth: Annotated[
        Path, typer.Argument(metavar="GT_DIR", help="a DAVIS root, or a folder per sequence")
    ],
    predictions: Annotated[
        Path, typer.Argument(metavar="PRED_DIR", help="a folder of PNGs per sequence")
    ],
    task: Annotated[
        str, typer.Option(help="unsupervised or semi-supervised, or vos for any other truth")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="write metrics.json here")
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(help="sequence names, one per line [default: the root's val.txt, or all]"),
    ] = None,
    resize: Annotated[
        str | None, typer.Option(help="nearest: fit result frames of another size")
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="how sure the numbers are: bootstrap over sequences")
    ] = False,
    binary: Annotated[
        bool, typer.Option("--binary", help="255 is object 1 [default: where 0 and 255 are all]")
    ] = False,
    present_only: Annotated[
        bool,
        typer.Option("--present-only", help="vos: leave out frames that do not show the object"),
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = 1,
    per_object: Annotated[bool, typer.Option("--per-object", help="a row per object")] = False,
    per_sequence: Annotated[
        bool, typer.Option("--per-sequence", help="a row per sequence")
    ] = False,
) -> None:
    """Evaluate label maps by the rules of DAVIS 2017, or of any VOS truth."""
    from propose_reduce.data.turns import pictures_of_davis, turned_truth
    from propose_reduce.evaluation import evaluate_davis
    from propose_reduce.evaluation.davis import Resize
    from propose_reduce.evaluation.davis_metrics import Task

    with progress_bar("evaluating") as progress:
        metrics = evaluate_davis(
            ground_truth,
            predictions,
            task=cast(Task, task),  # both names are checked there
            split=split,
            resize=cast(Resize | None, resize),
            intervals=intervals,
            binary=binary,
            present_only=present_only,
            workers=workers,
            progress=progress,
        )
    console = terminal()
    if per_object:
        console.print(metrics.object_table())
    if per_sequence:
        console.print(metrics.sequence_table())
    console.print(metrics.table())
    if intervals:
        console.print(metrics.interval_table())
    for note in (*metrics.notes, *turned_truth(pictures_of_davis(ground_truth))):
        say(f"note: {note}", err=True)
    if output is not None:
        metrics.save(output)
        say(f"metrics -> {output}")


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
    from propose_reduce.data.foreign import read_document
    from propose_reduce.errors import InputError
    from propose_reduce.evaluation import evaluate_youtube_vis
    from propose_reduce.evaluation.comparison import Comparison, method_names
    from propose_reduce.evaluation.files import load_predictions

    if report is None and (frames or distance):
        raise InputError("--frames and --distance are for the report: add --report DIR")
    if distance and len(predictions) > 1:
        raise InputError("--distance is of one method: leave it out, or give one PRED")
    names = method_names(predictions)
    truth = read_document(ground_truth)
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
        from propose_reduce.evaluation.reports.page import (
            provenance,
            write_comparison,
            write_report,
        )
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


app = typer.Typer(help="Evaluate results against the ground truth.", no_args_is_help=True)
app.command("youtube-vis")(youtube_vis_command)
app.command("davis")(davis_command)
app.command()(tracking)
