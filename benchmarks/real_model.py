"""How good a model is on real pictures: prints the tables of docs/models.md.

    python benchmarks/real_model.py SHARED [--weights FILE] [--only following system stills speed]
        [--precision fp32|bf16] [--set inference.a.b=v ...] [-o FILE.json]

SHARED is a folder with ``realtrain`` (stills and validation clips) and ``realdata`` (clips with the
truth and the detections of a real detector).

following: the true masks of the first frame, carried through each clip, by the model and by optical
    flow; J is the IoU of a frame, its mean taken over all later annotated frames.
system: the whole method without help, and with the real detections in the proposer's place; average
    precision with all categories as one.
stills: boxes and masks of the stills that the recipe keeps out (ids that ``hold_out`` divides).
speed: seconds per frame of the clip of two objects, and the memory of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from propose_reduce import rle
from propose_reduce.api.model import PRECISIONS, choose_precision
from propose_reduce.components.detection_files import DetectionFiles
from propose_reduce.components.flow import FlowPropagator
from propose_reduce.components.scorers import RedetectScorer
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.data.coco import read_coco
from propose_reduce.data.videos import AnnotatedFrames, AnnotatedVideo, VideoSet, with_categories
from propose_reduce.data.youtube_vis import read_youtube_vis
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.files import write_text
from propose_reduce.masks import resize, tight_boxes
from propose_reduce.models.weights import LoadedModel, load_weights
from propose_reduce.paradigm.pipeline import segment_clip
from propose_reduce.protocols import Propagator
from propose_reduce.results import VideoResult
from propose_reduce.settings import Preset, load_preset, override
from propose_reduce.structures import Clip, Seed, fitted_size
from propose_reduce.training.validation import clip_of, segment_set, truth_of_set

BUNDLED = Path(__file__).parents[1] / "src/propose_reduce/weights/real-tiny.safetensors"
FLOW_SIDES = (480, 270)  # pixels at which flow is computed
DECADES = 6  # distances of 60 frames and more are one
PARTS = ("following", "system", "stills", "speed")


@dataclass(frozen=True)
class Subject:
    """A model with how it is run.

    Attributes:
        model: weights and settings.
        preset: the same with overrides.
        precision: of the computation.
    """

    model: LoadedModel
    preset: Preset
    precision: torch.dtype

    @property
    def component(self) -> SeqMaskRCNNComponent:
        """The network as proposer, propagator and scorer."""
        settings = self.preset
        return SeqMaskRCNNComponent(
            self.model.network, settings.model.categories, settings.inference, self.precision
        )


@dataclass
class Following:
    """J of a propagator by clip and by distance from the first frame."""

    clips: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    distances: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, clip: str, distance: int, overlap: float) -> None:
        """Count one object on one frame."""
        self.clips[clip].append(overlap)
        self.distances[min(distance // 10, DECADES)].append(overlap)

    def row(self) -> dict[str, float]:
        """Return the mean over clips, each clip's own mean, and the means by distance."""
        clips = {name: float(np.mean(values)) for name, values in self.clips.items()}
        ends = {decade: f"{10 * decade}-{10 * decade + 9}" for decade in range(DECADES)}
        ends[DECADES] = f"{10 * DECADES}-"
        distances = {ends[at]: float(np.mean(self.distances[at])) for at in sorted(self.distances)}
        return {"mean": float(np.mean(list(clips.values()))), **clips, **distances}


def following(videos: VideoSet, subject: Subject | None) -> dict[str, float]:
    """Return J of the first frame's true masks, carried on by a model or, without one, by flow."""
    found = Following()
    for video in videos.videos:
        rows = [obj for obj in video.objects if obj.segmentations[0] is not None and not obj.crowd]
        runs = [obj.segmentations for obj in rows]
        if subject is None:
            sides = FLOW_SIDES
        else:
            sides = (subject.preset.model.long_side, subject.preset.model.short_side)
        size = fitted_size(video.size, long_side=sides[0], short_side=sides[1])
        clip = Clip(AnnotatedFrames(video), size, video.size)
        first = resize(_decoded([run[0] for run in runs], video), size)
        with _propagator(subject, clip) as propagator:
            for step in propagator.propagate(clip, [Seed(0, first)]):
                if step.frame > 0 and step.frame in video.annotated:
                    truth = _decoded([run[step.frame] for run in runs], video)
                    for overlap in _overlaps(resize(step.masks, video.size), truth):
                        found.add(video.name.split("/")[0], step.frame, overlap)
    return found.row()


