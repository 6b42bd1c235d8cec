"""How much tracks overlap, counted on their run-length encodings, frame by frame.

Letters: T frames, D predictions, G tracks of the truth.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracks import Track


@dataclass(frozen=True, slots=True, eq=False)
class Overlap:
    """The pixels that tracks share, per frame.

    A frame counts for a pair of tracks if both lists reach it and, where both masks are there,
    these have the same size; elsewhere both numbers are 0. An absent object is an empty mask.

    Attributes:
        intersections: int64 (T, D, G), pixels.
        unions: int64 (T, D, G), pixels.
    """

    intersections: np.ndarray
    unions: np.ndarray

    @property
    def track_iou(self) -> np.ndarray:
        """Shared over joint pixels, both summed over the video: float64 (D, G), 0 if empty."""
        return _ratio(self.intersections.sum(0), self.unions.sum(0))

    @property
    def frame_iou(self) -> np.ndarray:
        """IoU of every frame: float64 (T, D, G), 0 where both are empty."""
        return _ratio(self.intersections, self.unions)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def mask_areas(track: Track) -> np.ndarray:
    """Return the pixels of a track's mask on each frame: int64 (T,), 0 where it is absent.

    Raises:
        InputError: a mask whose runs do not fill it exactly.
    """
    if track.mask_areas is not None:
        return track.mask_areas
    frames = [frame for frame, mask in enumerate(track.segmentations) if mask is not None]
    masks = [mask for mask in track.segmentations if mask is not None]
    inside = rle.sound_areas(masks)
    damaged = np.flatnonzero(inside < 0)
    if damaged.size:
        height, width = masks[damaged[0]]["size"]
        raise InputError(
            f"{track.entry}, frame {frames[damaged[0]]}: its mask is damaged, the run lengths do "
            f"not fill {height} x {width} pixels"
        )
    areas = np.zeros(len(track.segmentations), dtype=np.int64)
    areas[frames] = inside
    return areas


def box_areas(track: Track) -> np.ndarray:
    """Return the pixels of the tight box of a track's mask on each frame: int64 (T,).

    Args:
        track: of sound masks.
    """
    sides = [rle.box(mask)[2:] if mask else [0, 0] for mask in track.segmentations]
    return np.array([width * height for width, height in sides], dtype=np.int64)


def mean_area(areas: Sequence[float | None] | np.ndarray) -> float:
    """Return the mean over the frames where there is something, 0.0 if there is none anywhere."""
    present = [area for area in areas if area]
    return float(np.mean(present)) if present else 0.0


def overlap(
    predictions: Sequence[Track],
    truths: Sequence[Track],
    prediction_areas: Sequence[np.ndarray],
    truth_areas: Sequence[np.ndarray],
    ious: Callable[[Sequence[rle.Rle], Sequence[rle.Rle]], np.ndarray] = rle.iou,
) -> Overlap:
    """Return how predictions and tracks of the truth overlap.

    Args:
        predictions: D tracks.
        truths: G tracks.
        prediction_areas: what :func:`mask_areas` says of the predictions.
        truth_areas: what :func:`mask_areas` says of the truth.
        ious: gives the IoUs of N and M masks, float64 (N, M), or of their boxes; the areas must
            be of the same shapes.
    """
    length = max([len(a) for a in (*prediction_areas, *truth_areas)], default=0)
    areas = padded(prediction_areas, length)[:, :, None], padded(truth_areas, length)[:, None, :]
    both = areas[0] + areas[1]
    iou = np.zeros(both.shape)
    frames = zip(_by_frame(predictions), _by_frame(truths), strict=False)
    for frame, (found, known) in enumerate(frames):
        rows = {row: mask for row, mask in enumerate(found) if mask is not None}
        columns = {column: mask for column, mask in enumerate(known) if mask is not None}
        if rows and columns:
            pairs = np.ix_(list(rows), list(columns))
            iou[frame][pairs] = ious(list(rows.values()), list(columns.values()))
    # iou = i / (both - i) gives i; rounding removes the error of the last bit
    intersections = np.rint(iou * both / (1 + np.maximum(iou, 0))).astype(np.int64)
    intersections[iou < 0] = 0
    counts = (iou >= 0) & _reached(prediction_areas, length)[:, :, None]
    counts &= _reached(truth_areas, length)[:, None, :]
    return Overlap(intersections, (both - intersections) * counts)


def _by_frame(tracks: Sequence[Track]) -> Iterator[tuple[rle.Rle | None, ...]]:
    return zip_longest(*(track.segmentations for track in tracks))


def padded(areas: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Return the areas of N tracks as one int64 array (T, N), 0 beyond the end of a list."""
    table = np.zeros((length, len(areas)), dtype=np.int64)
    for column, values in enumerate(areas):
        table[: len(values), column] = values
    return table


def _reached(areas: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Return bool (T, N): whether list n has an entry for frame t."""
    return np.arange(length)[:, None] < np.array([len(values) for values in areas], dtype=int)
