"""Videos of any length: cut into windows that overlap, and the sequences of windows joined.

Every window is segmented by itself, with key frames of its own, so time per frame and memory do
not depend on the length of the video. Sequences of neighbouring windows that show the same pixels
on the frames that both have become one.

Letters: N and M sequences of two windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.paradigm.propagate import match
from propose_reduce.protocols import Progress
from propose_reduce.settings import WindowSettings
from propose_reduce.structures import Clip, InstanceSequence, SelectedFrames


def windows(num_frames: int, settings: WindowSettings) -> list[range]:
    """Return the frames of each window: as few as may be, of equal length up to one frame.

    Neighbours share ``overlap`` frames, or one more where lengths do not come out even.
    """
    if settings.window is None or num_frames <= settings.window:
        return [range(num_frames)]
    new = settings.window - settings.overlap  # frames that each window but the first adds
    count = -(-(num_frames - settings.overlap) // new)
    borders = [k * (num_frames - settings.overlap) // count for k in range(count + 1)]
    return [range(start, end + settings.overlap) for start, end in pairwise(borders)]


def window_of(clip: Clip, frames: range) -> Clip:
    """Return a window of a clip, or of a window, as a clip; all of its frames give it itself."""
    if len(frames) == len(clip.frames):
        return clip
    part, whole = SelectedFrames(clip.frames, frames), clip.whole or clip
    return replace(clip, frames=part, whole=whole, start=clip.start + frames.start)


def progress_of_window(progress: Progress | None, number: int, count: int) -> Progress | None:
    """Return the callback for one of ``count`` windows, whose steps are a part of the whole."""
    if progress is None or count == 1:
        return progress
    return lambda stage, done, total: progress(stage, number * total + done, count * total)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One window's part of a sequence, and the frames of the video that the window covers."""

    frames: range
    sequence: InstanceSequence

    def segmentation(self, frame: int) -> rle.Rle | None:
        return self.sequence.segmentations[frame - self.frames.start]

    def shown(self, frames: range) -> int:
        """Return on how many of these frames the sequence has a mask."""
        return sum(self.segmentation(frame) is not None for frame in frames)


class JoinedSequences:
    """The sequences of a whole video, window by window.

    A sequence keeps the id it gets in the window in which it begins: first those of the first
    window by falling score, then, window by window, the new ones. One that no sequence of the next
    window continues ends there; one that continues none begins. The frames of an overlap go to the
    earlier window up to their middle, and to the later one from there. Both windows have looked at
    them: what only one of them saw there has the other's word against it, a score of 0.

    Args:
        num_frames: of the video.
        settings: what may be joined.
        min_score: a sequence that scores less once it is whole is left out; its id stays free.
    """

    def __init__(
        self, num_frames: int, settings: WindowSettings, *, min_score: float = 0.0
    ) -> None:
        self._num_frames, self._settings = num_frames, settings
        self._min_score = min_score
        self._chains: list[list[_Piece]] = []
        self._denied: list[int] = []  # of each chain, frames on which a neighbour saw nothing
        self._alive: list[int] = []  # chains that reach into the last window
        self._end = 0  # of the last window

    def add(
        self, frames: range, sequences: Sequence[InstanceSequence], *, join: bool = True
    ) -> None:
        """Add the sequences of the next window, best first.

        Args:
            frames: what the window covers, in frames of the video.
            sequences: in frames of the window.
            join: they may go on with those of the last window; else all of them begin.
        """
        pieces = [_Piece(frames, sequence) for sequence in sequences]
        last = [self._chains[chain][-1] for chain in self._alive]
        pairs = _continuations(last, pieces, self._settings) if join else {}
        shared = range(frames.start, self._end if join else frames.start)
        for column, chain in enumerate(self._alive):
            if column not in pairs.values():
                self._denied[chain] += last[column].shown(shared)
        alive = []
        for row, piece in enumerate(pieces):
            if row in pairs:
                chain = self._alive[pairs[row]]
                self._chains[chain].append(piece)
            else:
                chain = len(self._chains)
                self._chains.append([piece])
                self._denied.append(piece.shown(shared))
            alive.append(chain)
        self._alive, self._end = alive, frames.stop

    @property
    def sequences(self) -> list[InstanceSequence]:
        """All sequences in frames of the video, by falling score."""
        joined = [self._joined(number) for number in range(1, len(self._chains) + 1)]
        reported = [sequence for sequence in joined if sequence.score >= self._min_score]
        return sorted(reported, key=lambda sequence: -sequence.score)

    def _joined(self, number: int) -> InstanceSequence:
        """Return the pieces of one object as one sequence."""
        chain = self._chains[number - 1]
        taken = _shares([piece.frames for piece in chain])
        scores = _mean_scores(chain, taken, self._denied[number - 1])
        category = next(iter(scores))
        segmentations: list[rle.Rle | None] = [None] * self._num_frames
        frame_scores: list[float | None] = [None] * self._num_frames
        for piece, frames in zip(chain, taken, strict=True):
            start, sequence = piece.frames.start, piece.sequence
            own = slice(frames.start - start, frames.stop - start)
            segmentations[frames.start : frames.stop] = sequence.segmentations[own]
            if sequence.category == category:  # of another class they say nothing about this one
                frame_scores[frames.start : frames.stop] = sequence.frame_scores[own]
        first = chain[0]
        return replace(
            first.sequence,
            id=number,
            category=category,
            score=scores[category],
            class_scores=scores,
            key_frame=first.frames.start + first.sequence.key_frame,
            segmentations=tuple(segmentations),
            frame_scores=tuple(frame_scores),
        )