@contextmanager
def _propagator(subject: Subject | None, clip: Clip) -> Iterator[Propagator]:
    if subject is None:
        yield FlowPropagator()
    else:
        with subject.component.open(clip) as session:
            yield session


def _decoded(runs: Sequence[rle.Rle | None], video: AnnotatedVideo) -> Tensor:
    """Return masks, bool (O, H, W), empty where there is none."""
    empty = np.zeros(video.size, dtype=bool)
    return torch.from_numpy(np.stack([empty if run is None else rle.decode(run) for run in runs]))


def _overlaps(found: Tensor, truth: Tensor) -> Iterator[float]:
    """Yield the IoU of each object, 1 where it is neither there nor found."""
    shared, union = (found & truth).flatten(1).sum(dim=1), (found | truth).flatten(1).sum(dim=1)
    for inside, everything in zip(shared.tolist(), union.tolist(), strict=True):
        yield inside / everything if everything else 1.0


def whole_system(videos: VideoSet, truth: dict[str, Any], subject: Subject) -> dict[str, float]:
    """Return class-agnostic precision of the method with nothing but the model."""
    predictions = list(
        segment_set(subject.model.network, subject.preset, videos, subject.precision)
    )
    return evaluate_youtube_vis(truth, predictions, agnostic=True).scores


def with_detections(
    videos: VideoSet, truth: dict[str, Any], subject: Subject, detections: Path
) -> dict[str, float]:
    """Return class-agnostic precision with a detector's files as proposer and scorer."""
    predictions = []
    for video in videos.videos:
        clip, name = clip_of(video, subject.preset), video.name.split("/")[0]
        proposer = DetectionFiles(detections, video=name)
        names = dict(enumerate(proposer.categories, start=1))
        with subject.component.open(clip) as session:
            found = segment_clip(
                clip, proposer, session, RedetectScorer(proposer), subject.preset.inference
            )
        result = VideoResult(video.name, video.size, len(video.frames), names, tuple(found))
        predictions += result.to_youtube_vis(video.id, {n: i for i, n in names.items()})
    return evaluate_youtube_vis(truth, predictions, agnostic=True).scores


def stills(images: VideoSet, subject: Subject) -> dict[str, dict[str, float]]:
    """Return AP50 of masks and of boxes, by category and as their mean."""
    truth = truth_of_set(images)
    predictions: dict[str, list[dict[str, Any]]] = {"mask": [], "box": []}
    for image in images.videos:
        clip = clip_of(image, subject.preset)
        with subject.component.open(clip) as session:
            found = session.propose(clip, 0)
        masks = resize(found.masks, image.size)
        scores, labels = found.class_scores[:, 1:].max(dim=1)
        for kind, shapes in (("mask", masks), ("box", _filled(masks))):
            for shape, score, label in zip(shapes, scores.tolist(), labels.tolist(), strict=True):
                run = rle.encode(shape.numpy())
                predictions[kind].append(
                    {
                        "video_id": image.id,
                        "category_id": label + 1,
                        "score": score,
                        "segmentations": [run],
                    }
                )
    rows = {}
    for kind, told in predictions.items():
        metrics = evaluate_youtube_vis(truth if kind == "mask" else _boxed(truth), told)
        by_name = {metrics.categories[i]: one["AP50"] for i, one in metrics.per_category.items()}
        rows[kind] = {"mean": metrics.scores["AP50"], **by_name}
    return rows


def _filled(masks: Tensor) -> Tensor:
    """Return the boxes of masks as masks, bool (N, H, W)."""
    boxes = torch.zeros_like(masks)
    for row, mask in enumerate(masks):
        if mask.any():
            left, top, right, bottom = tight_boxes(mask[None])[0].int().tolist()
            boxes[row, top:bottom, left:right] = True
    return boxes


