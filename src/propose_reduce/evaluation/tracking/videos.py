"""What is compared when trackers are evaluated, whatever files it comes from."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from propose_reduce import rle
from propose_reduce.evaluation.tracks import ONE_CATEGORY, Track


@dataclass(frozen=True, slots=True, eq=False)
class TrackedVideo:
    """One video with its objects and the tracks that were predicted.

    Attributes:
        id: what ``metrics.json`` calls it.
        name: what people call it.
        num_frames: how many frames count.
        truths: the objects, in file order.
        predictions: the predicted tracks, in file order.
        ignored: per frame a region in which predictions that match nothing do not count; None
            where there is none, no entry where no frame has one.
        unlabelled: by category the frames, bool (T,), on which predictions that match nothing do
            not count; none for a category that was labelled on all frames.
    """

    id: Hashable
    name: str
    num_frames: int
    truths: tuple[Track, ...]
    predictions: tuple[Track, ...]
    ignored: tuple[rle.Rle | None, ...] = ()
    unlabelled: Mapping[Hashable, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedVideos:
    """A truth with predictions.

    Attributes:
        categories: names of all categories of the truth by id.
        videos: its videos.
        notes: what is odd without being an error, one line each.
    """

    categories: Mapping[Any, str]
    videos: tuple[TrackedVideo, ...]
    notes: tuple[str, ...] = ()

    def as_one_category(self) -> TrackedVideos:
        """Return the same with all categories as one."""
        return TrackedVideos(
            categories={ONE_CATEGORY: "object"},
            videos=tuple(
                replace(
                    video,
                    truths=tuple(replace(t, category=ONE_CATEGORY) for t in video.truths),
                    predictions=tuple(replace(t, category=ONE_CATEGORY) for t in video.predictions),
                    unlabelled={},
                )
                for video in self.videos
            ),
            notes=self.notes,
        )

    def scored(self, min_score: float) -> TrackedVideos:
        """Return the same without predictions whose score is lower."""
        return replace(
            self,
            videos=tuple(
                replace(
                    video,
                    predictions=tuple(t for t in video.predictions if t.score >= min_score),
                )
                for video in self.videos
            ),
        )
