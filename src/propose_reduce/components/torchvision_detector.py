"""torchvision's instance segmentation models as a proposer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody knows it by)
from torch import Tensor, nn
from torchvision.models import detection as detection_models
from torchvision.models import get_model, get_model_weights, list_models

from propose_reduce.components.computing import computing
from propose_reduce.components.labels import LabelSet
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.models.checkpoint import read_checkpoint
from propose_reduce.structures import Clip, Detections, fitted_size, frame_of

CLASS_BIAS = "roi_heads.box_predictor.cls_score.bias"
"""One number for each label, background included."""

LARGEST = {"long_side": 1333, "short_side": 800}
"""What these models shrink their input to; masks of a larger frame would only take memory."""


def model_names() -> list[str]:
    """Return torchvision's detection models that give masks."""
    return list_models(module=detection_models, include="maskrcnn*")


@dataclass(frozen=True, slots=True, eq=False)
class _Named:
    """A model with the names of its labels, from 0 on."""

    model: nn.Module
    labels: Sequence[str]


class TorchvisionDetector:
    """Proposer: any model with the answers of torchvision's Mask R-CNN."""

    def __init__(
        self,
        model: nn.Module,
        categories: Sequence[str],
        *,
        min_score: float = 0.2,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """Take a model.

        Args:
            model: called with a list of float32 RGB images (3, H, W) in [0, 1], it gives a dict of
                labels (O,), scores (O,) and masks (O, 1, H, W) in [0, 1] for each.
            categories: names of the labels from 0 on, as torchvision's weights have them:
                ``__background__`` first, ``N/A`` for a label without a class.
            min_score: a detection scores above this.
            device: where to compute.
            precision: float32, or bfloat16 for autocast.
        """
        self._model = model.to(device).eval()
        self._labels = LabelSet.from_names(dict(enumerate(categories)))
        self._min_score = min_score
        self._device, self._precision = torch.device(device), precision

    @classmethod
    def load(
        cls,
        name: str,
        weights: str | Path | None = None,
        *,
        categories: Sequence[str] = (),
        min_score: float = 0.2,
        **options: Any,
    ) -> TorchvisionDetector:
        """Return a model of torchvision's by name.

        Args:
            name: one of ``model_names()``.
            weights: a state dict file; None takes torchvision's own weights for COCO, downloaded
                once into torch's cache.
            categories: names of the labels 1, 2, ... of a weights file; torchvision's for COCO
                where nothing is given.
            min_score: a detection scores above this.
            **options: device and precision, see the constructor.

        Raises:
            InputError: an unknown name, weights that cannot be fetched or do not fit, or not one
                category for each label.
        """
        if name not in model_names():
            raise unknown_name("torchvision model", name, model_names())
        if weights is None:
            named = _pretrained(name, min_score)
        else:
            named = _from_file(name, Path(weights), categories, min_score)
        return cls(named.model, named.labels, min_score=min_score, **options)

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the class score columns."""
        return self._labels.categories

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Detect objects: masks at the working size, best first."""
        with computing(self._device, self._precision):
            (found,) = self._model([_image(frame_of(clip, frame)).to(self._device)])
            kept = found["scores"] > self._min_score
            soft = F.interpolate(found["masks"][kept].float(), clip.working_size, mode="bilinear")
        return self._labels.detections(
            soft[:, 0] > 0.5, found["labels"][kept], found["scores"][kept]
        )


def _image(frame: np.ndarray) -> Tensor:
    """Return a frame as float32 RGB (3, H, W) in [0, 1], no larger than the models use."""
    height, width = fitted_size((frame.shape[0], frame.shape[1]), **LARGEST, grow=False)
    if height < frame.shape[0]:
        frame = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(frame).permute(2, 0, 1).float() / 255


def _pretrained(name: str, min_score: float) -> _Named:
    weights = get_model_weights(name).DEFAULT
    try:
        model = get_model(name, weights=weights, box_score_thresh=min_score, weights_backbone=None)
    except (OSError, RuntimeError) as error:  # no network; a file that was cut short
        file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
        raise InputError(
            f"weights '{weights}' cannot be fetched: {' '.join(str(error).split())}; get "
            f"{weights.url} by hand and put it at '{file}', or name its file as weights"
        ) from error
    return _Named(model, weights.meta["categories"])


def _from_file(name: str, file: Path, categories: Sequence[str], min_score: float) -> _Named:
    state = read_checkpoint(file).tensors
    if CLASS_BIAS not in state:
        raise InputError(f"'{file}' has no '{CLASS_BIAS}': give weights of torchvision's {name}")
    count = len(state[CLASS_BIAS])
    known = get_model_weights(name).DEFAULT.meta["categories"]
    names = ["__background__", *categories] if categories else known
    if len(names) != count:
        raise InputError(
            f"'{file}' tells {count - 1} classes apart, but there are names for {len(names) - 1}: "
            "give one category for each"
        )
    model = get_model(
        name, weights=None, weights_backbone=None, num_classes=count, box_score_thresh=min_score
    )
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        fault = str(error).strip().splitlines()[1].strip()[:200]
        raise InputError(f"'{file}' does not fit torchvision's {name}: {fault}") from error
    return _Named(model, names)
