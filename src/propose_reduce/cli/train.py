"""``propose-reduce train``: train a model by a preset."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from propose_reduce.cli.terminal import progress_bar, say, terminal
from propose_reduce.errors import InputError, missing_library

if TYPE_CHECKING:
    from propose_reduce.settings import Preset


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
        str | None,
        typer.Option(metavar="NAME|FILE", help="bundled name or weights file to start from"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="of the stage, where the preset has one")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="passes over the data, likewise")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="initial learning rate, likewise")
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
    from propose_reduce.api.model import bundled_file, bundled_models
    from propose_reduce.settings import load_preset, override

    try:
        from propose_reduce.training import recipe
        from propose_reduce.training.sources import with_own_data
        from propose_reduce.training.start import with_init
    except ModuleNotFoundError as error:
        raise missing_library("training", str(error.name), "train") from error
    if images is not None and data is None:
        raise InputError(f"--images '{images}' belongs to --data, which is not given")
    chosen = load_preset(preset)
    with ExitStack() as open_files:
        if start := init or chosen.training.init:
            if start in bundled_models():
                start = str(open_files.enter_context(bundled_file(start)))
            chosen = with_init(chosen, Path(start).expanduser())
        if data is not None:
            chosen = with_own_data(chosen, data, images)
        named = {"steps": steps, "epochs": epochs, "learning_rate": learning_rate}
        chosen = override(chosen, [*_of_the_stage(chosen, preset, named), *(settings or ())])
        run = recipe.Run(output, resume, devices, _batch_size_or_auto(batch_size))
        console = terminal(stderr=True)
        try:
            with progress_bar("checking the data") as progress:
                path = recipe.train(
                    chosen,
                    run,
                    note=lambda text: say(text, err=True),
                    tell=lambda report: console.print(report.show(), soft_wrap=True),
                    progress=progress,
                )
        except (KeyboardInterrupt, SystemExit):
            if (output / recipe.SETTINGS).is_file():
                say("stopped; --resume goes on from the last checkpoint", err=True)
            raise
    say(f"trained -> {path}")
    say(f"next: propose-reduce predict VIDEO -o out --weights {path}", err=True)


def _of_the_stage(chosen: "Preset", name: str, values: dict[str, int | float | None]) -> list[str]:
    """Return the settings of a preset's only stage that options stand for.

    Raises:
        InputError: it has several.
    """
    given = {option: value for option, value in values.items() if value is not None}
    stages = list(chosen.training.stages)
    if given and len(stages) > 1:
        option = next(iter(given))
        raise InputError(
            f"--{option.replace('_', '-')} is for presets of one stage, and '{name}' has "
            f"{', '.join(stages)}: --set training.stages.{stages[0]}.{option}={given[option]}"
        )
    start = f"training.stages.{stages[0]}"
    instead = [f"{start}.steps=null"] if "epochs" in given else []
    return [*instead, *(f"{start}.{option}={value}" for option, value in given.items())]


def _batch_size_or_auto(text: str | None) -> int | Literal["auto"] | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"--batch-size must be a number of at least 1, or auto, got '{text}'")
    return int(text)
