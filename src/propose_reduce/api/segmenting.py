"""``segment``: one video in, its result out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from propose_reduce.api.model import Model
from propose_reduce.api.options import Options
from propose_reduce.api.preparing import prepare
from propose_reduce.protocols import Progress, Propagator, Proposer, Scorer
from propose_reduce.results import VideoResult
from propose_reduce.settings import validate


def segment(
    video: Any,
    model: Model | str | Path | None = None,
    *,
    proposer: Proposer | str | None = None,
    propagator: Propagator | str | None = None,
    scorer: Scorer | str | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> VideoResult:
    """Return every object of a video as a labelled, scored mask sequence.

    A damaged video gives what can be read of it, and a Python warning says what is missing.

    Args:
        video: a video file, a folder of images, or frames in memory: an array or tensor
            (T, H, W, 3) or (T, 3, H, W), or a list or generator of pictures (Pillow images too);
            RGB, uint8 or floats of 0 to 1.
        model: what ``load`` returned, or what it takes; "shapes-tiny" where nothing is given.
        proposer: a component of one's own in place of the model's (see ``protocols.py``), or the
            name of one as on the command line (docs/components.md).
        propagator: likewise.
        scorer: likewise.
        progress: called with a stage ("propose", "propagate", "report"), steps done and all steps.
        **options: as on the command line: preset, key_frames, max_objects, memory_every,
            min_score, classes, start, end, every, paradigm, prompts, device, precision ("auto",
            "fp32", "bf16"), compile, and settings, a sequence of "a.b=value".

    Raises:
        InputError: the video cannot be read, or an option is unknown or faulty.
    """
    segmenter = prepare(model, validate(Options, options, "segment"), proposer, propagator, scorer)
    opened = segmenter.open(video)
    for warning in opened.warnings:
        warnings.warn(f"{opened.name}: {warning}", stacklevel=2)
    output = segmenter(opened, progress=progress)
    for warning in output.warnings:
        warnings.warn(f"{opened.name}: {warning}", stacklevel=2)
    return output.result
