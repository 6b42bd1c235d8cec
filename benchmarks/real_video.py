"""The whole pipeline on real video with truth, without a detector: true masks as proposals.

    python benchmarks/real_video.py ANNOTATIONS [--weights FILE]

ANNOTATIONS is a YouTube-VIS file whose frames lie beside it. The objects' true masks on the five
key frames are the proposals (as files), each propagator follows them, and a sequence is scored by
its key frame: 1 on every frame, times the presence where the propagator knows it. Judged by the
package's own evaluators, all categories as one. Prints the table of docs/results.md; a weights
file adds the row of its Seq-Prop head. The columns: J at distances from the key frame in frames,
before the reduction; the sequence IoU of single objects, followed from the first and from the
middle frame; how many sequences there are before and after the reduction.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np

from propose_reduce import rle
from propose_reduce.components.detection_files import DetectionFiles
from propose_reduce.components.flow import FlowPropagator
from propose_reduce.components.scorers import KeyFrameScorer
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.data.videos import AnnotatedVideo, VideoSet
from propose_reduce.data.youtube_vis import read_youtube_vis
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.distance import (
    AnnotatedVideos,
    FollowedProposal,
    distance_curves,
    follow,
)
from propose_reduce.files import read_json
from propose_reduce.models.weights import LoadedModel, load_weights
from propose_reduce.paradigm.pipeline import Window, find_windows, reduce_sequences
from propose_reduce.paradigm.proposals import Proposals, to_sequence
from propose_reduce.paradigm.propose import key_frames
from propose_reduce.paradigm.reduce import KeptSequence
from propose_reduce.protocols import Propagator
from propose_reduce.results import VideoResult
from propose_reduce.settings import InferenceSettings, category_set
from propose_reduce.structures import Clip, InstanceSequence, fitted_size

LONG_SIDE = 640  # pixels of the working size for flow; a network has a size of its own
DISTANCES = ((5, 9), (18, 22), (38, 42))  # frames from the key frame
SHOWN = ("car-shadow", "blackswan", "dog")  # one object each
HEADS = (
    "propagator",
    *("AP", "AP50", "AR10"),
    *(f"J at {first}-{last}" for first, last in DISTANCES),
    *(f"IoU {video}" for video in SHOWN),
    *("sequences", "CPU s"),
)


def write_proposals(folder: Path, video: AnnotatedVideo, settings: InferenceSettings) -> None:
    """Write the true masks of the key frames, an array file each, as any detector could."""
    for frame in key_frames(len(video.frames), settings.propose.key_frames):
        runs = [run for obj in video.objects if (run := obj.segmentations[frame]) is not None]
        masks = np.array([rle.decode(run) for run in runs], dtype=bool).reshape(-1, *video.size)
        ones = np.ones(len(masks))
        np.savez(folder / f"{frame:05d}.npz", masks=masks, scores=ones, labels=ones.astype(int))


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
    """What one propagator did on all videos."""

    predictions: list[dict[str, Any]] = field(default_factory=list)
    followed: list[FollowedProposal] = field(default_factory=list)
    overlap: dict[str, str] = field(default_factory=dict)  # from the first / middle frame, by video
    before: int = 0
    after: int = 0
    seconds: float = 0.0

    def row(self, name: str, truth: dict[str, Any]) -> str:
        """Return a row of the table."""
        metrics = evaluate_youtube_vis(truth, self.predictions, agnostic=True).scores
        (curve,) = distance_curves(self.followed, (0.0, 100.0))
        ends = [end for first, last in DISTANCES for end in (first - 1, last)]
        means = {part.last: part.j for part in curve.bins(ends)}
        cells = [
            name,
            *(f"{metrics[key]:.3f}" for key in ("AP", "AP50", "AR10")),
            *(f"{means.get(last, nan):.2f}" for _, last in DISTANCES),
            *(self.overlap.get(video, "") for video in SHOWN),
            f"{self.before} → {self.after}",
            f"{self.seconds:.0f}",
        ]
        return f"| {' | '.join(cells)} |"


def measure(truth: Path, videos: VideoSet, model: LoadedModel | None) -> Measured:
    """Run the pipeline on all videos: with the model's Seq-Prop head, or with flow."""
    measured, objects = Measured(), AnnotatedVideos(truth)
    settings, names = InferenceSettings(), dict(enumerate(category_set("davis"), start=1))
    for video in videos.videos:
        size = fitted_size(video.size, long_side=LONG_SIDE, short_side=LONG_SIDE)
        if model is not None:
            wanted = model.settings
            size = fitted_size(video.size, long_side=wanted.long_side, short_side=wanted.short_side)
        clip = Clip(Pictures(video), size, video.size)
        start = time.process_time()
        with _propagator(clip, model) as propagator, TemporaryDirectory() as temporary:
            folder = Path(temporary)
            write_proposals(folder, video, settings)
            proposer = DetectionFiles(folder)
            found: list[Window] = []
            find_windows(clip, proposer, propagator, KeyFrameScorer(), settings, [found.append])
        (proposals,) = (window.proposals for window in found)
        kept = reduce_sequences(proposals, video.size, settings.reduce)
        measured.seconds += time.process_time() - start
        result = VideoResult(video.name, video.size, len(video.frames), names, tuple(kept))
        measured.predictions += result.to_youtube_vis(video.id, {n: i for i, n in names.items()})
        everything = VideoResult(
            video.name, video.size, len(video.frames), names, _unreduced(proposals, video)
        )
        followed = follow(everything, objects.find(str(video.id)))
        measured.followed += followed
        measured.before += len(proposals)
        measured.after += len(kept)
        name = video.name.split("/")[0]
        if name in SHOWN:
            starts = key_frames(len(video.frames), 3)[:2]
            ious = [_best_iou(everything.sequences, start, video) for start in starts]
            measured.overlap[name] = " / ".join(f"{iou:.2f}" for iou in ious)
    return measured


