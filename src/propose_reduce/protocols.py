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

    from propose_reduce.structures import Clip, Detections, FrameMasks, Prompt, Seed

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with a stage ("propose", "propagate", "report"), steps done, and steps in all."""


class Proposer(Protocol):
    """Finds the objects of one frame."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the class score columns."""

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Return what is seen on ``frame`` (0-based), most confident first."""


class Corrector(Protocol):
    """Puts masks right on their way through the clip."""

    def correct(self, frame: int, seed: int, masks: Tensor) -> Tensor:
        """Return the masks that a propagator is to yield for a frame and to carry on from there.

        Args:
            frame: 0-based frame index, not the seed's key frame.
            seed: index into the seeds that were given.
            masks: bool (O, H, W) on the working size, as the propagator found them.

        Returns:
            bool (O, H, W); the very same tensor where nothing is to be corrected, equal rows where
            an object's mask stands.
        """


class Propagator(Protocol):
    """Follows given masks through the whole clip."""

    def propagate(
        self, clip: Clip, seeds: Sequence[Seed], *, corrector: Corrector | None = None
    ) -> Iterator[FrameMasks]:
        """Yield every seed's masks once for every frame, its key frame included, in any order.

        All seeds go in at once, so that a propagator may batch them. One that knows with which
        probability an object is there says so (``FrameMasks.presence``). One that follows from
        several key frames (``Seed.more``), and to no other frames than those that are wanted
        (``Seed.frames``), has an attribute ``reads_more`` that is true; others are not given such.

        Args:
            clip: the video.
            seeds: the masks to follow.
            corrector: asked once about each seed on each frame but its key frame, as soon as its
                masks are found. A propagator may leave this argument out; then nothing is
                corrected, and a warning says so.
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


class MaskMaker(Protocol):
    """Makes masks of the boxes and points that a user gives."""

    def make_masks(self, clip: Clip, frame: int, prompts: Sequence[Sequence[Prompt]]) -> Tensor:
        """Return the masks of the objects that are marked on a frame.

        Args:
            clip: the video.
            frame: 0-based frame index; that of the prompts themselves does not count here.
            prompts: for each of O objects at most one box, and points; one of them positive where
                there is no box. All of them lie on the frame.

        Returns:
            bool (O, H, W) in the video's own pixels; all False where nothing is found.

        Raises:
            InputError: it cannot work on such prompts.
        """
