"""Which prediction finds which object, by the rules of the YouTube-VIS evaluation.

Letters: R ranges of area, L IoU thresholds, D predictions, G tracks of the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""IoU thresholds of the official tool; the ninth is 0.8999999999999999, as it is there."""

RANGES: dict[str, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 128.0**2),
    "medium": (128.0**2, 256.0**2),
    "large": (256.0**2, 1e10),
}
"""Mean mask areas in pixels, both ends included (official tool)."""

MAX_PREDICTIONS = 100
"""Most predictions per video and category, the best-scoring (official tool)."""


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The predictions of one video and one category, compared with the truth.

    Attributes:
        places: int64 (D,), where the predictions stand among those of the video.
        scores: float64 (D,), falling.
        truth: int64 (R, L, D), which track of the video's truth a prediction took, -1 for none.
        ignored: bool (R, L, D), neither right nor wrong.
        counted: int64 (R,), how many tracks of the truth are to be found.
    """

    places: np.ndarray
    scores: np.ndarray
    truth: np.ndarray
    ignored: np.ndarray
    counted: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Whether a prediction found an object: bool (R, L, D)."""
        return (self.truth >= 0) & ~self.ignored


def outside_ranges(areas: np.ndarray) -> np.ndarray:
    """Return whether areas lie outside each range: bool (R, N) for (N,)."""
    bounds = np.array(list(RANGES.values()))
    return (areas < bounds[:, :1]) | (areas > bounds[:, 1:])


def match(
    *,
    places: np.ndarray,
    scores: np.ndarray,
    iou: np.ndarray,
    prediction_outside: np.ndarray,
    truth_places: np.ndarray,
    truth_ignored: np.ndarray,
    crowd: np.ndarray,
) -> Matches:
    """Let predictions take tracks of the truth, the best-scoring prediction first.

    A prediction takes the free track of highest IoU, at least the threshold, the later one of
    equals; a track that counts before one that is ignored. A crowd can be taken any number of
    times. What takes an ignored track is ignored, as is what takes none and has an area outside
    the range.

    Args:
        places: int64 (D,), where the predictions stand among those of the video.
        scores: float64 (D,), falling.
        iou: float64 (D, G).
        prediction_outside: bool (R, D), whose area lies outside the range.
        truth_places: int64 (G,), where the tracks stand among those of the video.
        truth_ignored: bool (R, G), crowds and tracks outside the range.
        crowd: bool (G,).
    """
    n_ranges, n_truths = truth_ignored.shape
    taken = np.full((n_ranges, len(THRESHOLDS), len(scores)), -1, dtype=np.int64)
    ignored = np.zeros(taken.shape, dtype=bool)
    if n_truths:
        thresholds = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]  # the official tool's start value
        counts = ~truth_ignored[:, None, :]
        free = np.ones((n_ranges, len(THRESHOLDS), n_truths), dtype=bool)
        for rank, row in enumerate(iou):
            if row.max() < THRESHOLDS[0]:
                continue
            fits = (free | crowd) & (row >= thresholds)
            first = _best(row, fits & counts)
            chosen = np.where(first >= 0, first, _best(row, fits & ~counts))
            taken[:, :, rank] = chosen
            ranges, levels = np.nonzero(chosen >= 0)
            free[ranges, levels, chosen[ranges, levels]] = False
            ignored[ranges, levels, rank] = truth_ignored[ranges, chosen[ranges, levels]]
    ignored |= (taken < 0) & prediction_outside[:, None, :]
    truth = np.append(truth_places, -1)[taken]  # -1 reads the last entry
    return Matches(places, scores, truth, ignored, (~truth_ignored).sum(axis=1))


def _best(row: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Return the allowed column of highest value, the last of equals, -1 where none is allowed."""
    values = np.where(allowed, row, -1.0)[..., ::-1]
    return np.where(allowed.any(-1), allowed.shape[-1] - 1 - values.argmax(-1), -1)
