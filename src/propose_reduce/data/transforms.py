"""What happens to a frame on its way to the network: image, masks and boxes stay together.

Letters: N objects, R crowd regions, H and W pixels of the network's input, unpadded.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from propose_reduce import masks as mask_tools
from propose_reduce.data.videos import LabelledFrame
from propose_reduce.structures import Size


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFrame:
    """One frame as the network takes it.

    Attributes:
        image: uint8 RGB (3, H, W), 0-255.
        ids: int64 (N,), the same for an object on every frame of its video.
        labels: int64 (N,), 1..C; 0 would be background.
        boxes: float32 (N, 4), tight (x1, y1, x2, y2) in pixels, x2 and y2 exclusive.
        masks: bool (N, H, W), none of them empty.
        crowds: float32 (R, 4), boxes of regions that are neither right nor wrong.
    """

    image: Tensor
    ids: Tensor
    labels: Tensor
    boxes: Tensor
    masks: Tensor
    crowds: Tensor


def training_frame(frame: LabelledFrame, size: Size, *, flipped: bool) -> TrainingFrame:
    """Return the frame at ``size`` (height, width), mirrored left to right when ``flipped``.

    Images are resized bilinearly, as when a video is segmented; masks likewise, then cut at one
    half. Objects of which no pixel is left are dropped.
    """
    image, masks = frame.image, torch.from_numpy(frame.masks)
    if image.shape[:2] != size:
        image = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        masks = mask_tools.resize(masks, size)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    if flipped:
        pixels, masks = pixels.flip(2), masks.flip(2)
    left = masks.flatten(1).any(dim=1)
    crowd = torch.from_numpy(frame.crowd)
    boxes = mask_tools.tight_boxes(masks).float() if len(masks) else torch.zeros((0, 4))
    kept = left & ~crowd
    return TrainingFrame(
        image=pixels.contiguous(),
        ids=torch.from_numpy(frame.ids)[kept],
        labels=torch.from_numpy(frame.labels)[kept],
        boxes=boxes[kept],
        masks=masks[kept].contiguous(),
        crowds=boxes[left & crowd],
    )
