"""Many videos, one after the other: what fails is reported, what is done stays. And the demo."""

import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Protocol

from rich.console import Group, RenderableType
from rich.text import Text

from propose_reduce.api.model import load
from propose_reduce.api.outputs import FILM, LOG, RESULT, SHEET, Outputs
from propose_reduce.api.segmenter import SegmentationOutput, Segmenter
from propose_reduce.data.shapes import ShapesVideo, shapes_video
from propose_reduce.data.shapes.export import video_annotations
from propose_reduce.errors import InputError, ProposeReduceError
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics, percent
from propose_reduce.files import is_folder
from propose_reduce.results import VideoResult
from propose_reduce.settings.options import Options
from propose_reduce.video import (
    find_videos,
    possible_sizes,
    stored_digest,
    video_names,
    write_video,
)


@dataclass(frozen=True, slots=True, eq=False)
class VideoOutcome:
    """The outcome of one video: its result or its fault.

    Attributes:
        path: as it was given.
        file: its result file.
        result: None where it failed.
        seconds: how long it took; 0 where an earlier result was kept.
        warnings: what the user should know of the video.
        show_score: the score from which on pictures show a sequence.
        error: why it failed; None where it did not.
    """

    path: Path
    file: Path
    result: VideoResult | None = None
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    show_score: float = 0.0
    error: ProposeReduceError | None = None

    def __str__(self) -> str:
        """Return it in one line."""
        if self.result is None:
            fault = str(self.error)
            return fault if str(self.path) in fault else f"{self.path}: {fault}"
        shown = len(self.result.filter(min_score=self.show_score).sequences)
        found = f"{_counted(shown, 'object')} in {_counted(self.result.num_frames, 'frame')}"
        if weak := len(self.result.sequences) - shown:
            found += f" ({weak} more below a score of {self.show_score:g})"
        if not self.seconds:
            return f"{self.path}: {found}, done before -> {self.file}"
        speed = f"{self.result.num_frames / self.seconds:.1f} frames/s"
        return f"{self.path}: {found}, {speed} -> {self.file}"


class PredictCallback(Protocol):
    """Callback on the way of a run over videos."""

    def start(self, path: Path, number: int, total: int) -> None:
        """Called when a video is begun: the number-th, from 1, of total."""

    def step(self, stage: str, share: float, frames: int) -> None:
        """Called with a video's progress: which share of a stage is done, and its frames."""

    def finish(self, outcome: VideoOutcome) -> None:
        """Called when a video is done, kept or failed."""


def plan(arguments: Iterable[str | Path], folder: Path) -> list[Path]:
    """Return the videos that arguments stand for, each once, in order.

    An argument that stands for none stays in the list, to be reported when its turn comes.

    Raises:
        InputError: two videos have one name, or one's output would go into its own folder.
    """
    paths = {_resolved(path): path for a in arguments for path in find_videos(a)}
    names: dict[str, Path] = {}
    for name, path in zip(video_names(list(paths.values())), paths.values(), strict=True):
        if name in names:
            raise InputError(
                f"two videos are called '{name}' and would share an output folder: "
                f"'{names[name]}' and '{path}'; run them with different -o"
            )
        if is_folder(path) and (folder / name).resolve() == path.resolve():
            raise InputError(f"the output of '{path}' would go into that folder: give another -o")
        names[name] = path
    return list(paths.values())


def predict(
    paths: Sequence[Path], segmenter: Segmenter, outputs: Outputs, callback: PredictCallback
) -> list[VideoOutcome]:
    """Segment videos and write what is asked for; a faulty one does not stop the others.

    Each file appears whole or not at all, so that an interrupted run goes on where it stopped.

    Args:
        paths: from ``plan``.
        segmenter: the model and how to run it.
        outputs: what to write where.
        callback: is called with how the work goes on.

    Raises:
        InputError: the annotations list none of the model's categories.
    """
    outputs.check_categories(segmenter.categories)
    outcomes = []
    names = video_names(paths)
    for number, (path, name) in enumerate(zip(paths, names, strict=True), start=1):
        callback.start(path, number, len(paths))
        try:
            outcome = _predict_one(path, name, number, segmenter, outputs, callback)
        except Exception as error:  # whatever happens on one video, the others are done
            told = _told(error, path, outputs.folder / LOG)
            outcome = VideoOutcome(path, outputs.folder / name / RESULT, error=told)
        outcomes.append(outcome)
        callback.finish(outcome)
    outputs.combine({n: o.result for n, o in enumerate(outcomes, start=1) if o.result is not None})
    return outcomes


def _predict_one(
    path: Path,
    name: str,
    number: int,
    segmenter: Segmenter,
    outputs: Outputs,
    callback: PredictCallback,
) -> VideoOutcome:
    """Do one video, or keep what an earlier run made of it."""
    opened = cache(lambda: segmenter.open(path))
    file = outputs.folder / name / RESULT
    settings = {**segmenter.settings(), "video": {"sha256": stored_digest(path)}}

    def report_progress(stage: str, done: int, steps: int) -> None:
        callback.step(stage, done / steps, len(opened().frames))

    outputs.check_room(name)
    earlier = outputs.finished(name, settings)
    if earlier is not None and earlier.size in possible_sizes(path):
        outputs.complete(earlier, opened, number, report_progress, path)
        shown_from = outputs.least_score(earlier)
        lost = outputs.lost(earlier)
        return VideoOutcome(path, file, earlier, warnings=lost, show_score=shown_from)
    began = time.perf_counter()
    video = opened()
    if outputs.annotations is not None:  # before the work, not after it
        outputs.annotations.video_id(name, len(video.frames))
    output = segmenter(video, progress=report_progress, keep_proposals=outputs.keep_proposals)
    result = replace(output.result, name=name, settings=settings)
    proposals = output.proposals and replace(output.proposals, name=name, settings=settings)
    seconds = time.perf_counter() - began
    outputs.save(SegmentationOutput(result, proposals))
    outputs.complete(result, opened, number, report_progress, path)
    warnings = (*video.warnings, *output.warnings, *outputs.lost(result))
    return VideoOutcome(path, file, result, seconds, warnings, outputs.least_score(result))


def _resolved(path: Path) -> Path:
    """Return the place that a path leads to; of a link that leads round, its own."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def _told(error: Exception, path: Path, log: Path) -> ProposeReduceError:
    """Return what to say of an error; where one arose that nobody foresaw is written down."""
    if isinstance(error, ProposeReduceError):
        return error
    place = f"the traceback is in '{log}'"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S} {path}\n")
            file.writelines(traceback.format_exception(error))
    except OSError:
        place = "and the traceback cannot be written"
    reason = " ".join(str(error).split())
    return ProposeReduceError(f"video '{path}': {type(error).__name__}: {reason:.200}; {place}")


def raise_failures(outcomes: Sequence[VideoOutcome]) -> None:
    """Raise one error that names every video that failed, if any did.

    Its class is that of all of them, or InputError where they differ.
    """
    failed = {outcome.path: outcome.error for outcome in outcomes if outcome.error is not None}
    if not failed:
        return
    if len(outcomes) == 1:
        raise next(iter(failed.values()))
    kinds = {type(error) for error in failed.values()}
    kind = kinds.pop() if len(kinds) == 1 else InputError
    names = ", ".join(str(path) for path in failed)
    raise kind(f"{len(failed)} of {len(outcomes)} videos failed: {names}")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


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