def _continuations(
    last: Sequence[_Piece], new: Sequence[_Piece], settings: WindowSettings
) -> dict[int, int]:
    """Return which new piece goes on with which of the last window's: row of new -> row of last.

    A pair counts by the scores of both, so that a weak twin, which may fit better on the few frames
    compared, does not take what continues a good sequence.
    """
    if not last or not new:
        return {}
    shared = range(new[0].frames.start, last[0].frames.stop)
    same_class = torch.tensor(
        [[a.sequence.category == b.sequence.category for b in last] for a in new]
    )
    iou = _shared_iou(new, last, shared)
    ours, theirs = (
        torch.tensor([piece.sequence.score for piece in side], dtype=iou.dtype)
        for side in (new, last)
    )
    return match(
        iou,
        same_class,
        min_iou=settings.iou,
        class_weight=settings.class_weight,
        weight=ours[:, None] * theirs,
    )


def _shared_iou(rows: Sequence[_Piece], columns: Sequence[_Piece], shared: range) -> Tensor:
    """Return the sequence IoU (eq. 2) over some frames only: float64 (N, M)."""
    overlap = np.zeros((len(rows), len(columns)))
    areas = [np.zeros(len(side)) for side in (rows, columns)]
    for frame in shared:
        present = [
            [(i, mask) for i, piece in enumerate(side) if (mask := piece.segmentation(frame))]
            for side in (rows, columns)
        ]
        indices = [[i for i, _ in side] for side in present]
        masks = [[mask for _, mask in side] for side in present]
        own = [np.array([rle.area(mask) for mask in side], dtype=np.float64) for side in masks]
        for total, where, area in zip(areas, indices, own, strict=True):
            total[where] += area
        iou = rle.iou(*masks)  # shared / (a + b - shared), which gives back whole pixels
        overlap[np.ix_(*indices)] += np.rint(iou * (own[0][:, None] + own[1]) / (1 + iou))
    union = areas[0][:, None] + areas[1] - overlap
    return torch.from_numpy(overlap / np.maximum(union, 1))


def _shares(frames: Sequence[range]) -> list[range]:
    """Return the frames that each of the overlapping windows of one object gives."""
    middles = [(later.start + earlier.stop) // 2 for earlier, later in pairwise(frames)]
    starts, stops = [frames[0].start, *middles], [*middles, frames[-1].stop]
    return [range(start, stop) for start, stop in zip(starts, stops, strict=True)]


def _mean_scores(chain: Sequence[_Piece], taken: Sequence[range], denied: int) -> dict[str, float]:
    """Return the pieces' class scores, best first: the mean, weighted by the frames with a mask.

    A class that a window did not report counts as 0 there, as everything does on ``denied`` frames.
    """
    if len(chain) == 1 and not denied:
        return chain[0].sequence.class_scores
    weights = [piece.shown(frames) for piece, frames in zip(chain, taken, strict=True)]
    total = sum(weights) + denied
    if not any(weights):  # nothing is left of it but what the overlaps gave to the neighbours
        weights, total = [1] * len(chain), len(chain) + denied
    sums: dict[str, float] = {}
    for piece, weight in zip(chain, weights, strict=True):
        for name, score in piece.sequence.class_scores.items():
            sums[name] = sums.get(name, 0.0) + weight * score
    means = {name: value / total for name, value in sums.items()}
    return dict(sorted(means.items(), key=lambda item: -item[1]))
