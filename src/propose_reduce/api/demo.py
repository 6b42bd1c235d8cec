"""The whole way on a clip that nobody has to fetch: render, segment, evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from propose_reduce.api.model import load
from propose_reduce.api.outputs import FILM, RESULT, SHEET, Outputs
from propose_reduce.api.predicting import PredictCallback, VideoOutcome, predict, raise_failures
from propose_reduce.api.segmenter import Segmenter
from propose_reduce.data.shapes import ShapesVideo, shapes_video
from propose_reduce.data.shapes.export import video_annotations
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics, percent
from propose_reduce.settings.options import Options
from propose_reduce.video import write_video

SPLIT, INDEX = "demo", 84
"""Two look-alike stars cross, a cross enters late, a heart leaves; no training draws from here."""

FPS = 12.0


@dataclass(frozen=True, slots=True, eq=False)
class Demo:
    """What the demonstration made.

    Attributes:
        folder: holds all of it. clip: the video that was segmented.
        outcome: what became of it.
        metrics: against the known truth.
    """

    folder: Path
    clip: Path
    outcome: VideoOutcome
    metrics: YoutubeVisMetrics

    def __rich__(self) -> RenderableType:
        """Return what to show of it."""
        files = self.outcome.file.parent
        scores = ", ".join(f"{key} {percent(self.metrics[key])}" for key in ("AP", "AP50", "AR10"))
        lines = [
            f"evaluated against the truth that the clip was rendered from: {scores}",
            f"video          {self.clip}",
            *(f"{what:<14} {files / name}" for what, name in _SHOWN.items()),
        ]
        result = self.outcome.result
        tables = [] if result is None else [result.table()]
        return Group(*tables, Text("\n".join(lines)))


_SHOWN = {"overlay": FILM, "contact sheet": SHEET, "result": RESULT}


def write_clip(path: Path, *, threads: int = 1) -> ShapesVideo:
    """Write the clip that is segmented, the same file on any number of cores; return its scene."""
    video = shapes_video(SPLIT, INDEX)
    write_video(path, (video.frame(t) for t in range(len(video))), fps=FPS, threads=threads)
    return video


def demo(folder: Path, callback: PredictCallback) -> Demo:
    """Render a clip of moving shapes, segment it with the bundled model, evaluate the result.

    Args:
        folder: where to put the clip and what is made of it; what an earlier run left is replaced.
        callback: is called with how the work goes on.

    Raises:
        InputError: the folder cannot be written to.
    """
    outputs = Outputs(folder, overwrite=True)
    clip = folder / "shapes.mp4"
    video = write_clip(clip)
    outcomes = predict([clip], Segmenter(load(), Options()), outputs, callback)
    raise_failures(outcomes)
    truth = video_annotations(video)
    result = outcomes[0].result
    ids = {category["name"]: category["id"] for category in truth["categories"]}
    found = [] if result is None else result.to_youtube_vis(1, ids)
    return Demo(folder, clip, outcomes[0], evaluate_youtube_vis(truth, found))
