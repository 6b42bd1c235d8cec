"""A video with its result drawn on it: masks, outlines, and a label for each object.

A label stands above its object and moves with it, but smoothly: its place is computed for the
whole video before the first frame is drawn. Where labels would cover each other one steps aside.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from propose_reduce import rle
from propose_reduce.drawing.paint import OPACITY, chip, colour_of, paint
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.results import VideoResult
from propose_reduce.structures import Frames, InstanceSequence, Size

LABELS = ("id", "name", "score")
"""What a label can say, in this order."""

SMOOTHED = 9
"""Frames over which the place of a label is averaged, the frame in the middle."""

MIN_AREA = 2e-4
"""Share of the frame below which an object has no label: 46 pixels at 640 x 360."""


def overlay(
    frames: Frames,
    result: VideoResult,
    *,
    opacity: float = OPACITY,
    labels: Sequence[str] = LABELS,
) -> Iterator[np.ndarray]:
    """Yield every frame of a video, uint8 RGB (H, W, 3), with its result drawn on it.

    Args:
        frames: the video.
        result: its sequences.
        opacity: share of an object's colour inside its mask, 0 to 1.
        labels: which of ``LABELS`` a label says; no labels without any.

    Raises:
        InputError: an opacity or a label that there is not.
    """
    check_style(opacity, labels)
    return _drawn(frames, result, opacity, labels)


def check_style(opacity: float, labels: Sequence[str]) -> None:
    """Raise InputError for an opacity or a label that there is not."""
    if not 0 <= opacity <= 1:
        raise InputError(f"opacity must lie between 0 and 1, got {opacity}")
    for label in labels:
        if label not in LABELS:
            raise unknown_name("label", label, LABELS)


def _drawn(
    frames: Frames, result: VideoResult, opacity: float, labels: Sequence[str]
) -> Iterator[np.ndarray]:
    chips = [_label(sequence, labels, result.size) for sequence in result.sequences if labels]
    sizes = np.array([each.shape[:2] for each in chips], dtype=int).reshape(-1, 2)
    corners = place_labels(result, sizes) if chips else np.zeros((0, result.num_frames, 2))
    for index in range(result.num_frames):
        picture = fill(frames[index], result, index, opacity=opacity)
        for each, corner in zip(chips[::-1], corners[::-1], strict=True):  # the first on top
            if corner[index, 0] >= 0:
                _paste(picture, each, *corner[index].round().astype(int))
        yield picture


def fill(
    frame: np.ndarray, result: VideoResult, index: int, *, opacity: float = OPACITY
) -> np.ndarray:
    """Return a copy of frame ``index``, uint8 RGB (H, W, 3), with masks and outlines on it."""
    present = [
        (rle.decode(mask), colour_of(sequence.id))
        for sequence in result.sequences
        if (mask := sequence.segmentations[index]) is not None
    ]
    masks, colours = zip(*present, strict=True) if present else ((), ())
    outline = max(1, round(min(result.size) / 250))
    return paint(frame, masks, colours, opacity=opacity, outline=outline)


def place_labels(result: VideoResult, sizes: np.ndarray) -> np.ndarray:
    """Return where the labels stand, inside the frame: float64 (N, T, 2), -1 for no label.

    Args:
        result: N sequences of T frames; where there is no room for all labels the first ones have
            the better place.
        sizes: int (N, 2), (height, width) of each label in pixels.

    Returns:
        row and column of the upper left corner.
    """
    height, width = result.size
    corners = np.full((len(result.sequences), result.num_frames, 2), -1.0)
    for sequence, (tall, wide), corner in zip(result.sequences, sizes, corners, strict=True):
        boxes = np.array([[-1.0] * 4 if m is None else rle.box(m) for m in sequence.segmentations])
        areas = np.array([0 if m is None else rle.area(m) for m in sequence.segmentations])
        for run in _runs(boxes[:, 2] > 0):
            left, top, box_width, _ = boxes[run].T
            rows = np.clip(_smooth(top - tall), 0, max(height - tall, 0))
            columns = np.clip(_smooth(left + (box_width - wide) / 2), 0, max(width - wide, 0))
            seen = _smooth(areas[run].astype(float)) >= MIN_AREA * height * width
            corner[run] = np.where(seen[:, None], np.stack([rows, columns], axis=1), -1)
    steps = _steps_aside(corners, sizes, height)
    for corner, step, (tall, _) in zip(corners, steps, sizes, strict=True):
        for run in _runs(corner[:, 0] >= 0):
            rows = corner[run, 0] + _smooth(step[run])
            corner[run, 0] = np.clip(rows, 0, max(height - tall, 0))
    return corners


def _steps_aside(corners: np.ndarray, sizes: np.ndarray, height: int) -> np.ndarray:
    """Return how far down each label goes so that it covers none before it: (N, T) pixels.

    A label prefers its own place, then the one it had on the frame before.
    """
    steps = np.zeros(corners.shape[:2])
    for frame in range(corners.shape[1]):
        taken: list[tuple[float, float, float, float]] = []  # top, bottom, left, right
        for index in np.flatnonzero(corners[:, frame, 0] >= 0):
            (row, left), (tall, wide) = corners[index, frame], sizes[index]
            near = np.array([t[:2] for t in taken if left < t[3] and left + wide > t[2]])
            near = near.reshape(-1, 2)
            choices = np.concatenate([[0.0], near[:, 1] - row, near[:, 0] - tall - row])
            choices = choices[(row + choices >= 0) & (row + choices <= height - tall)]
            top = row + choices[:, None]
            covers = (top < near[:, 1] - 0.5) & (top + tall > near[:, 0] + 0.5)
            free = choices[~covers.any(axis=1)]
            if free.size:
                before = steps[index, frame - 1] if frame else 0.0
                steps[index, frame] = free[np.argmin(abs(free) + abs(free - before))]
            top = row + steps[index, frame]
            taken.append((top, top + tall, left, left + wide))
    return steps


def _label(sequence: InstanceSequence, labels: Sequence[str], size: Size) -> np.ndarray:
    parts = {"id": str(sequence.id), "name": sequence.category, "score": f"{sequence.score:.2f}"}
    text = " ".join(parts[name] for name in LABELS if name in labels)
    font_size = float(np.clip(min(size) / 28, 10, 40))
    picture = chip(text, colour_of(sequence.id), font_size, size[1])
    return picture[: size[0], : size[1]]


def _runs(present: np.ndarray) -> list[slice]:
    """Return the runs of frames on which something is present."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], present.astype(np.int8), [0]])))
    return [slice(first, end) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _smooth(values: np.ndarray) -> np.ndarray:
    """Return the mean over ``SMOOTHED`` frames around each one, fewer at the ends: (T,)."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    frames = np.arange(len(values))
    reach = np.minimum(np.minimum(frames, len(values) - 1 - frames), SMOOTHED // 2)
    means: np.ndarray = (sums[frames + reach + 1] - sums[frames - reach]) / (2 * reach + 1)
    return means


def _paste(picture: np.ndarray, label: np.ndarray, row: int, column: int) -> None:
    room = picture[row : row + label.shape[0], column : column + label.shape[1]]
    room[:] = label[: room.shape[0], : room.shape[1]]
