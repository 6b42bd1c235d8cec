"""Endless training pairs of the shapes benchmark: only the frames of a pair are rendered."""

from __future__ import annotations

import numpy as np

from propose_reduce.data.clips import Pair, PairSettings, make_pair, serves
from propose_reduce.data.shapes import ShapesVideo, shapes_video
from propose_reduce.data.shapes_contours import SHAPES
from propose_reduce.data.shapes_render import Moment
from propose_reduce.data.videos import LabelledFrame

ATTEMPTS = (
    4  # references rendered before the query stands for itself; one of them nearly always fits
)


class ShapesPairs:
    """One new video per pair; index ``i`` is video ``i`` of the training split, without end.

    Args:
        settings: the frames are rendered at (short_side, long_side).
        samples: pairs of one epoch; larger indices work too.
        seed: of the benchmark.
    """

    def __init__(self, settings: PairSettings, *, samples: int, seed: int = 0) -> None:
        self.settings, self.samples, self.seed = settings, samples, seed

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the labels."""
        return SHAPES

    def __len__(self) -> int:
        return self.samples

    def pair(
        self, index: int, generator: np.random.Generator, *, distance: int | None = None
    ) -> Pair:
        """Return a pair of video ``index``."""
        size = (self.settings.short_side, self.settings.long_side)
        video = shapes_video("train", index, seed=self.seed, size=size)
        t = int(generator.integers(len(video)))
        query = video.moment(t)
        reference = self._reference(video, t, query, generator, distance)
        frames = (labelled(reference, video.categories), labelled(query, video.categories))
        return make_pair(*frames, generator, self.settings)

    @staticmethod
    def _reference(
        video: ShapesVideo,
        t: int,
        query: Moment,
        generator: np.random.Generator,
        distance: int | None,
    ) -> Moment:
        reach = len(video) if distance is None else distance
        near = [r for r in range(len(video)) if 0 < abs(r - t) <= reach]
        labels = np.array(video.categories)
        for r in generator.permutation(near)[:ATTEMPTS].tolist():
            moment = video.moment(int(r))
            if serves(moment.shown, query.shown, labels):
                return moment
        return query


def labelled(moment: Moment, categories: tuple[str, ...]) -> LabelledFrame:
    """Return a rendered frame with the objects it shows; ids are 1-based places in the video."""
    rows = np.flatnonzero(moment.shown)
    labels = [SHAPES.index(categories[row]) + 1 for row in rows]
    return LabelledFrame(
        image=moment.image,
        masks=moment.masks[rows],
        ids=rows + 1,
        labels=np.array(labels, dtype=np.int64),
        crowd=np.zeros(len(rows), dtype=bool),
    )
