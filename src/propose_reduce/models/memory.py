"""The bounded memory of one seed's objects.

Letters in this file: O objects, M memorised frames, K key channels, D value channels, h and w the
map at stride 16.
"""

import torch
from torch import Tensor

from propose_reduce.errors import InputError
from propose_reduce.models.seq_prop_head import KeyValue


def thinned_step(every: int, limit: int | None, distance: int) -> int:
    """Return from how many frames one is in the memory when a sweep has come so far.

    Args:
        every: as it was asked for.
        limit: most frames in the memory; None: no bound.
        distance: from the key frame.
    """
    while limit is not None and distance // every + 1 > limit:
        every *= 2
    return every


class MemoryBank:
    """The key frames and, evenly spaced, what came after the last one on the way.

    Frames are taken at distances from the key frame that are multiples of ``step``. When the
    bank is full every second frame but the key frame goes and the step doubles, so that the cost
    of reading stays bounded however long the video is; without a limit it grows. Key frames always
    stay. Beside these there is room for one frame at any distance, the last that was put right
    (``renew``).

    Attributes:
        keys: (O, K, M, h, w).
        values: (O, D, M, h, w).
    """

    def __init__(self, key_frame: KeyValue, *more: KeyValue, every: int, limit: int | None) -> None:
        """Start from the encodings of one or more key frames' masks, key (O, K, h, w) and value."""
        if every < 1 or (limit is not None and limit < 2):
            raise InputError(f"memory needs every >= 1 and frames >= 2, got {every} and {limit}")
        self.keys: Tensor = torch.stack([key_frame.key, *(one.key for one in more)], dim=2)
        self.values: Tensor = torch.stack([key_frame.value, *(one.value for one in more)], dim=2)
        self._others = len(more)  # key frames before the first distance
        self._distances = [0]
        self._renewed = False  # whether the last of the memorised frames is that of ``renew``
        self._step, self._limit = every, limit

    @property
    def distances(self) -> tuple[int, ...]:
        """How far from the key frame each memorised frame lies."""
        return tuple(self._distances)

    def wants(self, distance: int) -> bool:
        """Return whether the frame at this distance from the key frame is to be memorised."""
        return distance > 0 and distance % self._step == 0

    def add(self, distance: int, encoding: KeyValue) -> None:
        """Memorise a frame; makes room first when the bank is full."""
        self._drop_renewed()
        if len(self._distances) == self._limit:
            self._thin()
        if self.wants(distance):
            self.keys = torch.cat([self.keys, encoding.key[:, :, None]], dim=2)
            self.values = torch.cat([self.values, encoding.value[:, :, None]], dim=2)
            self._distances.append(distance)

    def renew(self, encoding: KeyValue) -> None:
        """Memorise a frame whose masks were put right, until the next frame is memorised."""
        self._drop_renewed()
        self.keys = torch.cat([self.keys, encoding.key[:, :, None]], dim=2)
        self.values = torch.cat([self.values, encoding.value[:, :, None]], dim=2)
        self._renewed = True

    def _drop_renewed(self) -> None:
        if self._renewed:
            self.keys, self.values = self.keys[:, :, :-1], self.values[:, :, :-1]
            self._renewed = False

    def _thin(self) -> None:
        self._step *= 2
        kept = [row for row, d in enumerate(self._distances) if d % self._step == 0]
        rows = [*range(self._others), *(self._others + row for row in kept)]
        self.keys, self.values = self.keys[:, :, rows], self.values[:, :, rows]
        self._distances = [self._distances[row] for row in kept]
