"""``propose-reduce benchmark``: how fast the network is here, stage by stage."""

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.terminal import progress_bar, say, terminal
from propose_reduce.settings.options import text_of


def benchmark_command(
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="its inference settings and, without weights, its model [default: the weights' "
            "own settings, or youtube_vis_2019_r50]",
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="a bundled name or a weights file [default: random weights]"
        ),
    ] = None,
    objects: Annotated[
        list[int] | None,
        typer.Option(help="O, given on each key frame; may be repeated [default: 4 and 10]"),
    ] = None,
    frames: Annotated[int, typer.Option(help="T, the video's length")] = 12,
    precisions: Annotated[
        list[str] | None,
        typer.Option(
            "--precision", help="fp32, bf16 or auto; may be repeated [default: fp32 and bf16]"
        ),
    ] = None,
    repeat: Annotated[
        int, typer.Option(help="runs of each kind, of which the median one is shown")
    ] = 1,
    device: Annotated[str, typer.Option(help=text_of("device"))] = "auto",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.json", help="write the figures there too"),
    ] = None,
) -> None:
    """Measure speed and memory on a drawn video whose objects are given, so the work is fixed."""
    import json

    from propose_reduce.benchmarking import BenchmarkSettings
    from propose_reduce.benchmarking import benchmark as run
    from propose_reduce.files import check_folder, write_text
    from propose_reduce.settings import validate

    named = {
        "preset": preset,
        "weights": weights,
        "objects": tuple(objects) if objects else None,
        "frames": frames,
        "precisions": tuple(precisions) if precisions else None,
        "repeat": repeat,
        "device": device,
    }
    settings = validate(
        BenchmarkSettings, {k: v for k, v in named.items() if v is not None}, "benchmark"
    )
    if output is not None:
        check_folder(output.parent)
    with progress_bar("measuring") as progress:
        report = run(settings, progress=progress)
    terminal().print(report.table())
    if output is not None:
        write_text(output, json.dumps(report.as_json(), indent=1))
        say(f"figures -> {output}")
