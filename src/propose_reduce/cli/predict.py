"""``propose-reduce predict``: the main job, on one video or many."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def predict(
    videos: Annotated[
        list[str],
        typer.Argument(
            metavar="VIDEO",
            help="video files, folders of images, folders of either, or patterns ('*.mp4')",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="DIR/<video name>/result.json ..")
    ],
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="a bundled name or a .safetensors file [default: shapes-tiny, where it is needed]",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="whose inference settings and components to use"),
    ] = None,
    proposer: Annotated[
        str | None,
        typer.Option(
            metavar="COMPONENT", help="torchvision:NAME, hf:ID, file:DIR (docs/components.md)"
        ),
    ] = None,
    propagator: Annotated[
        str | None,
        typer.Option(metavar="COMPONENT", help="sam2:ID, edgetam:ID, sam3-tracker:ID or flow"),
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(metavar="COMPONENT", help="key-frame, redetect or redetect-key-frames"),
    ] = None,
    prompts: Annotated[
        list[str] | None,
        typer.Option("--prompt", metavar="TEXT", help="what to look for; may be repeated"),
    ] = None,
    paradigm: Annotated[
        str | None, typer.Option(help="propose-reduce or, a baseline, track-by-detect")
    ] = None,
    key_frames: Annotated[int | None, typer.Option(help="K, the frames to propose on")] = None,
    max_objects: Annotated[int | None, typer.Option(help="O, most objects of a key frame")] = None,
    memory_every: Annotated[int | None, typer.Option(help="memorise every Nth frame")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16")] = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="compile the networks first; pays on long videos")
    ] = False,
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", help="native, youtube-vis or davis; may be repeated"),
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="whose ids YouTube-VIS output carries")
    ] = None,
    overlay: Annotated[str, typer.Option(help="video, frames or none")] = "video",
    labels: Annotated[
        str, typer.Option(help="what labels of the overlay say: some of these, or none")
    ] = "id,name,score",
    opacity: Annotated[float, typer.Option(help="of masks in the overlay, 0 to 1")] = 0.45,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="do finished videos again")
    ] = False,
    keep_proposals: Annotated[
        bool, typer.Option("--keep-proposals", help="proposals.json: before they are reduced")
    ] = False,
    start: Annotated[
        float | None, typer.Option(help="first second; for images the first frame number")
    ] = None,
    end: Annotated[
        float | None, typer.Option(help="second, or frame number, before which to stop")
    ] = None,
    every: Annotated[int, typer.Option(help="take each Nth frame")] = 1,
    classes: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="look for this category only; may be repeated"),
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(help="leave out sequences that score less")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="A.B=V", help="a further setting; may be repeated"),
    ] = None,
) -> None:
    """Find and follow every object; one that is done is skipped when run again."""
    from propose_reduce.cli.video_progress import VideoProgress

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
            keep_proposals,
            None if annotations is None else api.Annotations.read(annotations),
            overwrite,
            together=len(paths) > 1,
        )
        chosen = validate(api.Options, options, "predict")
        segmenter = api.prepare(weights, chosen, proposer, propagator, scorer)
        outcomes = api.predict(paths, segmenter, outputs, progress)
    api.raise_failures(outcomes)
