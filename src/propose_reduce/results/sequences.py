"""``VideoSequences``: the instance sequences of one video, as every file format holds them.

Letters: T frames.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from propose_reduce.errors import InputError
from propose_reduce.structures import InstanceSequence, Size


@dataclass(frozen=True, slots=True, eq=False)
class VideoSequences:
    """The instance sequences of one video.

    Attributes:
        name: the video's name.
        size: (height, width) of the video in pixels.
        num_frames: T.
        categories: names by id, in id order; the ids are those of the output files.
        sequences: every sequence, by falling score.
        fps: mean frames per second; None for frames without times (a folder, an array).
        timestamps: T seconds from the start, where the frame rate varies; else None.
        settings: what the run was made with, as plain JSON values.
    """

    name: str
    size: Size
    num_frames: int
    categories: dict[int, str]
    sequences: tuple[InstanceSequence, ...]
    fps: float | None = None
    timestamps: tuple[float, ...] | None = field(default=None, repr=False)
    settings: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.num_frames < 1 or min(self.size) < 1:
            raise InputError(
                f"video '{self.name}' must have a frame and a pixel at least, "
                f"got {self.num_frames} frames of {self.size}"
            )
        if self.timestamps is not None and len(self.timestamps) != self.num_frames:
            raise InputError(f"{len(self.timestamps)} timestamps for {self.num_frames} frames")
        names = list(self.categories.values())
        if len(set(names)) != len(names):
            raise InputError(f"category names must be distinct, got {names}")
        twice = [id_ for id_, count in Counter(s.id for s in self.sequences).items() if count > 1]
        if twice:
            raise InputError(f"sequence ids must be distinct, {twice[0]} is there twice")
        for sequence in self.sequences:
            self._check_fits(sequence)

    def _check_fits(self, sequence: InstanceSequence) -> None:
        frames = len(sequence.segmentations)
        if frames != self.num_frames or sequence.size != self.size:
            raise InputError(
                f"sequence {sequence.id} has {frames} frames of {sequence.size}, "
                f"the video {self.num_frames} of {self.size}"
            )
        foreign = sequence.class_scores.keys() - set(self.categories.values())
        if foreign:
            raise InputError(f"sequence {sequence.id}: no category is called '{min(foreign)}'")

    @property
    def category_ids(self) -> dict[str, int]:
        """Ids by category name."""
        return {name: id_ for id_, name in self.categories.items()}
