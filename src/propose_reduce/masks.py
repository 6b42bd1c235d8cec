"""Bool masks: their boxes, their bits, their overlaps, their size.

Letters: N masks or sequences, T frames, H and W pixels. Boxes are (x1, y1, x2, y2) in pixels with
exclusive x2 and y2. Masks may live on any device; packed ones live in main memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name everybody knows it by)
from torch import Tensor

from propose_reduce.errors import InputError
from propose_reduce.structures import Size


def present(masks: Tensor) -> Tensor:
    """Return which of the masks (N, H, W) have a pixel: bool (N,)."""
    return masks.view(torch.uint8).flatten(1).amax(1) > 0


def tight_boxes(masks: Tensor) -> Tensor:
    """Return the smallest boxes around bool masks (N, H, W): int64 (N, 4), zeros where empty."""
    bits = masks.view(torch.uint8)  # torch reduces bytes much faster than bools
    extents = []
    for side in (bits.amax(1), bits.amax(2)):  # columns (N, W), then rows (N, H)
        start = side.argmax(1)
        end = side.shape[1] - side.flip(1).argmax(1)
        extents.append((start, end * side.amax(1)))
    (left, right), (top, bottom) = extents
    return torch.stack((left, top, right, bottom), dim=1)


def scoring_boxes(masks: Tensor) -> Tensor:
    """Return the boxes a mask's class is read from: tight, grown by 1 px, clipped to the image.

    Args:
        masks: bool (N, H, W), none of them empty.

    Returns:
        float32 (N, 4).
    """
    height, width = masks.shape[1:]
    grow = torch.tensor([-1, -1, 1, 1], device=masks.device)
    limit = torch.tensor([width, height, width, height], device=masks.device)
    return (tight_boxes(masks) + grow).clamp(min=0).minimum(limit).float()


def resize(masks: Tensor, size: Size) -> Tensor:
    """Return bool masks (N, H, W) at another size: bilinear, then above one half.

    Source: supplementary, section 4 (corners are not aligned, no antialiasing).
    """
    if tuple(masks.shape[1:]) == size:
        return masks
    soft = F.interpolate(masks[:, None].float(), size=size, mode="bilinear", align_corners=False)
    return soft[:, 0] > 0.5


def pack_bits(masks: Tensor) -> np.ndarray:
    """Return bool masks (N, H, W) as uint8 (N, H, ceil(W / 8)): byte b, bit k is column 8b + k."""
    if masks.device.type == "cpu":
        return np.packbits(masks.numpy(), axis=2, bitorder="little")
    return pack_bits_on_device(masks).cpu().numpy()


def pack_bits_on_device(masks: Tensor) -> Tensor:
    """Return the same bytes as ``pack_bits``, where the masks live.

    An eighth of the bytes has to leave an accelerator then. In main memory numpy is six times
    faster.
    """
    columns = F.pad(masks, (0, -masks.shape[2] % 8)).view(torch.uint8)
    bytewise = columns.unflatten(2, (columns.shape[2] // 8, 8))
    shifts = torch.arange(8, dtype=torch.uint8, device=masks.device)
    return (bytewise << shifts).sum(3, dtype=torch.uint8)


def mask_iou(rows: Tensor, columns: Tensor) -> Tensor:
    """Return the IoU of bool masks (N, H, W) and (M, H, W) of one frame: float64 (N, M)."""
    packed = PackedMasks.pack(torch.cat([rows, columns])[:, None])
    shared, areas = torch.from_numpy(packed.overlaps(0)), torch.from_numpy(packed.areas[:, 0])
    union = areas[:, None] + areas - shared
    return (shared.double() / union.clamp(min=1))[: len(rows), len(rows) :]


class PackedMasks:
    """The masks of N sequences on T frames, bit by bit, each cut to its box.

    A sequence is absent (all False) on every frame where nothing was put. Eight columns share a
    byte, so a mask takes an eighth of its box in bytes, and an absent one none.

    Attributes:
        size: (height, width) of every mask.
        areas: int64 (N, T), pixels inside each mask.
    """

    def __init__(self, num_sequences: int, num_frames: int, size: Size) -> None:
        self.size = size
        self.areas = np.zeros((num_sequences, num_frames), dtype=np.int64)
        self._windows = np.zeros((num_sequences, num_frames, 4), dtype=np.int32)
        self._crops: dict[tuple[int, int], np.ndarray] = {}  # (bytes, rows) of a window

    @classmethod
    def pack(cls, masks: Tensor) -> PackedMasks:
        """Return bool masks (N, T, H, W) packed."""
        count, frames, height, width = masks.shape
        packed = cls(count, frames, (height, width))
        for frame in range(frames):
            packed.put(frame, masks[:, frame])
        return packed

    @classmethod
    def joined(cls, parts: Sequence[PackedMasks]) -> PackedMasks:
        """Return the sequences of several, of one size and as many frames, one after the other."""
        whole = cls(sum(len(part) for part in parts), parts[0].num_frames, parts[0].size)
        first = 0
        for part in parts:
            rows = slice(first, first + len(part))
            whole.areas[rows], whole._windows[rows] = part.areas, part._windows
            whole._crops |= {(first + n, frame): crop for (n, frame), crop in part._crops.items()}
            first += len(part)
        return whole

    def __len__(self) -> int:
        """Return N."""
        return len(self.areas)

    @property
    def num_frames(self) -> int:
        """Return T."""
        return self.areas.shape[1]

    @property
    def nbytes(self) -> int:
        """Return the bytes that all masks take."""
        return sum(crop.nbytes for crop in self._crops.values())

    def put(self, frame: int, masks: Tensor, first: int = 0) -> None:
        """Set the masks (O, H, W) of the sequences ``first``, ``first + 1``, ... on one frame.

        Raises:
            InputError: the masks are not bool or not of this size.
        """
        height, width = self.size
        if masks.dtype != torch.bool or masks.shape[1:] != (height, width):
            got = f"{masks.dtype} {tuple(masks.shape)}"
            raise InputError(f"frame {frame}: masks must be bool (O, {height}, {width}), got {got}")
        packed = pack_bits(masks)
        rows, columns = packed.max(axis=2) > 0, packed.max(axis=1) > 0
        for offset in np.flatnonzero(rows.any(axis=1)):
            top, bottom = np.flatnonzero(rows[offset])[[0, -1]]
            left, right = np.flatnonzero(columns[offset])[[0, -1]]
            crop = packed[offset, top : bottom + 1, left : right + 1].T.copy()
            sequence = first + int(offset)
            self._windows[sequence, frame] = left, right + 1, top, bottom + 1
            self._crops[sequence, frame] = crop
            self.areas[sequence, frame] = np.bitwise_count(crop).sum(dtype=np.int64)

    def mask(self, sequence: int, frame: int) -> Tensor:
        """Return one mask: bool (H, W), in main memory."""
        return self.weighted([sequence], frame, [1.0]) > 0

    def frame(self, frame: int) -> Tensor:
        """Return the masks of all sequences on one frame: bool (N, H, W), in main memory."""
        height, width = self.size
        masks = np.zeros((len(self), height, -(-width // 8) * 8), dtype=bool)
        for sequence in np.flatnonzero(self.areas[:, frame]):
            left, right, top, bottom = self._windows[sequence, frame]
            bits = np.unpackbits(self._crops[int(sequence), frame].T, axis=1, bitorder="little")
            masks[sequence, top:bottom, 8 * left : 8 * right] = bits
        return torch.from_numpy(np.ascontiguousarray(masks[..., :width]))

    def weighted(self, sequences: Sequence[int], frame: int, weights: Sequence[float]) -> Tensor:
        """Return the sum of some masks of a frame, each times its weight: float32 (H, W)."""
        height, width = self.size
        total = np.zeros((height, -(-width // 8) * 8), dtype=np.float32)
        for sequence, weight in zip(sequences, weights, strict=True):
            if (sequence, frame) in self._crops:
                left, right, top, bottom = self._windows[sequence, frame]
                bits = np.unpackbits(self._crops[sequence, frame].T, axis=1, bitorder="little")
                total[top:bottom, 8 * left : 8 * right] += np.float32(weight) * bits
        return torch.from_numpy(total[:, :width])

    def overlaps(self, frame: int) -> np.ndarray:
        """Return how many pixels each two sequences share on one frame: int64 (N, N), exact."""
        counts = np.zeros((len(self), len(self)), dtype=np.int64)
        sequences = np.flatnonzero(self.areas[:, frame])
        windows = self._windows[sequences, frame]
        meet = np.triu(_overlapping(windows))
        # Words of eight rows are counted at once, so windows grow downwards by up to 7 rows.
        canvas = np.zeros((len(sequences), -(-self.size[1] // 8), self.size[0] + 7), dtype=np.uint8)
        for row, (left, right, top, bottom) in enumerate(windows):
            canvas[row, left:right, top:bottom] = self._crops[int(sequences[row]), frame]
        for row, (left, right, top, bottom) in enumerate(windows):
            others = np.flatnonzero(meet[row])
            end = bottom + (top - bottom) % 8
            shared = canvas[others, left:right, top:end]
            shared &= canvas[row, left:right, top:end]
            words = shared.reshape(len(others), -1).view(np.uint64)
            counts[sequences[row], sequences[others]] = np.bitwise_count(words).sum(axis=1)
        return counts + np.triu(counts, 1).T


def _overlapping(windows: np.ndarray) -> np.ndarray:
    """Return which of the windows (N, 4: left, right, top, bottom) overlap: bool (N, N)."""
    left, right, top, bottom = windows.T
    in_columns = (left[:, None] < right) & (left < right[:, None])
    in_rows = (top[:, None] < bottom) & (top < bottom[:, None])
    overlapping: np.ndarray = in_columns & in_rows
    return overlapping
