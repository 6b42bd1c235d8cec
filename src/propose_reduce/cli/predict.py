"""``propose-reduce predict``: the main job, on one video or many."""

from pathlib import Path
from typing import Annotated, Any

import typer

from propose_reduce.settings.options import text_of

COMPONENTS, METHOD, VIDEO = "Components", "Method", "Which frames, which categories"
OUTPUT, MACHINE = "Output", "Machine"


def _option(panel: str, *names: str, of: str = "", text: str = "", **keywords: Any) -> Any:
    """Return an option in a group of the help.

    Args:
        panel: the group's heading.
        names: on the command line, where it is not the parameter's.
        of: the option of ``Options`` whose text it has.
        text: its own text, or what is to be added.
        keywords: of ``typer.Option``.
    """
    said = f"{text_of(of)}{text}" if of else text
    return typer.Option(*names, help=said, rich_help_panel=panel, **keywords)


def predict_command(
    videos: Annotated[
        list[str],
        typer.Argument(
            metavar="VIDEO",
            help="video files, folders of images, folders of either, or patterns ('*.mp4')",
        ),
    ],
    output: Annotated[
        Path,
        _option(OUTPUT, "--output", "-o", metavar="DIR", text="DIR/<video name>/result.json .."),
    ],
    weights: Annotated[
        str | None,
        _option(
            COMPONENTS,
            metavar="NAME|FILE",
            text="a bundled name or a .safetensors file; where it is needed real-tiny",
        ),
    ] = None,
    preset: Annotated[str | None, _option(METHOD, metavar="NAME|FILE", of="preset")] = None,
    proposer: Annotated[
        str | None,
        _option(
            COMPONENTS,
            metavar="COMPONENT",
            text="torchvision:NAME, hf:ID, file:DIR or MODULE:CLASS (docs/components.md)",
        ),
    ] = None,
    propagator: Annotated[
        str | None,
        _option(
            COMPONENTS,
            metavar="COMPONENT",
            text="sam2:ID, edgetam:ID, sam3-tracker:ID, flow or MODULE:CLASS",
        ),
    ] = None,
    scorer: Annotated[
        str | None,
        _option(
            COMPONENTS,
            metavar="COMPONENT",
            text="key-frame, redetect, redetect-key-frames or MODULE:CLASS",
        ),
    ] = None,
    given: Annotated[
        Path | None,
        _option(
            COMPONENTS,
            metavar="DIR|FILE",
            text="label maps of the objects to follow, whose ids all outputs keep (nothing else is "
            "proposed); or boxes and points as JSON",
        ),
    ] = None,
    boxes: Annotated[
        list[str] | None,
        _option(
            COMPONENTS,
            "--box",
            metavar="FRAME:X1,Y1,X2,Y2[:LABEL]",
            text="a box round an object to follow; may be repeated",
        ),
    ] = None,
    points: Annotated[
        list[str] | None,
        _option(
            COMPONENTS,
            "--point",
            metavar="FRAME:X,Y[:+/-][:ID]",
            text="a point on (+) or beside (-) an object to follow; may be repeated",
        ),
    ] = None,
    mask_maker: Annotated[
        str | None,
        _option(
            COMPONENTS,
            "--mask-maker",
            metavar="COMPONENT",
            text="makes masks of boxes and points: sam2:ID, grabcut or MODULE:CLASS",
        ),
    ] = None,
    given_first: Annotated[
        bool,
        _option(COMPONENTS, "--given-first", text="take each object's first given mask alone"),
    ] = False,
    prompts: Annotated[
        list[str] | None,
        _option(COMPONENTS, "--prompt", metavar="TEXT", of="prompts", text="; may be repeated"),
    ] = None,
    paradigm: Annotated[str | None, _option(METHOD, of="paradigm")] = None,
    key_frames: Annotated[int | None, _option(METHOD, of="key_frames")] = None,
    max_objects: Annotated[int | None, _option(METHOD, of="max_objects")] = None,
    memory_every: Annotated[int | None, _option(METHOD, of="memory_every")] = None,
    device: Annotated[str, _option(MACHINE, of="device")] = "auto",
    precision: Annotated[str, _option(MACHINE, of="precision")] = "auto",
    compiled: Annotated[bool, _option(MACHINE, "--compile", of="compile")] = False,
    formats: Annotated[
        list[str] | None,
        _option(OUTPUT, "--format", text="native, youtube-vis or davis; may be repeated"),
    ] = None,
    annotations: Annotated[
        Path | None, _option(OUTPUT, metavar="FILE", text="whose ids YouTube-VIS output carries")
    ] = None,
    overlay: Annotated[str, _option(OUTPUT, text="video, frames or none")] = "video",
    labels: Annotated[
        str, _option(OUTPUT, text="what labels of the overlay say: some of these, or none")
    ] = "id,name,score",
    opacity: Annotated[float, _option(OUTPUT, text="of masks in the overlay, 0 to 1")] = 0.45,
    show_score: Annotated[
        float, _option(OUTPUT, text="leave weaker sequences out of pictures and DAVIS maps")
    ] = 0.3,
    overwrite: Annotated[
        bool, _option(OUTPUT, "--overwrite", text="do finished videos again")
    ] = False,
    keep_proposals: Annotated[
        bool,
        _option(OUTPUT, "--keep-proposals", text="proposals.json: before they are reduced"),
    ] = False,
    start: Annotated[float | None, _option(VIDEO, of="start")] = None,
    end: Annotated[float | None, _option(VIDEO, of="end")] = None,
    every: Annotated[int, _option(VIDEO, of="every")] = 1,
    classes: Annotated[
        list[str] | None,
        _option(VIDEO, metavar="NAME", of="classes", text="; may be repeated"),
    ] = None,
    min_score: Annotated[float | None, _option(METHOD, of="min_score")] = None,
    settings: Annotated[
        list[str] | None,
        _option(METHOD, "--set", metavar="A.B=V", of="settings", text="; may be repeated"),
    ] = None,
) -> None:
    """Find and follow every object; one that is done is skipped when run again."""
    from propose_reduce.cli.terminal import VideoProgress

    options = {
        "preset": preset,
        "key_frames": key_frames,
        "max_objects": max_objects,
        "memory_every": memory_every,
        "device": device,
        "precision": precision,
        "compile": compiled,
        "paradigm": paradigm,
        "prompts": tuple(prompts or ()),
        "start": start,
        "end": end,
        "every": every,
        "classes": tuple(classes or ()),
        "min_score": min_score,
        "settings": tuple(settings or ()),
    }
    with VideoProgress() as progress:
        from propose_reduce import api  # takes seconds, so the bar is there before
        from propose_reduce.settings import validate

        paths = api.plan(videos, output)
        outputs = api.Outputs(
            output,
            formats or ("native",),
            overlay,
            opacity,
            () if labels == "none" else tuple(labels.split(",")),
            show_score,
            keep_proposals,
            None if annotations is None else api.Annotations.read(annotations),
            overwrite,
            together=len(paths) > 1,
        )
        chosen = validate(api.Options, options, "predict")
        marks = [*map(api.read_box, boxes or ()), *map(api.read_point, points or ())]
        objects = api.given_objects(given, marks, first_only=given_first, mask_maker=mask_maker)
        segmenter = api.prepare(weights, chosen, proposer, propagator, scorer, given=objects)
        progress.tell(segmenter.introduction)
        outcomes = api.predict(paths, segmenter, outputs, progress)
    api.raise_failures(outcomes)
