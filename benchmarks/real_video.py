"""The whole pipeline on real video with truth: real detections as proposals, and true masks.

    python benchmarks/real_video.py ANNOTATIONS --detections DIR [--weights FILE]

ANNOTATIONS is a YouTube-VIS file whose frames lie beside it, DIR holds detections of its videos
(``file:``, docs/components.md). Prints the table of docs/results.md, a row for each way to follow,
score and reduce the same proposals: AP, AP50 and AR10 with all categories as one, AP by the
categories' names, the J&F of DAVIS (unsupervised, of the label maps that ``predict`` writes, the
best for each object), the AP of each video alone, how many sequences there are in all and from the
score on from which pictures show them, and processor seconds. In the rows of true masks the
proposals are the objects' own masks on key frames, scored by ``key-frame``. A weights file adds
rows of its Seq-Prop head.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from propose_reduce import rle
from propose_reduce.components.detection_files import DetectionFiles
from propose_reduce.components.flow import FlowPropagator
from propose_reduce.components.scorers import KeyFrameScorer, RedetectScorer
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.data.videos import AnnotatedVideo, VideoSet
from propose_reduce.data.youtube_vis import read_youtube_vis
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.davis import evaluate_davis_sequence
from propose_reduce.evaluation.davis_metrics import ObjectScores
from propose_reduce.files import read_json
from propose_reduce.models.weights import LoadedModel, load_weights
from propose_reduce.paradigm.pipeline import Window, find_windows, reduce_sequences
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.propose import key_frames, remembering
from propose_reduce.protocols import Propagator, Proposer, Scorer
from propose_reduce.results import SHOW_SCORE, VideoResult
from propose_reduce.settings import InferenceSettings, override
from propose_reduce.structures import Clip, fitted_size

HEADS = ("proposals", "followed by", "score", "correction", "reduce", "AP", "AP50", "AR10")
MORE = ("AP by name", "J&F", "AP per video", "sequences (shown)", "CPU s")


@dataclass(frozen=True)
class Run:
    """One way to find sequences, and ways to reduce them.

    Attributes:
        proposals: "detections", or the true masks of "key frames" or of the "first frame".
        missed: what a frame counts on which nothing was detected again; None: `key-frame` scores.
        correct_every: of how many frames one is corrected on; None for none.
        reductions: assignments below ``inference.reduce`` and ``inference.score``.
        paradigm: of the settings.
    """

    proposals: str = "detections"
    missed: str | None = "background"
    correct_every: int | None = None
    reductions: tuple[str, ...] = ("hard",)
    paradigm: str = "propose-reduce"

    def names(self, model: LoadedModel | None) -> list[str]:
        """Return what the first cells of its rows say."""
        real = self.proposals == "detections"
        score = {None: "`key-frame`", "background": "`redetect`"}.get(
            self.missed, f"`redetect`, missed {self.missed}"
        )
        follows = "`flow`" if model is None else "Seq-Prop head"
        if self.paradigm == "track-by-detect":
            follows, score = "`track-by-detect`", "mean of its detections"
        every = self.correct_every
        correction = {None: "", 1: "every frame"}.get(every, f"every {every} frames")
        return [self.proposals if real else f"true, {self.proposals}", follows, score, correction]

    @property
    def settings(self) -> InferenceSettings:
        """Return the settings of finding sequences."""
        assignments = [f"paradigm={self.paradigm}", f"score.missed={self.missed or 'background'}"]
        if self.correct_every is not None:
            every = self.correct_every
            assignments += ["propagate.correct=detections", f"propagate.correct_every={every}"]
            assignments += [f"score.every={every}"]
        return override(InferenceSettings(), assignments)


RUNS = (
    Run(paradigm="track-by-detect"),
    Run(missed="ignored"),
    Run(missed=None),
    Run(),
    Run(correct_every=1, reductions=("hard", "compose", "compose, absent")),
    Run(correct_every=2, reductions=("compose, absent",)),
    Run(correct_every=3, reductions=("compose, absent",)),
    Run("key frames", None, reductions=("hard", "compose", "compose, absent")),
    Run("first frame", None),
)
"""``compose, absent``: a frame without a mask counts half as background (score.absent=0.5)."""


@dataclass(frozen=True)
class Pictures:
    """The frames of an annotated video."""

    video: AnnotatedVideo

    def __len__(self) -> int:
        return len(self.video.frames)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.video.image(index)


@dataclass
class Measured:
    """What one way to reduce made of all videos."""

    agnostic: list[dict[str, Any]] = field(default_factory=list)
    named: list[dict[str, Any]] = field(default_factory=list)
    objects: list[ObjectScores] = field(default_factory=list)
    sequences: int = 0
    shown: int = 0

    def add(self, video: AnnotatedVideo, result: VideoResult, ids: dict[str, int]) -> None:
        """Take the sequences of a video in."""
        names = result.categories
        for prediction in result.to_youtube_vis(video.id):
            name = names[prediction["category_id"]]
            self.agnostic.append(prediction | {"category_id": min(ids.values())})
            if name in ids:
                self.named.append(prediction | {"category_id": ids[name]})
        shown = result.filter(min_score=SHOW_SCORE)
        maps = list(shown.to_davis())
        self.objects += evaluate_davis_sequence(_truth_maps(video), maps, task="unsupervised")
        self.sequences += len(result.sequences)
        self.shown += len(shown.sequences)

    def cells(self, truth: dict[str, Any], by_name: bool) -> list[str]:
        """Return the figures of a row."""
        metrics = evaluate_youtube_vis(truth, self.agnostic, agnostic=True, per_video=True)
        named = evaluate_youtube_vis(truth, self.named).scores["AP"] if by_name else None
        both = [(one.j.mean + one.f.mean) / 2 for one in self.objects]
        return [
            *(f"{100 * metrics.scores[key]:.1f}" for key in ("AP", "AP50", "AR10")),
            "" if named is None else f"{100 * named:.1f}",
            f"{100 * np.mean(both):.1f}",
            " ".join(f"{100 * scores['AP']:.0f}" for scores in metrics.per_video.values()),
            f"{self.sequences} ({self.shown})",
        ]


def measure(
    run: Run,
    videos: VideoSet,
    truth: dict[str, Any],
    detections: Path,
    model: LoadedModel | None = None,
) -> Iterator[str]:
    """Yield the rows of a run: its proposals are followed once and reduced in every way.

    Args:
        run: what to do.
        videos: with their frames.
        truth: the same as plain data.
        detections: folder with those of each video.
        model: follows with its Seq-Prop head; None for flow.
    """
    ids = {category["name"]: category["id"] for category in truth["categories"]}
    measured = {reduction: Measured() for reduction in run.reductions}
    seconds = 0.0
    for video in videos.videos:
        clip = Clip(Pictures(video), _size(video, model), video.size)
        start = time.process_time()
        with _propagator(clip, model) as propagator, _proposer(run, video, detections) as proposer:
            scorer = _scorer(run, proposer)
            found: list[Window] = []
            find_windows(clip, proposer, propagator, scorer, run.settings, [found.append])
        seconds += time.process_time() - start
        for reduction, each in measured.items():
            each.add(video, _reduced(video, found[0].proposals, run, reduction), ids)
    for reduction, each in measured.items():
        figures = each.cells(truth, by_name=run.proposals == "detections")
        cells = [*run.names(model), reduction, *figures, f"{seconds:.0f}"]
        yield f"| {' | '.join(cells)} |"


def _truth_maps(video: AnnotatedVideo) -> list[np.ndarray]:
    """Return the objects of a video as label maps; of two that overlap the later one is seen."""
    maps = [np.zeros(video.size, np.uint8) for _ in video.frames]
    for label, one in enumerate(video.objects, start=1):
        for labels, encoded in zip(maps, one.segmentations, strict=True):
            if encoded is not None:
                labels[rle.decode(encoded) > 0] = label
    return maps


def _size(video: AnnotatedVideo, model: LoadedModel | None) -> tuple[int, int]:
    if model is None:
        return fitted_size(video.size, long_side=854, short_side=480, grow=False)
    wanted = model.settings
    return fitted_size(video.size, long_side=wanted.long_side, short_side=wanted.short_side)


def _reduced(video: AnnotatedVideo, proposals: Proposals, run: Run, reduction: str) -> VideoResult:
    """Return what stays of a video's sequences."""
    kind, _, absent = reduction.partition(", ")
    settings = override(
        run.settings, [f"reduce.kind={kind}", f"score.absent={0.5 if absent else 0.0}"]
    )
    proposals = replace(proposals, absent_weight=settings.score.absent)
    kept = reduce_sequences(proposals, video.size, settings.reduce)
    names = dict(enumerate(proposals.categories, start=1))
    return VideoResult(video.name, video.size, len(video.frames), names, tuple(kept))


