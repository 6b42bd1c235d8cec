"""Given masks: objects that the user names on some frames, each followed as one sequence.

This is semi-supervised video object segmentation. Nothing is proposed and nothing reduced: who the
objects are is known, and each keeps the number that it came with. They are followed through the
whole video at once, not window by window, for their masks are encoded as they come.

Letters: O objects of a seed, H and W working pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.masks import resize
from propose_reduce.paradigm.propagate import propagate
from propose_reduce.protocols import Progress, Propagator
from propose_reduce.structures import Clip, FrameMasks, InstanceSequence, Seed, Size


@dataclass(frozen=True, slots=True, eq=False)
class GivenObject:
    """An object that the user gave.

    Attributes:
        id: its number, 1 or more; the sequence gets it.
        category: what it is.
        masks: in the video's own pixels by 0-based frame; at least one, none of them empty.
        enters: it comes in with its first mask, so it is nowhere before.
    """

    id: int
    category: str
    masks: Mapping[int, rle.Rle] = field(repr=False)
    enters: bool = False

    def __post_init__(self) -> None:
        if self.id < 1:
            raise InputError(f"objects are numbered from 1, got {self.id}")
        if not self.masks:
            raise InputError(f"object {self.id} needs a mask on at least one frame")

    @property
    def first(self) -> int:
        """The first frame that it has a mask on."""
        return min(self.masks)


def follow(
    clip: Clip,
    propagator: Propagator,
    objects: Sequence[GivenObject],
    *,
    progress: Progress | None = None,
) -> list[InstanceSequence]:
    """Return one sequence for each object, by falling score; ids are those given.

    An object starts from its first mask, in both directions. Where it has further ones the
    propagator goes on from these, if it takes a corrector. What is given stands on its frame as it
    is, and no other object has its pixels there. The score of a frame is the propagator's
    ``presence``, 1 where it says nothing or the mask was given; that of the sequence is the mean.

    Args:
        clip: the whole video.
        propagator: follows the masks.
        objects: of the video.
        progress: called with each step; a step is one seed on one frame.

    Raises:
        ContractError: the propagator breaks its contract.
    """
    by_start: dict[int, list[GivenObject]] = defaultdict(list)
    for item in objects:
        by_start[item.first].append(item)
    starts = {frame: by_start[frame] for frame in sorted(by_start)}
    groups = list(starts.values())
    seeds = [Seed(frame, _working(group, frame, clip)) for frame, group in starts.items()]
    again = any(len(item.masks) > 1 for item in objects)
    corrector = GivenCorrector(clip, groups) if again else None
    tracks = {item.id: _Track(item, clip.original_size, len(clip.frames)) for item in objects}
    taken = _Taken(objects)
    steps = len(seeds) * len(clip.frames)
    carried = propagate(clip, propagator, seeds, corrector=corrector)
    for step, found in enumerate(carried, start=1):
        masks = resize(found.masks.cpu(), clip.original_size).numpy()
        for row, item in enumerate(groups[found.seed]):
            tracks[item.id].put(found, row, masks[row], taken)
        if progress is not None:
            progress("propagate", step, steps)
    sequences = [track.sequence for track in tracks.values()]
    return sorted(sequences, key=lambda sequence: -sequence.score)


class GivenCorrector:
    """Corrector: puts the mask that was given on a frame in the place of the one carried there.

    Args:
        clip: the video.
        groups: for each seed its objects.
    """

    def __init__(self, clip: Clip, groups: Sequence[Sequence[GivenObject]]) -> None:
        self._clip, self._groups = clip, groups

    def correct(self, frame: int, seed: int, masks: Tensor) -> Tensor:
        """Return the masks to carry on: bool (O, H, W); the very same where none is given."""
        group = self._groups[seed]
        rows = [row for row, item in enumerate(group) if frame in item.masks]
        if not rows:
            return masks
        corrected = masks.clone()
        given = _working([group[row] for row in rows], frame, self._clip)
        corrected[torch.tensor(rows, device=masks.device)] = given.to(masks.device)
        return corrected


class _Taken:
    """The pixels that objects were given on a frame: no other has them there."""

    def __init__(self, objects: Sequence[GivenObject]) -> None:
        self._by_frame: dict[int, list[rle.Rle]] = defaultdict(list)
        for item in objects:
            for frame, mask in item.masks.items():
                self._by_frame[frame].append(mask)

    def without(self, frame: int, mask: np.ndarray) -> np.ndarray:
        """Return a mask, bool (H, W), without them."""
        if frame not in self._by_frame:
            return mask
        left: np.ndarray = mask & ~rle.decode(rle.union(self._by_frame[frame])).astype(bool)
        return left


class _Track:
    """The masks of one object as they come, in any order of frames."""

    def __init__(self, item: GivenObject, size: Size, num_frames: int) -> None:
        self._item, self._size = item, size
        self._masks: list[rle.Rle | None] = [None] * num_frames
        self._scores: list[float | None] = [None] * num_frames

    def put(self, found: FrameMasks, row: int, mask: np.ndarray, taken: _Taken) -> None:
        """Take the mask of a frame.

        Args:
            found: what the propagator says of the frame.
            row: the object's among its masks.
            mask: bool (H, W), the row in the video's own pixels.
            taken: what others were given.
        """
        frame, item = found.frame, self._item
        if frame in item.masks:
            self._masks[frame], self._scores[frame] = item.masks[frame], 1.0
            return
        if item.enters and frame < item.first:
            return
        mask = taken.without(frame, mask)
        if mask.any():
            self._masks[frame] = rle.encode(mask)
            self._scores[frame] = 1.0 if found.presence is None else float(found.presence[row])

    @property
    def sequence(self) -> InstanceSequence:
        """What has become of the object."""
        item, scores = self._item, [score for score in self._scores if score is not None]
        score = sum(scores) / len(scores)  # there is that of the first mask at least
        return InstanceSequence(
            id=item.id,
            category=item.category,
            score=score,
            class_scores={item.category: score},
            key_frame=item.first,
            size=self._size,
            segmentations=tuple(self._masks),
            frame_scores=tuple(self._scores),
        )


def _working(objects: Sequence[GivenObject], frame: int, clip: Clip) -> Tensor:
    """Return the masks of objects on a frame at the working size: bool (O, H, W), none empty."""
    whole = torch.from_numpy(np.stack([rle.decode(item.masks[frame]) for item in objects])).bool()
    masks = resize(whole, clip.working_size)
    for row in (~masks.flatten(1).any(dim=1)).nonzero()[:, 0].tolist():
        # so small that no pixel is half covered: all that are touched
        rows, columns = whole[row].nonzero(as_tuple=True)
        (height, width), (full_height, full_width) = clip.working_size, clip.original_size
        masks[row, rows * height // full_height, columns * width // full_width] = True
    return masks
