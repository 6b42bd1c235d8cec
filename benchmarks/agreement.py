"""How far this package's order of work and precision change masks, on the shapes benchmark.

    python benchmarks/agreement.py [--weights FILE] [--split hard] [--videos 8]

The model's own detections on the key frames are followed by the plain method in float32
(plain_method.py, every fifth frame memorised, no bound) and by the package in float32 and in
bfloat16. Prints the mean IoU of each sequence with its twin of the plain method.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from plain_method import follow, mean_iou
from propose_reduce.components.computing import computing
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent, working_image
from propose_reduce.data.shapes.export import export_shapes
from propose_reduce.data.youtube_vis import read_youtube_vis
from propose_reduce.masks import PackedMasks
from propose_reduce.models.weights import LoadedModel, load_weights
from propose_reduce.paradigm.propose import key_frames, propose
from propose_reduce.settings import Preset
from propose_reduce.structures import Clip, Seed
from propose_reduce.training.validation import clip_of

BUNDLED = Path(__file__).parents[1] / "src/propose_reduce/weights/shapes-tiny.safetensors"
PRECISIONS = (torch.float32, torch.bfloat16)


def seeds_of(model: LoadedModel, clip: Clip) -> list[Seed]:
    """Return what the model detects on the key frames, in float32."""
    component = SeqMaskRCNNComponent(model.network, model.settings.categories, model.inference)
    wanted = model.inference.propose
    with component.open(clip) as session:
        found = {
            frame: propose(clip, session, frame, wanted).masks
            for frame in key_frames(len(clip.frames), wanted.key_frames)
        }
    return [Seed(frame, masks) for frame, masks in found.items() if len(masks)]


def plainly(model: LoadedModel, clip: Clip, seeds: list[Seed]) -> PackedMasks:
    """Return the masks that the plain method propagates, in float32."""
    masks = PackedMasks(sum(len(s.masks) for s in seeds), len(clip.frames), clip.working_size)
    height, width = clip.working_size
    every = model.inference.propagate.memory_every
    first = 0
    with computing(torch.device("cpu"), torch.float32):
        features = [model.network.features(working_image(clip, t)) for t in range(len(clip.frames))]
        for seed in seeds:
            for t, soft in follow(model.network.prop_head, features, seed.frame, seed.masks, every):
                masks.put(t, soft[:, :height, :width] >= 0.5, first)
            first += len(seed.masks)
    return masks


def ours(model: LoadedModel, clip: Clip, seeds: list[Seed], precision: torch.dtype) -> PackedMasks:
    """Return the masks that the package propagates."""
    firsts = np.cumsum([0, *(len(seed.masks) for seed in seeds)]).tolist()
    masks = PackedMasks(firsts[-1], len(clip.frames), clip.working_size)
    component = SeqMaskRCNNComponent(
        model.network, model.settings.categories, model.inference, precision
    )
    with component.open(clip) as session:
        for found in session.propagate(clip, seeds):
            masks.put(found.frame, found.masks, firsts[found.seed])
    return masks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, default=BUNDLED)
    parser.add_argument("--split", default="hard")
    parser.add_argument("--videos", type=int, default=8, help="the first so many")
    arguments = parser.parse_args()
    model = load_weights(arguments.weights)
    preset = Preset(model=model.settings, inference=model.inference)
    found: dict[torch.dtype, list[float]] = {precision: [] for precision in PRECISIONS}
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        export_shapes(Path(folder), arguments.split, arguments.videos)
        videos = read_youtube_vis(
            Path(folder) / "annotations.json", Path(folder) / "JPEGImages"
        ).videos
        for video in videos:
            clip = clip_of(video, preset)
            seeds = seeds_of(model, clip)
            truth = plainly(model, clip, seeds)
            count += len(truth)
            for precision, values in found.items():
                values.append(len(truth) * mean_iou(ours(model, clip, seeds, precision), truth))
    for precision, values in found.items():
        print(
            f"{arguments.split}, {len(videos)} videos, {count} sequences: mean sequence IoU of "
            f"{precision} with the plain method in float32 {sum(values) / max(count, 1):.4f}"
        )


if __name__ == "__main__":
    main()
