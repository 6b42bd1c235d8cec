"""SAM 3 with text prompts as a proposer: open vocabulary, the prompts are the categories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from propose_reduce.components.computing import computing
from propose_reduce.components.labels import LabelSet
from propose_reduce.components.transformers_library import in_float32, load_pretrained
from propose_reduce.errors import InputError
from propose_reduce.structures import Clip, Detections, frame_of


class Sam3Prompts:
    """Proposer: asks SAM 3 for every object that one of a few prompts describes.

    The prompts are encoded once, a frame's image once for all prompts. A prompt's score is the
    object's own probability times that of the prompt being in the picture at all.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        prompts: Sequence[str],
        *,
        min_score: float = 0.5,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> None:
        """Take a network, its processor and the prompts.

        Args:
            model: a ``Sam3Model``.
            processor: its ``Sam3Processor``.
            prompts: short noun phrases ("dog", "person in red").
            min_score: a detection scores above this; the prompts cannot be told apart from each
                other, so this is higher than for a detector with classes.
            device: where to compute.
            precision: float32, or bfloat16 for autocast.

        Raises:
            InputError: no prompt, an empty one, or one twice.
        """
        names = tuple(prompt.strip() for prompt in prompts)
        if not names or "" in names or len(set(names)) < len(names):
            raise InputError(
                f"SAM 3 needs one or more different prompts, as 'dog' and 'person'; got {names}"
            )
        self._model, self._processor = model.to(device).eval(), processor
        self._labels = LabelSet.from_names(dict(enumerate(names)))
        self._min_score = min_score
        self._device, self._precision = torch.device(device), precision
        with computing(self._device, self._precision):
            self._texts = [self._text(name) for name in names]

    @classmethod
    def load(cls, source: str | Path, prompts: Sequence[str], **options: Any) -> Sam3Prompts:
        """Return SAM 3 by model id or folder.

        Args:
            source: model id on the Hugging Face hub, downloaded once into the library's cache
                (facebook/sam3 asks to accept its licence first), or a folder with its files.
            prompts: see the constructor.
            **options: min_score, device and precision, see the constructor.

        Raises:
            InputError: the library is missing, the files cannot be fetched or used, or the
                prompts are faulty.
        """
        model = load_pretrained("Sam3Model", source)
        return cls(model, load_pretrained("Sam3Processor", source), prompts, **options)

    @property
    def categories(self) -> tuple[str, ...]:
        """The prompts, in the order of the class score columns."""
        return self._labels.categories

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Detect what the prompts describe: masks at the working size, best first."""
        inputs = self._processor(images=frame_of(clip, frame), return_tensors="pt")
        masks, labels, scores = [], [], []
        with computing(self._device, self._precision):
            pixels = inputs["pixel_values"].to(self._device)
            features = self._model.get_vision_features(pixel_values=pixels)
            for label, text in enumerate(self._texts):
                outputs = in_float32(self._model(vision_embeds=features, **text))
                (found,) = self._processor.post_process_instance_segmentation(
                    outputs, threshold=self._min_score, target_sizes=[clip.working_size]
                )
                masks.append(found["masks"].reshape(-1, *clip.working_size) > 0)
                labels += [label] * len(found["scores"])
                scores.append(found["scores"].float())
        numbers = torch.tensor(labels, dtype=torch.int64)
        return self._labels.detections(torch.cat(masks), numbers, torch.cat(scores))

    def _text(self, prompt: str) -> dict[str, Any]:
        """Return what the network is told about a prompt."""
        tokens = self._processor(text=prompt, return_tensors="pt").to(self._device)
        known = self._model.get_text_features(**tokens)
        return {"text_embeds": known, "attention_mask": tokens["attention_mask"]}
