"""``propose-reduce train``: train a model by a preset."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from propose_reduce.cli.progress import progress_bar
from propose_reduce.cli.terminal import say, terminal
from propose_reduce.errors import InputError, missing_library


def train_command(
    preset: Annotated[str, typer.Argument(metavar="PRESET|FILE", help="name or YAML file")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", help="a new folder for the run")
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="your own data set (YouTube-VIS or COCO json, DAVIS folder) in place of the "
            "preset's sources; its categories become the model's",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="its images [default: JPEGImages beside the file]"),
    ] = None,
    init: Annotated[
        Path | None, typer.Option(metavar="FILE", help="weights file to start from")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=V", help="a setting of the preset; may be repeated"),
    ] = None,
    batch_size: Annotated[
        str | None,
        typer.Option(metavar="N|auto", help="pairs per device; auto: as many as fit the GPU"),
    ] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, help="GPUs, or processes on the CPU [default: 1]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="go on with the run in RUN from its last checkpoint")
    ] = False,
) -> None:
    """Train a model; RUN/weights.safetensors is ready for 'predict'."""
    from propose_reduce.settings import load_preset, override

    try:
        from propose_reduce.training import recipe
        from propose_reduce.training.sources import with_own_data
    except ModuleNotFoundError as error:
        raise missing_library("training", str(error.name), "train") from error
    if images is not None and data is None:
        raise InputError(f"--images '{images}' belongs to --data, which is not given")
    chosen = load_preset(preset)
    if data is not None:
        chosen = with_own_data(chosen, data, images)
    chosen = override(chosen, settings or ())
    if init is not None:
        started = chosen.training.model_copy(update={"init": str(init)})
        chosen = chosen.model_copy(update={"training": started})
    run = recipe.Run(output, resume, devices, _batch_size_or_auto(batch_size))
    console = terminal(stderr=True)
    try:
        with progress_bar("checking the data") as progress:
            path = recipe.train(
                chosen,
                run,
                tell=lambda report: console.print(report.show(), soft_wrap=True),
                progress=progress,
            )
    except (KeyboardInterrupt, SystemExit):
        if (output / recipe.SETTINGS).is_file():
            say("stopped; --resume goes on from the last checkpoint", err=True)
        raise
    say(f"trained -> {path}")


def _batch_size_or_auto(text: str | None) -> int | Literal["auto"] | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"--batch-size must be a number of at least 1, or auto, got '{text}'")
    return int(text)
