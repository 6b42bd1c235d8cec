"""Scripted worlds to ablate on: data, truth and components that know the script."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fakes import FakePropagator, FakeProposer, FakeScorer, World

from propose_reduce import rle
from propose_reduce.ablation import AnnotatedClips, Grid, Measurement, Store, ablate, parse_grid
from propose_reduce.ablation.grid import Value
from propose_reduce.components.registry import Components
from propose_reduce.settings import InferenceSettings


def annotated(*worlds: World) -> AnnotatedClips:
    """Return the worlds as videos with ids from 1, and the truth about their things."""
    categories = worlds[0].categories
    truth = {
        "videos": [
            {
                "id": id_,
                "height": world.size[0],
                "width": world.size[1],
                "length": world.num_frames,
                "file_names": [f"{id_}/{frame}.jpg" for frame in range(world.num_frames)],
            }
            for id_, world in enumerate(worlds, start=1)
        ],
        "categories": [{"id": 10 + i, "name": name} for i, name in enumerate(categories)],
        "annotations": [],
    }
    for video, world in enumerate(worlds, start=1):
        for thing in world.things:
            masks = [world.mask(thing, frame).numpy() for frame in range(world.num_frames)]
            truth["annotations"].append(
                {
                    "id": len(truth["annotations"]) + 1,
                    "video_id": video,
                    "category_id": 10 + categories.index(thing.category),
                    "iscrowd": 0,
                    "segmentations": [rle.encode(mask) if mask.any() else None for mask in masks],
                    "areas": [int(mask.sum()) or None for mask in masks],
                }
            )
    clips = {id_: world.clip() for id_, world in enumerate(worlds, start=1)}
    return AnnotatedClips(clips, truth, "scripted")


class Opener:
    """Opens fake components on the clips of scripted worlds, and remembers for which key frames.

    Args:
        data: what ``annotated`` made of the worlds.
        worlds: they themselves.
        copies: the proposer sees every thing so many times.
        shift: masks slip by so many pixels for each frame away from the key frame.
        interrupt: the opening, counted from 1, at which the user presses Ctrl-C.
    """

    def __init__(
        self,
        data: AnnotatedClips,
        worlds: Sequence[World],
        *,
        copies: int = 1,
        shift: int = 0,
        interrupt: int | None = None,
    ) -> None:
        self.worlds = {id(clip): w for clip, w in zip(data.clips.values(), worlds, strict=True)}
        self.copies, self.shift, self.interrupt = copies, shift, interrupt
        self.opened: list[int] = []

    @contextmanager
    def __call__(self, clip, settings) -> Iterator[Components]:
        self.opened.append(settings.propose.key_frames)
        if len(self.opened) == self.interrupt:
            raise KeyboardInterrupt
        world = self.worlds[id(clip)]
        proposer = FakeProposer(world, copies=self.copies)
        yield Components(proposer, FakePropagator(world, shift=self.shift), FakeScorer(world))


class Ablation:
    """An ablation of fakes on scripted worlds, with its folder; ``components`` go to Opener."""

    def __init__(self, folder, *worlds: World, weights: str = "a", **components) -> None:
        self.data = annotated(*worlds)
        self.opener = Opener(self.data, worlds, **components)
        self.store = Store(folder, {"weights": weights})
        self.told: list[tuple[int, int]] = []

    def grid(self, *texts: str, full: bool = False, **base) -> Grid:
        """Return a grid around settings given as ``propose={"key_frames": 2}``."""
        return parse_grid(InferenceSettings.model_validate(base), texts, full=full)

    def rows(self, *texts: str, full: bool = False, **base) -> dict[tuple[Value, ...], Measurement]:
        """Return what is measured by the values of the factors."""
        grid = self.grid(*texts, full=full, **base)
        found = ablate(
            grid.variants(),
            self.data,
            self.opener,
            self.store,
            progress=lambda done, total: self.told.append((done, total)),
        )
        return {tuple(grid.values(variant).values()): row for variant, row in found.items()}
