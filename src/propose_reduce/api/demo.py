"""The whole way at once: on a clip that is rendered, with its truth, or on one's own video."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Group, RenderableType
from rich.text import Text

from propose_reduce.api.model import load
from propose_reduce.api.outputs import FILM, RESULT, SHEET, Outputs
from propose_reduce.api.predicting import (
    PredictCallback,
    VideoOutcome,
    plan,
    predict,
    raise_failures,
)
from propose_reduce.api.segmenter import Segmenter
from propose_reduce.data.shapes import ShapesVideo, shapes_video
from propose_reduce.data.shapes.export import video_annotations
from propose_reduce.errors import InputError
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics, percent
from propose_reduce.settings.options import Options
from propose_reduce.video import write_video

SPLIT, INDEX = "demo", 84
"""Two look-alike stars cross, a cross enters late, a heart leaves; no training draws from here."""

FPS = 12.0


class DemoCallback(PredictCallback, Protocol):
    """Callback on the way of the demonstration."""

    def tell(self, text: str) -> None:
        """Called with what the user should know before the work begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Demo:
    """What the demonstration made.

    Attributes:
        folder: holds all of it. clip: the video that was segmented.
        outcome: what became of it.
        metrics: against the known truth; None for a video of one's own.
    """

    folder: Path
    clip: Path
    outcome: VideoOutcome
    metrics: YoutubeVisMetrics | None

    def __rich__(self) -> RenderableType:
        """Return what to show of it."""
        files = self.outcome.file.parent
        lines = [
            *self._evaluated(),
            f"video          {self.clip}",
            *(f"{what:<14} {files / name}" for what, name in _SHOWN.items()),
        ]
        result = self.outcome.result
        tables = [] if result is None else [result.table()]
        return Group(*tables, Text("\n".join(lines)))

    def _evaluated(self) -> list[str]:
        if self.metrics is None:
            return []
        scores = ", ".join(f"{key} {percent(self.metrics[key])}" for key in ("AP", "AP50", "AR10"))
        return [f"evaluated against the truth that the clip was rendered from: {scores}"]


_SHOWN = {"overlay": FILM, "contact sheet": SHEET, "result": RESULT}


def write_clip(path: Path, *, threads: int = 1) -> ShapesVideo:
    """Write the clip that is segmented, the same file on any number of cores; return its scene."""
    video = shapes_video(SPLIT, INDEX)
    write_video(path, (video.frame(t) for t in range(len(video))), fps=FPS, threads=threads)
    return video


def demo(folder: Path, callback: DemoCallback, video: Path | None = None) -> Demo:
    """Segment a video with a bundled model, and show what there is to see.

    Without a video a clip of moving shapes is rendered, and the result evaluated against its truth.

    Args:
        folder: where to put what is made; what an earlier run left is replaced.
        callback: is called with how the work goes on.
        video: one's own, segmented by the default model.

    Raises:
        InputError: the folder cannot be written to, or the video cannot be read.
    """
    outputs = Outputs(folder, overwrite=True)
    if video is None:
        clip, model = folder / "shapes.mp4", load("shapes-tiny")
        scene = write_clip(clip)
    else:
        (clip, *others), model = plan([video], folder), load()
        if others:
            raise InputError(f"'{video}' holds {len(others) + 1} videos: the demo takes one")
    segmenter = Segmenter(model, Options())
    callback.tell(segmenter.introduction)
    outcomes = predict([clip], segmenter, outputs, callback)
    raise_failures(outcomes)
    result = outcomes[0].result
    if video is not None or result is None:
        return Demo(folder, clip, outcomes[0], None)
    truth = video_annotations(scene)
    ids = {category["name"]: category["id"] for category in truth["categories"]}
    found = result.to_youtube_vis(1, ids)
    return Demo(folder, clip, outcomes[0], evaluate_youtube_vis(truth, found))
