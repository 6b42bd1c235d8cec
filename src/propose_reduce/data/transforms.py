"""What happens to a frame on its way to the network: image, masks and boxes stay together.

Letters: N objects, R crowd regions, H and W pixels of the network's input, unpadded.
"""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class ViewRange:
    """How far a random view of an image may go; each value is drawn evenly.

    Attributes:
        rotation: degrees to either side.
        scale: smallest and largest, drawn evenly in the logarithm.
        shift: share of the image's sides, to either side.
        perspective: by how much depth changes from the middle to a border, share.
        flip: probability of a mirror image.
    """

    rotation: float = 20.0
    scale: tuple[float, float] = (0.7, 1.4)
    shift: float = 0.15
    perspective: float = 0.15
    flip: float = 0.5


def random_view(generator: np.random.Generator, size: Size, limits: ViewRange) -> np.ndarray:
    """Return a random projective map (3, 3), float64, from an image's pixels to a view's.

    Args:
        generator: the only source of chance.
        size: (height, width) of the image and of the view.
        limits: how far it may go.
    """
    height, width = size
    centre = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1.0]])
    angle = np.deg2rad(limits.rotation) * generator.uniform(-1, 1)
    zoom = np.exp(generator.uniform(*np.log(limits.scale)))
    mirror = -1 if generator.random() < limits.flip else 1
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    turn = np.array([[mirror * cos, -sin, 0], [mirror * sin, cos, 0], [0, 0, 1.0]])
    tilt = np.eye(3)
    tilt[2, :2] = limits.perspective * generator.uniform(-1, 1, 2) / [width / 2, height / 2]
    offset = generator.uniform(-limits.shift, limits.shift, 2) * [width, height]
    back = np.array([[1, 0, width / 2 + offset[0]], [0, 1, height / 2 + offset[1]], [0, 0, 1.0]])
    view: np.ndarray = back @ tilt @ turn @ centre
    return view


def view_of(frame: LabelledFrame, view: np.ndarray, smallest: int = 1) -> LabelledFrame:
    """Return the frame seen through a projective map; objects that leave it are dropped.

    Args:
        frame: image and objects.
        view: (3, 3), from pixels of the image to pixels of the view, which is of the same size;
            (0, 0) is the upper left corner of the first pixel.
        smallest: an object of fewer pixels has left.
    """
    height, width = frame.image.shape[:2]
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # cv2 counts from pixel centres
    matrix = np.linalg.inv(half) @ view @ half
    mean = tuple(frame.image.mean(axis=(0, 1)).tolist())
    image = cv2.warpPerspective(frame.image, matrix, (width, height), borderValue=mean)
    masks = np.zeros_like(frame.masks)
    for row, mask in enumerate(frame.masks):
        soft = cv2.warpPerspective(mask.astype(np.uint8) * 255, matrix, (width, height))
        masks[row] = soft >= 128
    kept = masks.sum(axis=(1, 2)) >= smallest
    return LabelledFrame(image, masks[kept], frame.ids[kept], frame.labels[kept], frame.crowd[kept])
