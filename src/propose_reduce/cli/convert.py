"""``propose-reduce convert``: foreign weights into a file of ours."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from propose_reduce.cli.terminal import say, terminal


def convert_command(
    checkpoint: Annotated[Path, typer.Argument(help="a .pth, .pt, .pkl or .safetensors file")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="the .safetensors file to write")
    ],
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="preset the model is for [default: COCO weights as they are]"
        ),
    ] = None,
    style: Annotated[
        Literal["pytorch", "caffe"] | None,
        typer.Option(
            help="how the backbone of an MMDetection checkpoint was trained [default: as it says]"
        ),
    ] = None,
) -> None:
    """Turn a foreign checkpoint into a weights file.

    Known are the authors' released Seq Mask R-CNN models, Mask R-CNN of
    torchvision, MMDetection and Detectron2 (COCO) and ImageNet classifiers of
    torchvision and timm. Nothing that a checkpoint holds is run. The table
    says of every tensor whether it was loaded, dropped or initialised, and why.

    The authors' code and weights carry no clear licence: ask them before you
    pass weights on.
    """
    from propose_reduce.models.convert.convert import convert as convert_checkpoint

    conversion = convert_checkpoint(checkpoint, output, preset, style=style)
    terminal().print(conversion.table())
    if conversion.note:
        say(f"note: {conversion.note}", err=True)
    say(f"{conversion.source} -> {output}")
