"""The work that is measured: a network, a video file, and masks to follow.

Letters: K key frames, O objects, T frames.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from propose_reduce.api.model import load
from propose_reduce.models.build import build
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.models.weights import LoadedModel
from propose_reduce.paradigm.propose import key_frames
from propose_reduce.paradigm.windows import windows
from propose_reduce.settings import InferenceSettings, ModelSettings, load_preset, override
from propose_reduce.stages import DECODE, LABELS, stage
from propose_reduce.structures import Clip, Size
from propose_reduce.video import open_video, write_video


@dataclass(frozen=True, slots=True)
class Scene:
    """Striped ellipses that circle over a rippled background, each in a cell of its own.

    Every object has a mask on every frame and no two overlap, so whatever is done with the masks is
    the same work on every machine.

    Attributes:
        objects: O.
        length: T frames.
        size: (height, width) in pixels.
    """

    objects: int
    length: int
    size: Size

    def masks(self, t: int) -> Tensor:
        """Return where the objects are on frame ``t``: bool (O, H, W)."""
        height, width = self.size
        y, x = np.ogrid[:height, :width]
        masks = np.zeros((self.objects, height, width), dtype=bool)
        columns = math.ceil(math.sqrt(self.objects * width / height))
        rows = math.ceil(self.objects / columns)
        cell_height, cell_width = height / rows, width / columns
        for number in range(self.objects):
            row, column = divmod(number, columns)
            angle = 2 * math.pi * (t / 24 + number / self.objects)  # once around in 24 frames
            centre_y = (row + 0.5 + 0.15 * math.sin(angle)) * cell_height
            centre_x = (column + 0.5 + 0.15 * math.cos(angle)) * cell_width
            distance = ((y - centre_y) / (0.3 * cell_height)) ** 2
            masks[number] = distance + ((x - centre_x) / (0.3 * cell_width)) ** 2 < 1
        return torch.from_numpy(masks)

    def frame(self, t: int) -> np.ndarray:
        """Return the picture of frame ``t``: uint8 RGB (H, W, 3)."""
        height, width = self.size
        y, x = np.ogrid[:height, :width]
        ripples = 30 * np.sin(x / 9 + y / 23) + 20 * np.sin(y / 5 - x / 31 + 0.1 * t)
        picture = (110 + ripples)[..., None] + np.array([0, 12, -12])
        stripes = 40 * np.sin((x + y) / 4 - 0.5 * t)
        for number, mask in enumerate(self.masks(t).numpy()):
            colour = 128 + 80 * np.sin(number + np.array([0, 2.1, 4.2]))
            picture[mask] = (colour + stripes[..., None])[mask]
        return picture.clip(0, 255).astype(np.uint8)


OTHER = "other"
STAGES = (*LABELS, OTHER)

ASIDE = "aside"
"""A stage of its own for what only the benchmark does; it is not reported."""

DEFAULT_PRESET = "youtube_vis_2019_r50"

LOGIT_SPREAD = 4.0
"""Standard deviation of the logits of a mask, where weights are random."""


def load_model(
    preset: str | Path | None, weights: str | Path | None, device: torch.device
) -> LoadedModel:
    """Return the network to measure.

    Args:
        preset: its inference settings count and, without weights, its model, with random weights
            that are the same every time; None for the weights' own, or ``DEFAULT_PRESET``.
        weights: a bundled name or a weights file.
        device: where to put the network.

    Raises:
        InputError: no such preset or weights.
    """
    if weights is not None:
        model = load(weights, device=str(device)).weights
        return model if preset is None else replace(model, inference=load_preset(preset).inference)
    chosen = load_preset(preset or DEFAULT_PRESET)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(chosen.model)
    _give_outlines(network, Scene(1, 1, _video_size(chosen.model)))
    return LoadedModel(network.to(device), chosen.model, chosen.inference, {})


def _video_size(model: ModelSettings) -> Size:
    """Return the network's input size, in even sides as H.264 wants them."""
    return model.short_side // 2 * 2, model.long_side // 2 * 2


@torch.no_grad()
def _give_outlines(network: SeqMaskRCNN, scene: Scene) -> None:
    """Scale random weights so that the memory is read, and masks have an inside and an outside.

    As they are drawn, P2 is so faint that every place remembers the same, and all objects of a
    frame get nearly the same logits: the masks would be empty and agree with any others.
    """
    head, image = network.prop_head, torch.from_numpy(scene.frame(0)).permute(2, 0, 1)[None]
    faint = network.features(image).p2.std()
    for parameter in network.backbone.pyramid.layer_blocks[0].parameters():  # of P2
        parameter.div_(faint)
    features = network.features(image)
    memory = head.memorize(features.p2, scene.masks(0))
    logits = head.segment(*memory, head.query(features.p2), features.c2, features.c3).logit()
    scale = LOGIT_SPREAD / logits.std()
    for parameter in head.decoder.predict.parameters():
        parameter.mul_(scale)
    head.decoder.predict.get_parameter("bias")[1] -= scale * logits.mean()


@dataclass(frozen=True, eq=False)
class Workload:
    """A network, and a scene as a video file whose objects it is given on every key frame.

    Attributes:
        model: the network with its settings.
        scene: what the video shows, at the network's input size.
        video: the scene as H.264.
    """

    model: LoadedModel
    scene: Scene
    video: Path

    @classmethod
    def write(cls, model: LoadedModel, objects: int, frames: int, folder: Path) -> Workload:
        """Return the work on O objects and T frames; its video is written into the folder."""
        scene = Scene(objects, frames, _video_size(model.settings))
        video = folder / f"{objects}_objects_{frames}_frames.mp4"
        write_video(video, (scene.frame(t) for t in range(frames)))
        return cls(model, scene, video)

    @property
    def network(self) -> SeqMaskRCNN:
        """The network."""
        return self.model.network

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.pixel_mean.device

    @cached_property
    def inference(self) -> InferenceSettings:
        """The model's settings, except that nothing depends on how well it detects.

        Detection always finds O objects, all given masks are followed, and each of the O
        objects is reported once.
        """
        return override(
            self.model.inference,
            [
                "paradigm=propose-reduce",
                "propose.min_score=0",
                f"propose.max_objects={self.scene.objects}",
                "propose.mask_nms=null",
                "reduce.kind=hard",
                "reduce.min_score=0",
            ],
        )

    @property
    def key_frames(self) -> list[int]:
        """The K frames of each window that objects are given on."""
        cut, count = windows(self.scene.length, self.inference.windows), self.inference.propose
        return [w.start + frame for w in cut for frame in key_frames(len(w), count.key_frames)]

    @cached_property
    def masks(self) -> list[Tensor]:
        """The objects on every frame: T times bool (O, H, W), on the device."""
        return [self.scene.masks(t).to(self.device) for t in range(self.scene.length)]

    @cached_property
    def class_scores(self) -> Tensor:
        """What detection is taken to have said of them: float32 (O, C + 1), on the device."""
        scores = torch.zeros(self.scene.objects, len(self.model.settings.categories) + 1)
        for number, row in enumerate(scores):
            row[1 + number % (len(row) - 1)] = 1.0
        return scores.to(self.device)

    def open(self) -> Clip:
        """Return the video as a clip."""
        with stage(DECODE):
            video = open_video(self.video)
        return Clip(video.frames, video.size, video.size)