@contextmanager
def _propagator(clip: Clip, model: LoadedModel | None) -> Iterator[Propagator]:
    if model is None:
        yield FlowPropagator()
    else:
        categories = model.settings.categories
        with SeqMaskRCNNComponent(model.network, categories, model.inference).open(clip) as session:
            yield session


def _unreduced(proposals: Proposals, video: AnnotatedVideo) -> tuple[InstanceSequence, ...]:
    best = proposals.class_scores[:, 1:].max(dim=1)
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    kept = [KeptSequence(index, {category: score}) for index, (category, score) in enumerate(pairs)]
    return tuple(to_sequence(proposals, one, video.size, i) for i, one in enumerate(kept, start=1))


def _best_iou(sequences: tuple[InstanceSequence, ...], start: int, video: AnnotatedVideo) -> float:
    """Return the best IoU over the whole video of the sequences that one key frame started."""
    ious = [_sequence_iou(one, video) for one in sequences if one.key_frame == start]
    return max(ious, default=nan)


def _sequence_iou(sequence: InstanceSequence, video: AnnotatedVideo) -> float:
    """Return the IoU over the whole video with the object that it overlaps most."""
    found = sequence.masks
    ious = []
    for obj in video.objects:
        truth = np.zeros_like(found)
        for frame, segmentation in enumerate(obj.segmentations):
            if segmentation is not None:
                truth[frame] = rle.decode(segmentation)
        ious.append((found & truth).sum() / (found | truth).sum())
    return float(max(ious))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--weights", type=Path, help="a weights file with a Seq-Prop head")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    videos = read_youtube_vis(options.annotations, options.annotations.parent)
    truth = read_json(options.annotations)
    models: dict[str, LoadedModel | None] = {"flow": None}
    if options.weights is not None:
        models[f"Seq-Prop head, {options.weights.stem}"] = load_weights(options.weights)
    print(f"| {' | '.join(HEADS)} |\n|{' --- |' * len(HEADS)}")
    for name, model in models.items():
        print(measure(options.annotations, videos, model).row(name, truth), flush=True)


if __name__ == "__main__":
    main()
