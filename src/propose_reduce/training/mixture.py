"""Several sources of pairs, shuffled into one sequence of samples without end."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from propose_reduce.data.clips import PairSource
from propose_reduce.data.shapes.pairs import ShapesPairs
from propose_reduce.errors import InputError


@dataclass(frozen=True, slots=True)
class Sample:
    """Which pair of which source."""

    source: str
    index: int

    def __str__(self) -> str:
        return f"{self.source}[{self.index}]"


class Mixture:
    """The samples of a stage; sample ``number`` is a pure function of it and of the seed.

    Without weights an epoch shows every pair of every source once. With weights it is as long, but
    each source has its share of it; within a source no pair comes twice before all others have
    come once. Sources that render their pairs give new ones in every epoch.

    Args:
        sources: by name.
        weights: of each source, at least 0; None for all of them, or for none.
        seed: of the order.

    Raises:
        InputError: no source, or weights for some of them only or without one above 0.
    """

    def __init__(
        self, sources: Mapping[str, PairSource], weights: Mapping[str, float | None], seed: int
    ) -> None:
        self.sources, self.seed = dict(sources), seed
        self._counts = _counts(self.sources, {name: weights[name] for name in self.sources})
        self._epoch: tuple[int, list[Sample]] | None = None  # the last one, and its samples

    def __len__(self) -> int:
        """Return the number of samples of one epoch."""
        return sum(self._counts.values())

    def sample(self, number: int) -> Sample:
        """Return sample ``number``, 0-based, without end."""
        epoch, place = divmod(number, len(self))
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(epoch))
        return self._epoch[1][place]

    def _shuffled(self, epoch: int) -> list[Sample]:
        generator = np.random.default_rng([self.seed, epoch])
        samples = []
        for name, source in self.sources.items():
            count = self._counts[name]
            if isinstance(source, ShapesPairs):
                indices = np.arange(epoch * count, (epoch + 1) * count)
            else:
                rounds = -(-count // len(source))
                orders = [generator.permutation(len(source)) for _ in range(rounds)]
                indices = np.concatenate(orders)[:count] if orders else np.zeros(0, dtype=int)
            samples += [Sample(name, index) for index in indices.tolist()]
        return [samples[place] for place in generator.permutation(len(samples)).tolist()]


def _counts(
    sources: Mapping[str, PairSource], weights: Mapping[str, float | None]
) -> dict[str, int]:
    """Return how many samples of each source an epoch holds."""
    if not sources:
        raise InputError("a stage needs at least one source of samples, got none")
    sizes = {name: len(source) for name, source in sources.items()}
    given = {name: weight for name, weight in weights.items() if weight is not None}
    if not given:
        return sizes
    total = sum(given.values())
    if len(given) < len(sizes) or total <= 0:
        raise InputError(
            f"weights must be given to all sources or to none, one of them above 0; got {weights}"
        )
    length = sum(sizes.values())
    return {name: round(length * weight / total) for name, weight in given.items()}