@contextmanager
def _propagator(clip: Clip, model: LoadedModel | None) -> Iterator[Propagator]:
    if model is None:
        yield FlowPropagator()
    else:
        categories = model.settings.categories
        with SeqMaskRCNNComponent(model.network, categories, model.inference).open(clip) as session:
            yield session


@contextmanager
def _proposer(run: Run, video: AnnotatedVideo, detections: Path) -> Iterator[Proposer]:
    if run.proposals == "detections":
        yield remembering(DetectionFiles(detections, video=video.name.split("/")[0]))
        return
    with TemporaryDirectory() as temporary:
        count = len(video.frames)
        frames = [0] if run.proposals == "first frame" else key_frames(count, 5)
        for frame in frames:
            _write_masks(Path(temporary) / f"{frame:05d}.npz", video, frame)
        yield remembering(DetectionFiles(temporary))


def _write_masks(path: Path, video: AnnotatedVideo, frame: int) -> None:
    """Write the true masks of a frame, as any detector could."""
    runs = [run for obj in video.objects if (run := obj.segmentations[frame]) is not None]
    masks = np.array([rle.decode(run) for run in runs], dtype=bool).reshape(-1, *video.size)
    ones = np.ones(len(masks))
    np.savez(path, masks=masks, scores=ones, labels=ones.astype(int))


def _scorer(run: Run, proposer: Proposer) -> Scorer:
    if run.missed is None:
        return KeyFrameScorer()
    score = run.settings.score
    frames = partial(key_frames, count=run.settings.propose.key_frames)
    return RedetectScorer(proposer, frames, every=score.every, missed=score.missed_factor)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--detections", type=Path, required=True, help="folder for file:")
    parser.add_argument("--weights", type=Path, help="a weights file with a Seq-Prop head")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    videos = read_youtube_vis(options.annotations, options.annotations.parent)
    print(f"| {' | '.join((*HEADS, *MORE))} |\n|{' --- |' * len((*HEADS, *MORE))}")
    truth = read_json(options.annotations)
    for run in RUNS:
        for row in measure(run, videos, truth, options.detections):
            print(row, flush=True)
    if options.weights is not None:
        run, model = Run("key frames", None, reductions=("hard", "compose")), options.weights
        for row in measure(run, videos, truth, options.detections, load_weights(model)):
            print(row, flush=True)


if __name__ == "__main__":
    main()
