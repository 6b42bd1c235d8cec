"""The method written straight down, to measure this package's order of work against.

Backbone features of all frames are computed first and all kept. Then each key frame is taken
alone, and in each direction every frame is encoded and decoded anew, though its query and the
decoder's object-independent branches do not depend on the key frame. The memory of one direction
grows without bound. Layers, precision of the sums and stages are those of the package.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from propose_reduce.benchmarking.method import finish_and_write
from propose_reduce.benchmarking.workload import ASIDE, Workload
from propose_reduce.components.computing import computing
from propose_reduce.components.seq_mask_rcnn import working_image
from propose_reduce.masks import PackedMasks, scoring_boxes
from propose_reduce.models.backbone import Features
from propose_reduce.models.seq_prop_head import SeqPropHead, soft_aggregate
from propose_reduce.paradigm.pipeline import ReducedSequences, Window
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.stages import DETECTION, PROPAGATION, SCORING, stage


def plain(
    work: Workload,
    precision: torch.dtype,
    folder: Path,
    *,
    memory_every: int = 5,
) -> PackedMasks:
    """Do the work (see ``RunMethod``) one key frame after the other.

    Args:
        work: what is to be done.
        precision: float32, or what autocast takes.
        folder: for the result.
        memory_every: memorise every Nth frame, counted from the key frame.
    """
    scene, keys = work.scene, work.key_frames
    shape = (len(keys) * scene.objects, scene.length)
    followed, given = (PackedMasks(*shape, scene.size) for _ in range(2))
    categories = work.model.settings.categories
    frame_scores = torch.full((*shape, len(categories) + 1), torch.nan)
    clip = work.open()
    with computing(work.device, precision):
        features = [
            work.network.features(working_image(clip, t).to(work.device))
            for t in range(scene.length)
        ]
        for place, key in enumerate(keys):
            first = place * scene.objects
            with stage(DETECTION):
                _detect(work, features[key])
            steps = follow(work.network.prop_head, features, key, work.masks[key], memory_every)
            for t, soft in steps:
                with stage(ASIDE):
                    height, width = scene.size
                    followed.put(t, soft[:, :height, :width] >= 0.5, first)
                given.put(t, work.masks[t], first)
                with stage(SCORING):
                    scores = _score(work, features[t], work.masks[t])
                frame_scores[first : first + scene.objects, t] = scores
    started = tuple(key for key in keys for _ in range(scene.objects))
    reduced = ReducedSequences(clip, work.inference)
    found = Proposals(categories, started, given, frame_scores)
    reduced.add(Window(range(scene.length), found))
    finish_and_write(reduced, work, folder)
    return followed


def follow(
    head: SeqPropHead, features: list[Features], key: int, masks: Tensor, memory_every: int
) -> Iterator[tuple[int, Tensor]]:
    """Yield each frame with the soft masks of a key frame's objects, forward and then backward.

    Args:
        head: carries the masks.
        features: of all frames.
        key: the key frame.
        masks: bool (O, H, W), what is there.
        memory_every: memorise every Nth frame, counted from the key frame.
    """
    for direction in (range(key, len(features)), range(key - 1, -1, -1)):
        memory = [head.memorize(features[key].p2, masks)]
        for t in direction:
            with stage(PROPAGATION):
                now = features[t]
                keys = torch.stack([encoding.key for encoding in memory], dim=2)
                values = torch.stack([encoding.value for encoding in memory], dim=2)
                alone = head.segment(keys, values, head.query(now.p2), now.c2, now.c3)
                soft = soft_aggregate(alone)[1:]
                if t != key and (t - key) % memory_every == 0:
                    memory.append(head.memorize(now.p2, soft))
            yield t, soft


def mean_iou(left: PackedMasks, right: PackedMasks) -> float:
    """Return the mean IoU of each sequence with its twin; 1 where both are empty everywhere."""
    found = []
    for row in range(len(left)):
        shared = union = 0
        for t in range(left.num_frames):
            one, other = left.mask(row, t), right.mask(row, t)
            shared += int((one & other).sum())
            union += int((one | other).sum())
        found.append(shared / union if union else 1.0)
    return float(np.mean(found))


def _detect(work: Workload, features: Features) -> None:
    detector, wanted = work.network.detector, work.inference.propose
    found = detector.detect(
        features.pyramid,
        work.scene.size,
        min_score=wanted.min_score,
        nms=wanted.box_nms,
        max_objects=wanted.max_objects,
    )
    detector.masks(features.pyramid, found.boxes, found.labels, work.scene.size)


def _score(work: Workload, features: Features, masks: Tensor) -> Tensor:
    boxes = scoring_boxes(masks)
    return work.network.detector.classify(features.pyramid, [boxes]).float().cpu()
