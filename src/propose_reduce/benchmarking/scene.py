"""A video with known objects, as many as asked for, drawn frame by frame."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from propose_reduce.structures import Size


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
