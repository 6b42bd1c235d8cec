"""The way of propagation through a clip: forward from the first key frame, then backward.

On each frame all seeds that have reached it are carried on together, so that what depends on the
frame alone is computed once for all of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from propose_reduce.structures import FrameMasks, Seed


@dataclass(frozen=True, slots=True)
class Step:
    """One frame on the way.

    Attributes:
        frame: 0-based.
        next_frame: the frame after it on the way, so that it may be read meanwhile; None at the
            end.
        seeds: indices of the seeds that have reached it and want masks on it: forward from their
            key frames on, backward before them.
    """

    frame: int
    next_frame: int | None
    seeds: tuple[int, ...]


def sweeps(seeds: Sequence[Seed], num_frames: int) -> tuple[list[Step], list[Step]]:
    """Return the steps forward and those backward; seeds without masks are on none of them.

    Frames that no seed wants are left out.

    Args:
        seeds: all of a clip.
        num_frames: of the clip.
    """
    key_frames = {index: seed.frame for index, seed in enumerate(seeds) if len(seed.masks)}
    if not key_frames:
        return [], []
    forward = range(min(key_frames.values()), num_frames)
    backward = range(max(key_frames.values()) - 1, -1, -1)
    reached = [
        *((frame, [i for i, key in key_frames.items() if key <= frame]) for frame in forward),
        *((frame, [i for i, key in key_frames.items() if key > frame]) for frame in backward),
    ]
    served = [
        (frame, tuple(i for i in indices if seeds[i].wanted(frame))) for frame, indices in reached
    ]
    num_forward = sum(bool(indices) for _, indices in served[: len(forward)])
    served = [(frame, indices) for frame, indices in served if indices]
    next_frames = [*(frame for frame, _ in served[1:]), None]
    steps = [
        Step(frame, next_frame, indices)
        for (frame, indices), next_frame in zip(served, next_frames, strict=True)
    ]
    return steps[:num_forward], steps[num_forward:]


def without_masks(seeds: Sequence[Seed], num_frames: int) -> Iterator[FrameMasks]:
    """Yield what seeds without masks have on every frame: nothing."""
    for index, seed in enumerate(seeds):
        if not len(seed.masks):
            for frame in filter(seed.wanted, range(num_frames)):
                yield FrameMasks(index, frame, seed.masks)
