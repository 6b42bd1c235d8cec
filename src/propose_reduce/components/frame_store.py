"""What depends on a frame alone, kept as far as memory allows for when the frame comes again.

Key frames are detected on before anything is propagated, and the backward sweep comes by most
frames that the forward sweep has been to.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

from propose_reduce.models.backbone import Features
from propose_reduce.models.seq_prop_head import FrameBranches, KeyValue, SeqPropHead

Value = TypeVar("Value")


class ReadAhead(Generic[Value]):
    """Reads by index, one step ahead where it is told which comes next.

    All reading happens in one thread, so what is read from need not be safe for several.

    Args:
        read: returns what has an index.
    """

    def __init__(self, read: Callable[[int], Value]) -> None:
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        self._coming: dict[int, Future[Value]] = {}

    def get(self, index: int, next_index: int | None = None) -> Value:
        """Return what has the index, and begin to read the one at ``next_index``.

        Raises:
            whatever ``read`` raises for this index; for the next one, when that is asked for.
        """
        coming = self._coming.pop(index, None) or self._thread.submit(self._read, index)
        self._coming = (
            {} if next_index is None else {next_index: self._thread.submit(self._read, next_index)}
        )
        return coming.result()

    def close(self) -> None:
        """Wait for what is being read, and drop it."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()


MIN_FRAMES = 2  # a frame is asked for again by the scorer, right after it was segmented

MAX_FRAMES = 64
"""However small they are: a store of hundreds leaves the heap in pieces, and memory rose with the
length of the video by a quarter until it was flat (bundled model, 200 to 1,000 frames). With 16 the
way back computed so much anew that a clip of 48 frames took a tenth longer."""


@dataclass(eq=False)
class FrameWork:
    """What is computed of one frame, whatever objects it shows.

    Attributes:
        features: of backbone and pyramid.
    """

    features: Features
    _query: KeyValue | None = None
    _branches: FrameBranches | None = None

    def query(self, head: SeqPropHead) -> KeyValue:
        """Return the frame's encoding as a query."""
        if self._query is None:
            self._query = head.query(self.features.p2)
        return self._query

    def branches(self, head: SeqPropHead) -> FrameBranches:
        """Return the decoder's branches of the frame."""
        if self._branches is None:
            self._branches = head.branches(self.features.c2, self.features.c3)
        return self._branches

    @property
    def nbytes(self) -> int:
        """Bytes that all of it takes."""
        tensors: list[Tensor] = [self.features.c2, self.features.c3, *self.features.pyramid]
        tensors += [*(self._query or ()), *(self._branches or ())]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


class FrameStore:
    """Frames by index; those farthest from the one at hand go first.

    That is the order in which two sweeps need them last: on the way back the frames passed most
    recently come first.

    Args:
        limit: bytes that all frames may take; ``MIN_FRAMES`` stay in any case, and never more
            than ``MAX_FRAMES``.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._frames: dict[int, FrameWork] = {}

    def __contains__(self, index: int | None) -> bool:
        return index in self._frames

    def find(self, index: int) -> FrameWork | None:
        """Return a frame's work; where it is not here, None, and there is room for it then."""
        if index in self._frames:
            return self._frames[index]
        largest = max((frame.nbytes for frame in self._frames.values()), default=0)
        fitting = self._limit // largest if largest else 0
        room = min(MAX_FRAMES, max(MIN_FRAMES, fitting))
        while len(self._frames) >= room:
            del self._frames[max(self._frames, key=lambda other: abs(other - index))]
        return None

    def add(self, index: int, work: FrameWork) -> None:
        """Keep the work of a frame that ``find`` has not found."""
        self._frames[index] = work

    def clear(self) -> None:
        """Drop all frames."""
        self._frames.clear()
