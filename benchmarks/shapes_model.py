"""How good a model is on the shapes benchmark: prints the table of docs/models.md.

    python benchmarks/shapes_model.py [--weights FILE] [--videos N] [--splits val hard] [--seed N]
        [--variants K=5 track-by-detect] [-o FILE.json]

For each split: average precision of the whole system with various inference settings, the baseline
that links the same detector's detections among them; and the mean IoU of propagation alone, with
the true masks given on the middle frame of each video and judged on all other frames where the
object is seen.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from propose_reduce import rle
from propose_reduce.api.model import PRECISIONS, choose_precision
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.data.shapes.export import export_shapes
from propose_reduce.data.videos import AnnotatedVideo, VideoSet
from propose_reduce.data.youtube_vis import read_youtube_vis
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.files import write_text
from propose_reduce.models.weights import LoadedModel, load_weights
from propose_reduce.settings import Preset, override
from propose_reduce.structures import Seed
from propose_reduce.training.validation import clip_of, segment_set, truth_of_set

BUNDLED = Path(__file__).parents[1] / "src/propose_reduce/weights/shapes-tiny.safetensors"
COLUMNS = ("AP", "AP50", "AP75", "AR1", "AR10")
VARIANTS = {  # a row for each: what differs from the inference settings in the weights file
    "K=5": ["propose.key_frames=5"],
    "no-vote": ["reduce.vote=false"],
    "category-aware": ["propose.key_frames=5", "reduce.kind=category-aware"],
    "K=1": ["propose.key_frames=1"],
    "track-by-detect": ["paradigm=track-by-detect"],
    "clip-match": ["paradigm=clip-match"],
    "skip-covered": ["propose.skip_covered=true"],
    "windows": ["windows.window=24"],
}


def middle_frame_iou(
    component: SeqMaskRCNNComponent, preset: Preset, videos: VideoSet
) -> dict[str, float]:
    """Return the mean IoU over the object-frames where the object is seen, and over all of them.

    Frames on which an object is hidden or outside count only in the second: 1 for an empty mask
    there, 0 for any other.
    """
    seen, everywhere = [], []
    for video in videos.videos:
        middle = (len(video.frames) - 1) // 2
        objects = [obj for obj in video.objects if obj.segmentations[middle] is not None]
        if not objects:
            continue
        truth = {t: masks_on(video, t, objects) for t in range(len(video.frames))}
        clip = clip_of(video, preset)
        with component.open(clip) as session:
            for found in session.propagate(clip, [Seed(middle, truth[middle])]):
                if found.frame == middle:
                    continue
                iou = row_iou(found.masks, truth[found.frame])
                shown = truth[found.frame].flatten(1).any(dim=1)
                seen += iou[shown].tolist()
                everywhere += iou.tolist()
    return {"seen": float(np.mean(seen)), "everywhere": float(np.mean(everywhere))}


def masks_on(video: AnnotatedVideo, t: int, objects: list) -> Tensor:
    """Return the masks of some objects on frame ``t``, bool (O, H, W), empty where absent."""
    masks = [
        np.zeros(video.size, dtype=bool) if run is None else rle.decode(run)
        for run in (obj.segmentations[t] for obj in objects)
    ]
    return torch.from_numpy(np.stack(masks)).bool()


def row_iou(left: Tensor, right: Tensor) -> Tensor:
    """Return the IoU of rows of bool masks (O, H, W); 1 where both are empty."""
    shared = (left & right).flatten(1).sum(dim=1).float()
    union = (left | right).flatten(1).sum(dim=1).float()
    return torch.where(union > 0, shared / union.clamp(min=1), torch.ones_like(union))


def measure(
    model: LoadedModel,
    split: str,
    count: int | None,
    variants: list[str],
    precision: torch.dtype,
    seed: int,
) -> dict[str, dict[str, float]]:
    """Return the figures of one split by row: those of each variant, and of propagation alone."""
    preset = Preset(model=model.settings, inference=model.inference)
    with tempfile.TemporaryDirectory() as folder:
        export_shapes(Path(folder) / split, split, count, seed)
        videos = read_youtube_vis(
            Path(folder) / split / "annotations.json", Path(folder) / split / "JPEGImages"
        )
        truth = truth_of_set(videos)
        rows = {}
        for name in variants:
            inference = override(model.inference, VARIANTS[name])
            wanted = preset.model_copy(update={"inference": inference})
            start = time.process_time()
            predictions = list(segment_set(model.network, wanted, videos, precision))
            took = time.process_time() - start
            rows[name] = evaluate_youtube_vis(truth, predictions).scores | {"seconds": took}
        component = SeqMaskRCNNComponent(
            model.network, model.settings.categories, model.inference, precision
        )
        start = time.process_time()
        overlaps = middle_frame_iou(component, preset, videos)
        rows["propagation"] = overlaps | {"seconds": time.process_time() - start}
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--weights", type=Path, default=BUNDLED)
    parser.add_argument("--videos", type=int, help="the first so many of each split")
    parser.add_argument("--splits", nargs="+", default=["val", "hard"])
    parser.add_argument("--seed", type=int, default=0, help="of the benchmark: other videos")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--precision", choices=["auto", *PRECISIONS], default="auto")
    parser.add_argument("-o", "--output", type=Path, help="also write the figures as JSON")
    arguments = parser.parse_args()
    figures = {}
    model = load_weights(arguments.weights)
    for split in arguments.splits:
        precision = choose_precision(arguments.precision, torch.device("cpu"))
        rows = measure(
            model, split, arguments.videos, arguments.variants, precision, arguments.seed
        )
        figures[split] = dict(rows)
        propagation = rows.pop("propagation")
        table = Table("shapes-" + split, *COLUMNS, "CPU seconds")
        for name, scores in rows.items():
            cells = [f"{scores[key]:.3f}" for key in COLUMNS]
            table.add_row(name, *cells, f"{scores['seconds']:.0f}")
        Console().print(table)
        print(
            f"propagation of true masks from the middle frame: mean IoU {propagation['seen']:.3f} "
            f"where seen, {propagation['everywhere']:.3f} on all frames, "
            f"in {propagation['seconds']:.0f} CPU seconds"
        )
    if arguments.output:
        write_text(arguments.output, json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
