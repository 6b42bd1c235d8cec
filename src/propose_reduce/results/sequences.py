"""``VideoSequences``: the instance sequences of one video, as every file format holds them.

Letters: N sequences, T frames.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.structures import InstanceSequence, Size

SHOW_SCORE = 0.3
"""Where nothing else is asked for, pictures leave out what scores less; results have it all."""

GIVEN = "given"
"""The setting of a run whose objects the user gave."""


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

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.sequences)

    def __bool__(self) -> bool:
        """Return True: a result without sequences is a result too."""
        return True

    def __iter__(self) -> Iterator[InstanceSequence]:
        """Yield the sequences, by falling score."""
        return iter(self.sequences)

    def __getitem__(self, sequence_id: int) -> InstanceSequence:
        """Return the sequence with an id.

        Raises:
            KeyError: no sequence has it.
        """
        for sequence in self.sequences:
            if sequence.id == sequence_id:
                return sequence
        raise KeyError(sequence_id)

    @property
    def category_ids(self) -> dict[str, int]:
        """Ids by category name."""
        return {name: id_ for id_, name in self.categories.items()}

    @property
    def boxes(self) -> np.ndarray:
        """Tight boxes, float64 (N, T, 4); NaN where a sequence is absent.

        x1, y1, x2, y2 in pixels, x2 and y2 exclusive.
        """
        boxes = np.full((len(self), self.num_frames, 4), np.nan)
        for index, t, mask in self._present():
            x, y, width, height = rle.box(mask)
            boxes[index, t] = x, y, x + width, y + height
        return boxes

    @property
    def areas(self) -> np.ndarray:
        """Pixels of each mask, int64 (N, T); 0 where a sequence is absent."""
        areas = np.zeros((len(self), self.num_frames), dtype=np.int64)
        for index, t, mask in self._present():
            areas[index, t] = rle.area(mask)
        return areas

    def _present(self) -> Iterator[tuple[int, int, rle.Rle]]:
        """Yield the index of a sequence, a frame and the mask there, for every mask."""
        for index, sequence in enumerate(self.sequences):
            for t, mask in enumerate(sequence.segmentations):
                if mask is not None:
                    yield index, t, mask

    @property
    def objects_given(self) -> bool:
        """Whether the user said which objects there are: their ids mean something, all count."""
        return GIVEN in self.settings

    def filter(
        self,
        category: str | Iterable[str] | None = None,
        *,
        min_score: float = 0.0,
        min_frames: int = 0,
        min_area: float = 0.0,
    ) -> Self:
        """Return a result with some of the sequences; ids stay.

        Args:
            category: a name or names to keep.
            min_score: of the sequence.
            min_frames: on which it is present.
            min_area: mean pixels of its masks, over these frames.

        Raises:
            InputError: a category that the result does not know.
        """
        given = [category] if isinstance(category, str) else category
        names = set(self.categories.values() if given is None else given)
        for name in names:
            if name not in self.category_ids:
                raise unknown_name("category", name, self.category_ids)
        areas = self.areas
        frames = (areas > 0).sum(axis=1)
        means = areas.sum(axis=1) / np.maximum(frames, 1)
        kept = (
            sequence
            for sequence, count, mean in zip(self.sequences, frames, means, strict=True)
            if sequence.category in names
            and sequence.score >= min_score
            and count >= min_frames
            and mean >= min_area
        )
        return replace(self, sequences=tuple(kept))

    def crop(self, start: int = 0, end: int | None = None) -> Self:
        """Return the part of frames ``start`` to ``end``, exclusive; sequences absent there go.

        The key frame of a sequence that was proposed outside becomes the nearest frame inside.

        Raises:
            InputError: no frame lies between them.
        """
        first, last, _ = slice(start, end).indices(self.num_frames)
        if first >= last:
            raise InputError(f"no frame of 0..{self.num_frames - 1} lies in {start}..{end}")
        sequences = (
            replace(
                one,
                key_frame=min(max(one.key_frame, first), last - 1) - first,
                segmentations=one.segmentations[first:last],
                frame_scores=one.frame_scores[first:last],
            )
            for one in self.sequences
        )
        times = self.timestamps and self.timestamps[first:last]
        return replace(
            self,
            num_frames=last - first,
            timestamps=times and tuple(time - times[0] for time in times),
            sequences=tuple(s for s in sequences if any(s.segmentations)),
        )

    def merge(self, sequence_id: int, *others: int) -> Self:
        """Return a result in which several sequences are one, as where a track was cut in two.

        The first gives id, category, scores and key frame. On a frame the mask is the union of
        all, and the frame's score the first one's that there is, in the order given.

        Raises:
            InputError: an id that no sequence has, or the same id twice.
        """
        ids = [sequence_id, *others]
        known = {sequence.id for sequence in self.sequences}
        if not known.issuperset(ids) or len(set(ids)) < len(ids):
            raise InputError(f"merge needs distinct ids of {sorted(known)}, got {ids}")
        parts = [self[id_] for id_ in ids]
        masks, scores = [], []
        for t in range(self.num_frames):
            there = [mask for part in parts if (mask := part.segmentations[t]) is not None]
            masks.append(rle.union(there) if there else None)
            scores.append(next((s for p in parts if (s := p.frame_scores[t]) is not None), None))
        whole = replace(parts[0], segmentations=tuple(masks), frame_scores=tuple(scores))
        kept = (whole if s.id == sequence_id else s for s in self.sequences if s.id not in others)
        return replace(self, sequences=tuple(kept))
