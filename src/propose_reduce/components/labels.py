"""From what detectors say, a label and a score, to the Detections of the protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.structures import Detections

PLACEHOLDERS = {"__background__", "N/A", ""}
"""Names that COCO detectors give to label numbers without a class."""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A detector's labels and the class score columns they stand for.

    Attributes:
        categories: foreground classes, in the order of the class score columns.
        columns: class score column by the detector's label; labels without a class are not in it.
    """

    categories: tuple[str, ...]
    columns: dict[int, int]

    @classmethod
    def from_names(cls, names: Mapping[int, str]) -> LabelSet:
        """Return the labels of named numbers, in their order; equal names are one category."""
        real = {label: names[label] for label in sorted(names) if names[label] not in PLACEHOLDERS}
        categories = tuple(dict.fromkeys(real.values()))
        columns = {label: 1 + categories.index(name) for label, name in real.items()}
        return cls(categories, columns)

    def detections(
        self,
        masks: Tensor,
        labels: Tensor,
        scores: Tensor,
        given: Sequence[rle.Rle] = (),
    ) -> Detections:
        """Return detections, most confident first; those whose label has no class are dropped.

        Args:
            masks: bool (O, H, W).
            labels: int64 (O,), the detector's numbers.
            scores: (O,), in [0, 1]; background gets what is missing to 1.
            given: the masks in the video's own pixels, O of them or none.
        """
        columns = torch.tensor([self.columns.get(label, 0) for label in labels.tolist()])
        confident = scores.float().cpu()
        order = confident.argsort(descending=True, stable=True)
        order = order[columns[order] > 0] if len(order) else order
        class_scores = torch.zeros(len(order), len(self.categories) + 1)
        class_scores[:, 0] = 1 - confident[order]
        class_scores[torch.arange(len(order)), columns[order].long()] = confident[order]
        chosen = order.to(masks.device)
        kept = tuple(given[row] for row in order.tolist()) if given else ()
        return Detections(masks[chosen], class_scores.to(masks.device), kept)
