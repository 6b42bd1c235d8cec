"""``propose-reduce export``: results in the formats of other tools."""

from pathlib import Path
from typing import Annotated

import typer

from propose_reduce.cli.terminal import say


def export_command(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT", help="result.json, or the folders that predict wrote"),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="where files go")],
    formats: Annotated[
        list[str],
        typer.Option("--format", metavar="NAME", help="may be repeated (docs/formats.md)"),
    ],
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="leave out sequences that score less")
    ] = 0.0,
) -> None:
    """Write results in the formats of other tools: COCO, CVAT, MOTS, YOLO and more."""
    from dataclasses import replace

    from propose_reduce.errors import InputError
    from propose_reduce.results import VideoResult
    from propose_reduce.results.exports import export as write
    from propose_reduce.results.exports import export_format
    from propose_reduce.results.native import find_results

    for name in formats:
        export_format(name)
    files = [file for argument in results for file in find_results(argument)]
    names: dict[str, Path] = {}
    for file in files:
        result = VideoResult.load(file)
        if result.name in names:
            raise InputError(
                f"'{names[result.name]}' and '{file}' are both of a video '{result.name}': "
                "export them into different folders"
            )
        names[result.name] = file
        kept = tuple(s for s in result.sequences if s.score >= min_score)
        if not kept:
            say(f"{file}: no sequence to export", err=True)
        for name in formats:
            folder = output / name if len(formats) > 1 else output
            say(write(replace(result, sequences=kept), name, folder))
