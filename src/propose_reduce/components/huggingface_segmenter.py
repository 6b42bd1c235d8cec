"""Instance segmentation networks of the transformers library as a proposer."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody knows it by)
from torch import Tensor

from propose_reduce.components.computing import computing
from propose_reduce.components.labels import LabelSet
from propose_reduce.components.transformers_library import in_float32, load_pretrained, transformers
from propose_reduce.errors import InputError
from propose_reduce.structures import Clip, Detections, Size, frame_of

TASK = "instance"
"""What OneFormer is told to do; the other networks do one thing only."""


class HuggingFaceSegmenter:
    """Proposer: Mask2Former, MaskFormer, OneFormer, EoMT, RF-DETR segmentation or DETR.

    Where the processor's post-processing gives one mask per object, it is used as it is. That of
    DETR, OneFormer and EoMT paints all objects into one map instead, where they cannot overlap
    (and for the first two the best object takes the whole background with it); there the queries
    are read by the rule of Mask2Former: the probability of the best class times the mean
    probability inside the mask.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        *,
        min_score: float = 0.2,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """Take a network and its processor.

        Args:
            model: for instance or universal segmentation; ``config.id2label`` names its classes.
            processor: the image processor that belongs to it (OneFormer: its whole processor).
            min_score: a detection scores above this.
            device: where to compute.
            precision: float32, or bfloat16 for autocast.
        """
        self._model, self._processor = model.to(device).eval(), processor
        self._labels = LabelSet.from_names(model.config.id2label)
        self._min_score = min_score
        self._device, self._precision = torch.device(device), precision

    @classmethod
    def load(cls, source: str | Path, **options: Any) -> HuggingFaceSegmenter:
        """Return a network by model id or folder.

        Args:
            source: model id on the Hugging Face hub, downloaded once into the library's cache,
                or a folder with a model's files.
            **options: min_score, device and precision, see the constructor.

        Raises:
            InputError: the library is missing, the files cannot be fetched or used, or the
                network is not for instance segmentation.
        """
        config = load_pretrained("AutoConfig", source)
        model = load_pretrained(_auto_class(config.model_type, source), source)
        tokens = config.model_type == "oneformer"
        processor = load_pretrained("AutoProcessor" if tokens else "AutoImageProcessor", source)
        return cls(model, processor, **options)

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the class score columns."""
        return self._labels.categories

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Detect objects: masks at the working size, best first."""
        image = frame_of(clip, frame)
        task = {"task_inputs": [TASK]} if self._model.config.model_type == "oneformer" else {}
        inputs = self._processor(images=image, return_tensors="pt", **task).to(self._device)
        with computing(self._device, self._precision):
            outputs = in_float32(self._model(**inputs))
            if _gives_masks(self._processor):
                return self._post_processed(outputs, clip.working_size)
            canvas = tuple(inputs["pixel_values"].shape[-2:])
            return self._read_queries(outputs, canvas, clip)

    def _post_processed(self, outputs: Any, size: Size) -> Detections:
        (found,) = self._processor.post_process_instance_segmentation(
            outputs,
            threshold=self._min_score,
            target_sizes=[size],
            return_binary_maps=True,
        )
        segments = found["segments_info"]
        # without any object some give a map instead of masks
        masks = found["segmentation"] if segments else torch.zeros(0, *size)
        return self._labels.detections(
            masks > 0,
            torch.tensor([segment["label_id"] for segment in segments], dtype=torch.int64),
            torch.tensor([segment["score"] for segment in segments]),
        )

    def _read_queries(self, outputs: Mapping[str, Tensor], canvas: Size, clip: Clip) -> Detections:
        """Read the queries of a network with a class for "no object", its last."""
        detr = "pred_masks" in outputs
        logits = outputs["logits" if detr else "class_queries_logits"][0]
        soft = outputs["pred_masks" if detr else "masks_queries_logits"][0].sigmoid()
        scores, labels = logits.softmax(-1)[:, :-1].max(-1)
        inside = soft > 0.5
        quality = (soft * inside).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)
        scores = scores * quality
        kept = scores > self._min_score
        masks = torch.zeros(0, *clip.working_size)
        if kept.any():
            masks = self._fitted(soft[kept], canvas, clip)
        return self._labels.detections(masks > 0.5, labels[kept], scores[kept])

    def _fitted(self, masks: Tensor, canvas: Size, clip: Clip) -> Tensor:
        """Return soft masks (O, h, w), O > 0, at the working size, without the processor's padding.

        Args:
            masks: what the network gives.
            canvas: height and width of what it was given.
            clip: the video.
        """
        masks = masks[None]
        if hasattr(self._processor, "unpad_image"):  # EoMT sees frames on a square canvas
            masks = F.interpolate(masks, canvas, mode="bilinear")
            unpadded = self._processor.unpad_image(
                masks, [clip.original_size], self._processor.size
            )
            masks = unpadded[0][None]
        return F.interpolate(masks, clip.working_size, mode="bilinear")[0]


def _gives_masks(processor: Any) -> bool:
    """Return whether post-processing can give one mask per object."""
    process = processor.post_process_instance_segmentation
    return "return_binary_maps" in inspect.signature(process).parameters


def _auto_class(model_type: str, source: str | Path) -> str:
    """Return the name of the auto class that builds a network of this type with masks."""
    known = import_module(f"{transformers().__name__}.models.auto.modeling_auto")
    if model_type in known.MODEL_FOR_UNIVERSAL_SEGMENTATION_MAPPING_NAMES:
        return "AutoModelForUniversalSegmentation"
    if model_type in known.MODEL_FOR_INSTANCE_SEGMENTATION_MAPPING_NAMES:
        return "AutoModelForInstanceSegmentation"
    raise InputError(
        f"'{source}' is a {model_type} model, not one for instance segmentation: give a "
        "Mask2Former, MaskFormer, OneFormer, EoMT, RF-DETR segmentation or DETR model"
    )