def _boxed(truth: dict[str, Any]) -> dict[str, Any]:
    """Return the truth with the box of every mask in its place."""
    annotations = []
    for annotation in truth["annotations"]:
        masks = [None if run is None else rle.decode(run) for run in annotation["segmentations"]]
        boxes = [
            None if mask is None else rle.encode(_filled(torch.from_numpy(mask[None]))[0].numpy())
            for mask in masks
        ]
        areas = [None if box is None else rle.area(box) for box in boxes]
        annotations.append({**annotation, "segmentations": boxes, "areas": areas})
    return {**truth, "annotations": annotations}


def speed(videos: VideoSet, subject: Subject) -> dict[str, float]:
    """Return seconds per frame and memory of the whole method on the clip of two objects."""
    video = next(v for v in videos.videos if v.name.startswith("horsejump"))
    clip = clip_of(video, subject.preset)
    wall, processor = time.perf_counter(), time.process_time()
    with subject.component.open(clip) as session:
        found = segment_clip(clip, session, session, session, subject.preset.inference)
    frames = len(video.frames)
    return {
        "objects": float(len(found)),
        "wall s/frame": (time.perf_counter() - wall) / frames,
        "CPU s/frame": (time.process_time() - processor) / frames,
        "threads": float(torch.get_num_threads()),
        "peak MB of the process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def held_out(shared: Path, subject: Subject) -> VideoSet:
    """Return the stills that the recipe keeps out, in the model's categories."""
    every = load_preset("real_tiny").training.sources["stills"].hold_out or 1
    folder = shared / "realtrain"
    images = read_coco(folder / "stills.json", folder / "stills")
    told = with_categories(images, subject.preset.model.categories, {"*": "object"})
    kept = tuple(image for image in told.videos if image.id % every == 0)
    return VideoSet(told.name, told.categories, kept)


def show(title: str, rows: dict[str, dict[str, float]], scale: float = 1.0) -> None:
    """Print rows of figures, one column for each key."""
    keys: Iterable[str] = dict.fromkeys(key for row in rows.values() for key in row)
    table = Table(title, *keys)
    for name, row in rows.items():
        table.add_row(name, *(f"{scale * row[key]:.3g}" if key in row else "" for key in keys))
    Console(width=200).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--weights", type=Path, default=BUNDLED)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--precision", choices=["auto", *PRECISIONS], default="auto")
    parser.add_argument("--set", nargs="+", default=[], metavar="a.b=v", help="of the preset")
    parser.add_argument("-o", "--output", type=Path, help="also write the figures as JSON")
    arguments = parser.parse_args()
    model = load_weights(arguments.weights)
    preset = override(Preset(model=model.settings, inference=model.inference), arguments.set)
    precision = choose_precision(arguments.precision, torch.device("cpu"))
    subject = Subject(model, preset, precision)
    realtrain, realdata = arguments.shared / "realtrain", arguments.shared / "realdata"
    six = realdata / "vis_with_masks" / "instances.json"
    clips = read_youtube_vis(six, six.parent)
    figures: dict[str, Any] = {}
    if "following" in arguments.only:
        eight = read_youtube_vis(realtrain / "videos.json", realtrain / "videos")
        for name, videos in (("validation clips", eight), ("six clips", clips)):
            rows = {"model": following(videos, subject), "flow": following(videos, None)}
            figures[f"following, {name}"] = rows
            show(f"J, {name}", rows)
    if "system" in arguments.only:
        truth = truth_of_set(clips)
        rows = {
            "no help": whole_system(clips, truth, subject),
            "real detections": with_detections(clips, truth, subject, realdata / "detections"),
        }
        figures["system"] = {name: _precisions(row) for name, row in rows.items()}
        show("six clips, all categories as one", figures["system"], 100)
    if "stills" in arguments.only:
        figures["stills"] = stills(held_out(arguments.shared, subject), subject)
        show("AP50, held-out stills", figures["stills"], 100)
    if "speed" in arguments.only:
        figures["speed"] = {"two objects, K = 5": speed(clips, subject)}
        show("speed", figures["speed"])
    if arguments.output:
        write_text(arguments.output, json.dumps(figures, indent=1))


def _precisions(scores: dict[str, float]) -> dict[str, float]:
    return {key: scores[key] for key in ("AP", "AP50", "AP75", "AR10")}


if __name__ == "__main__":
    main()
