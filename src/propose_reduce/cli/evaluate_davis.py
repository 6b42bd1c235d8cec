"""``propose-reduce evaluate davis``: J, F and J&F of label maps."""

from pathlib import Path
from typing import Annotated, cast

import typer

from propose_reduce.cli.progress import progress_bar
from propose_reduce.cli.terminal import say, terminal


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
