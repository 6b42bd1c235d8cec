"""From boxes and points to masks: SAM 2's image predictor, and GrabCut, which needs no weights.

Letters: O objects, H and W pixels of the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from propose_reduce.components.computing import computing
from propose_reduce.components.transformers_library import load_pretrained
from propose_reduce.errors import InputError
from propose_reduce.masks import resize
from propose_reduce.protocols import MaskMaker
from propose_reduce.structures import Box, Clip, Point, Prompt, frame_of


@dataclass(frozen=True, slots=True, eq=False)
class SamMaskMaker:
    """Mask maker: SAM 2's image predictor, as its authors advise to use it.

    One point alone may mean a thing or a part of it: of the three masks that the network then
    gives, the one that it believes in most counts. A box, or more points, give one mask.

    Attributes:
        model: a ``Sam2Model``, in evaluation mode; it may have the weights of a video model.
        processor: the ``Sam2Processor`` that belongs to it.
        precision: float32, or bfloat16 for autocast.
    """

    model: Any
    processor: Any
    precision: torch.dtype = torch.float32

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        device: torch.device | str = "cpu",
        precision: torch.dtype = torch.float32,
    ) -> SamMaskMaker:
        """Return SAM 2 by model id or folder, the same as for the propagator.

        Raises:
            InputError: the library is missing, or the files cannot be fetched or used.
        """
        model = load_pretrained("Sam2Model", source)
        processor = load_pretrained("Sam2Processor", source)
        return cls(model.to(device).eval(), processor, precision)

    def make_masks(self, clip: Clip, frame: int, prompts: Sequence[Sequence[Prompt]]) -> Tensor:
        """Return one mask for each object; the frame is encoded once for all of them."""
        device = self.model.device
        masks = torch.zeros(len(prompts), *clip.original_size, dtype=torch.bool)
        if not prompts:
            return masks
        picture = frame_of(clip, frame).copy()  # the library wants to be able to write
        seen = self.processor(images=picture, return_tensors="pt").to(device)
        with computing(device, self.precision):
            features = self.model.get_image_embeddings(seen["pixel_values"])
            for row, marks in enumerate(prompts):
                asked = self.processor(
                    original_sizes=[clip.original_size], return_tensors="pt", **_asked(marks)
                ).to(device)
                del asked["original_sizes"]
                alone = len(marks) == 1 and isinstance(marks[0], Point)
                found = self.model(image_embeddings=features, multimask_output=alone, **asked)
                best = found.iou_scores[0, 0].argmax()
                (whole,) = self.processor.post_process_masks(
                    [found.pred_masks[0].float()], [clip.original_size]
                )
                masks[row] = whole[0, best].cpu()
        return masks


def _asked(marks: Sequence[Prompt]) -> dict[str, Any]:
    """Return what the processor is told of one object: lists for images, objects, points."""
    asked: dict[str, Any] = {}
    for mark in marks:
        if isinstance(mark, Box):
            asked["input_boxes"] = [[[mark.x1, mark.y1, mark.x2, mark.y2]]]
    if points := [mark for mark in marks if isinstance(mark, Point)]:
        asked["input_points"] = [[[[point.x, point.y] for point in points]]]
        asked["input_labels"] = [[[int(point.positive) for point in points]]]
    return asked


ROUNDS = 5
"""After which GrabCut's masks of real photographs hardly change."""


class GrabCut:
    """Mask maker: GrabCut (Rother et al., SIGGRAPH 2004), by OpenCV; it needs a box.

    Colours inside the box and outside of it are modelled as mixtures of Gaussians, and a graph cut
    separates them. It knows nothing of objects: one whose colours differ from those around the box
    comes out well, others do not.
    """

    def make_masks(self, clip: Clip, frame: int, prompts: Sequence[Sequence[Prompt]]) -> Tensor:
        """Return one mask for each object, inside its box.

        Raises:
            InputError: an object has no box, or nothing is left around it to compare with.
        """
        masks = torch.zeros(len(prompts), *clip.original_size, dtype=torch.bool)
        if not prompts:
            return masks
        picture = cv2.cvtColor(frame_of(clip, frame), cv2.COLOR_RGB2BGR)
        for row, marks in enumerate(prompts):
            masks[row] = torch.from_numpy(_cut_out(picture, marks, frame))
        return masks


def _cut_out(picture: np.ndarray, marks: Sequence[Prompt], frame: int) -> np.ndarray:
    """Return the mask of one object in a BGR picture."""
    boxes = [mark for mark in marks if isinstance(mark, Box)]
    if not boxes:
        raise InputError(
            f"'grabcut' needs a box round each object, and one on frame {frame} has points alone: "
            "give it a --box, or take --mask-maker sam2:ID"
        )
    (box,) = boxes
    size = height, width = picture.shape[:2]
    rows = _span(box.y1, box.y2, height)
    columns = _span(box.x1, box.x2, width)
    if (rows.stop - rows.start, columns.stop - columns.start) == size:
        raise InputError(
            f"'grabcut' compares colours inside a box with those outside, and one on frame {frame} "
            "is the whole picture: draw it smaller, or take --mask-maker sam2:ID"
        )
    labels = np.full(size, cv2.GC_BGD, np.uint8)
    labels[rows, columns] = cv2.GC_PR_FGD
    for mark in marks:
        if isinstance(mark, Point):
            kind = cv2.GC_FGD if mark.positive else cv2.GC_BGD
            labels[min(int(mark.y), height - 1), min(int(mark.x), width - 1)] = kind
    # what lies further away than the box is large says little of what is around the object
    around = tuple(
        slice(max(0, 2 * span.start - span.stop), 2 * span.stop - span.start)
        for span in (rows, columns)
    )
    seen, near = np.ascontiguousarray(picture[around]), np.ascontiguousarray(labels[around])
    cv2.setRNGSeed(0)  # the mixtures begin with random centres
    models = np.zeros((2, 1, 65))
    cv2.grabCut(seen, near, (0, 0, 0, 0), models[0], models[1], ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.zeros(size, bool)
    found[around] = (near == cv2.GC_FGD) | (near == cv2.GC_PR_FGD)
    return found


def _span(first: float, last: float, side: int) -> slice:
    """Return the pixels of a box along one side of the picture: one at least."""
    start = min(round(max(first, 0)), side - 1)
    return slice(start, max(start + 1, round(min(last, side))))


def masks_of_boxes(maker: MaskMaker, clip: Clip, frame: int, boxes: Tensor) -> Tensor:
    """Return what a mask maker sees in the boxes of a detector.

    Args:
        maker: of the masks.
        clip: the video.
        frame: 0-based frame index.
        boxes: float (O, 4), x1, y1, x2, y2 in the video's own pixels; none is empty.

    Returns:
        bool (O, H, W) on the working size.
    """
    asked = [[Box(frame, *corners)] for corners in boxes.tolist()]
    return resize(maker.make_masks(clip, frame, asked), clip.working_size)
