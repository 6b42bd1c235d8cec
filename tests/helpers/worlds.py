"""Films of a scripted world, and segmenters that know the script: no network, same code path."""

from pathlib import Path

from fakes import FakePropagator, FakeProposer, FakeScorer, Thing, World
from films import film

from propose_reduce.api import Model, Options, Segmenter

CAT = Thing("cat", 0.9, (2, 2, 10, 10), velocity=(1, 0))
DOG = Thing("dog", 0.6, (12, 12, 20, 20), absent=frozenset({1}))
WORLD = World((CAT, DOG), num_frames=6)
"""Two things on six frames of 24 x 32; its films are twice as large."""

INPUT = ("model.long_side=32", "model.short_side=32")


def world_film(path: Path, **options: str) -> Path:
    """Write six frames of 48 x 64 pixels; what they show does not matter to the fakes."""
    return film(path, WORLD.num_frames, **options)


def segmenter(world: World = WORLD, model: Model | None = None, **options: object) -> Segmenter:
    """Return a segmenter whose components know the world."""
    chosen = Options.model_validate({"settings": INPUT, **options})
    components = FakeProposer(world), FakePropagator(world), FakeScorer(world)
    return Segmenter(model, chosen, *components)
