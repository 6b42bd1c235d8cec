"""Endless training pairs of the shapes benchmark: only the frames of a pair are rendered."""

import numpy as np

from propose_reduce.data.clips import Pair, PairSettings, make_pair, serves
from propose_reduce.data.shapes import ShapesVideo, shapes_video
from propose_reduce.data.shapes.world import SHAPES
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
        reference = self._reference(video, t, generator, distance)
        frames = (labelled(video, reference), labelled(video, t))
        return make_pair(*frames, generator, self.settings)

    @staticmethod
    def _reference(
        video: ShapesVideo, t: int, generator: np.random.Generator, distance: int | None
    ) -> int:
        reach = len(video) if distance is None else distance
        near = [r for r in range(len(video)) if 0 < abs(r - t) <= reach]
        labels, shown = np.array(video.categories), video.visibility(t).shown
        for r in generator.permutation(near)[:ATTEMPTS].tolist():
            if serves(video.visibility(int(r)).shown, shown, labels):
                return int(r)
        return t


def labelled(video: ShapesVideo, t: int) -> LabelledFrame:
    """Return a rendered frame with the objects it shows; ids are 1-based places in the video."""
    seen = video.visibility(t)
    rows = np.flatnonzero(seen.shown)
    labels = [SHAPES.index(video.categories[row]) + 1 for row in rows]
    return LabelledFrame(
        image=video.frame(t),
        masks=seen.masks[rows],
        ids=rows + 1,
        labels=np.array(labels, dtype=np.int64),
        crowd=np.zeros(len(rows), dtype=bool),
    )
