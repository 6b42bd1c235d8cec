"""Several sources of training pairs at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from propose_reduce.data.clips import Pair, PairSource
from propose_reduce.errors import InputError


class Mixture:
    """Pairs from several sources of the same categories.

    Without weights an epoch goes through all pairs of all sources once, one source after the other
    (shuffle the indices). With weights every pair is drawn: first its source, by weight, then one
    of the source's pairs, evenly; an epoch is as long as all sources together.

    Args:
        sources: what to mix; bring them to the same categories first (``with_categories``).
        weights: one per source, at least 0, their sum above 0.

    Raises:
        InputError: no source, other categories, or weights that do not fit.
    """

    def __init__(
        self, sources: Sequence[PairSource], weights: Sequence[float] | None = None
    ) -> None:
        if not sources:
            raise InputError("a mixture needs at least one source, got none")
        for number, source in enumerate(sources):
            if source.categories != sources[0].categories:
                raise InputError(
                    f"source {number} has the categories {list(source.categories)}, the first "
                    f"{list(sources[0].categories)}: bring them to the same"
                )
        self.sources = list(sources)
        self._ends = np.cumsum([len(source) for source in sources])
        self._shares = None if weights is None else self._checked(weights)

    def _checked(self, weights: Sequence[float]) -> np.ndarray:
        values = np.array(weights, dtype=np.float64)
        fits = len(values) == len(self.sources) and np.isfinite(values).all()
        if not fits or (values < 0).any() or values.sum() <= 0:
            raise InputError(
                f"a mixture of {len(self.sources)} sources needs as many weights of at least 0 "
                f"and one above, got {list(weights)}"
            )
        shares: np.ndarray = values / values.sum()
        return shares

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the labels."""
        return self.sources[0].categories

    def __len__(self) -> int:
        return int(self._ends[-1])

    def pair(
        self, index: int, generator: np.random.Generator, *, distance: int | None = None
    ) -> Pair:
        """Return pair ``index``, or with weights the pair that the generator draws."""
        if self._shares is not None:
            source = self.sources[int(generator.choice(len(self.sources), p=self._shares))]
            return source.pair(int(generator.integers(len(source))), generator, distance=distance)
        number = int(np.searchsorted(self._ends, index, side="right"))
        before = int(self._ends[number - 1]) if number else 0
        return self.sources[number].pair(index - before, generator, distance=distance)
