"""The three protocols between the algorithm and the networks (docs/architecture.md).

Class scores everywhere: column 0 is background, column ``i + 1`` is ``categories[i]``. A detector
that knows only a label and a score puts ``1 - score`` in column 0.

A long video comes as one clip after the other (paradigm/windows.py); a component whose
answers depend on the place in the whole video adds ``clip.start`` to a frame's index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

    from propose_reduce.structures import Clip, Detections, FrameMasks, Seed

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with a stage ("propose", "propagate", "report"), steps done, and steps in all."""


class Proposer(Protocol):
    """Finds the objects of one frame."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the class score columns."""

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Return what is seen on ``frame`` (0-based), most confident first."""


class Propagator(Protocol):
    """Follows given masks through the whole clip."""

    def propagate(self, clip: Clip, seeds: Sequence[Seed]) -> Iterator[FrameMasks]:
        """Yield every seed's masks once for every frame, its key frame included, in any order.

        All seeds go in at once, so that a propagator may batch them. One that knows with which
        probability an object is there says so (``FrameMasks.presence``).
        """


class Scorer(Protocol):
    """Says what class the masks of one frame show."""

    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        """Return class probabilities of what the masks show, supposing that it is there.

        Whether it is, a propagator says (``FrameMasks.presence``); it is not for the scorer.

        Args:
            clip: the video.
            frame: 0-based frame index.
            masks: bool (N, H, W) on the working size, none of them empty.
            origins: N detections; row ``i`` is the detection behind mask ``i``.

        Returns:
            float32 (N, C + 1); rows sum to 1. A row of NaN: no opinion on this frame, which then
            does not count for the sequence.
        """
