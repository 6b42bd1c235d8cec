"""A scripted world of moving rectangles, and components that see it, one for each protocol.

Everything is deterministic and small enough for a pencil. The frames show what the script says,
so a real component could look at them too.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from propose_reduce.protocols import Corrector
from propose_reduce.structures import Clip, Detections, FrameMasks, Seed


@dataclass(frozen=True)
class Thing:
    """A rectangle that moves in a straight line; things do not hide each other."""

    category: str = "cat"
    score: float = 0.9
    box: tuple[int, int, int, int] = (2, 2, 10, 10)  # x1, y1, x2, y2 on frame 0, exclusive
    velocity: tuple[int, int] = (0, 0)  # pixels per frame: x, y
    absent: frozenset[int] = frozenset()  # frames on which it is not there
    colour: tuple[int, int, int] = (255, 0, 0)


@dataclass(frozen=True)
class World:
    """The script: things on some frames; the video is ``zoom`` times the working size."""

    things: tuple[Thing, ...] = (Thing(),)
    num_frames: int = 5
    size: tuple[int, int] = (24, 32)
    zoom: int = 1
    categories: tuple[str, ...] = ("cat", "dog")

    def mask(self, thing: Thing, frame: int) -> Tensor:
        """Where a thing is on a frame: bool (H, W), all False where it is absent or outside."""
        mask = torch.zeros(self.size, dtype=torch.bool)
        if frame not in thing.absent:
            x1, y1, x2, y2 = (
                max(corner + frame * step, 0)
                for corner, step in zip(thing.box, thing.velocity * 2, strict=True)
            )
            mask[y1:y2, x1:x2] = True
        return mask

    def masks(self, frame: int) -> Tensor:
        """All things on a frame: bool (things, H, W)."""
        empty = torch.zeros(0, *self.size, dtype=torch.bool)
        return torch.cat([empty, *(self.mask(thing, frame)[None] for thing in self.things)])

    def image(self, frame: int) -> np.ndarray:
        """The frame of the video: uint8 RGB (zoom H, zoom W, 3), black background."""
        image = np.zeros((*self.size, 3), dtype=np.uint8)
        for thing in self.things:
            image[self.mask(thing, frame).numpy()] = thing.colour
        return image.repeat(self.zoom, axis=0).repeat(self.zoom, axis=1)

    def probabilities(self, thing: Thing) -> Tensor:
        """Class scores (C + 1,): the thing's score for its category, the rest is background."""
        probabilities = torch.zeros(len(self.categories) + 1)
        probabilities[1 + self.categories.index(thing.category)] = thing.score
        probabilities[0] = 1 - thing.score
        return probabilities

    def clip(self) -> Clip:
        height, width = (self.zoom * side for side in self.size)
        frames = [self.image(frame) for frame in range(self.num_frames)]
        return Clip(frames, self.size, (height, width))

    def shown_by(self, mask: Tensor, frame: int) -> Thing:
        """The thing that overlaps a mask most on a frame."""
        return self.things[int((self.masks(frame) & mask).sum((1, 2)).argmax())]


@dataclass
class FakeProposer:
    """Sees every thing on a frame exactly, most confident first; remembers where it was asked."""

    world: World
    size: tuple[int, int] | None = None  # lies about the working size
    copies: int = 1  # sees every thing so many times

    def __post_init__(self) -> None:
        self.asked: list[int] = []

    @property
    def categories(self) -> tuple[str, ...]:
        return self.world.categories

    def propose(self, clip: Clip, frame: int) -> Detections:
        self.asked.append(clip.start + frame)
        things = sorted(self.world.things, key=lambda thing: -thing.score) * self.copies
        if not things:
            columns = len(self.categories) + 1
            return Detections(self.world.masks(frame), torch.zeros(0, columns))
        place = clip.start + frame
        masks = torch.stack([self.world.mask(thing, place) for thing in things])
        if self.size is not None:
            masks = masks.new_zeros(len(things), *self.size)
        return Detections(masks, torch.stack([self.world.probabilities(t) for t in things]))


@dataclass
class FakePropagator:
    """Knows where things go. Yields frame by frame, or backwards, or breaks its word."""

    world: World
    backwards: bool = False
    skip: tuple[int, int] | None = None  # this (seed, frame) never comes
    repeat: tuple[int, int] | None = None  # this (seed, frame) comes twice
    size: tuple[int, int] | None = None  # lies about the working size
    shift: int = 0  # masks slip right by so many pixels for each frame away from the key frame
    presences: Sequence[Tensor] | None = None  # what it says of each seed, on every frame

    def propagate(self, clip: Clip, seeds: Sequence[Seed]) -> Iterator[FrameMasks]:
        pairs = [(seed, frame) for frame in range(len(clip.frames)) for seed in range(len(seeds))]
        for pair in reversed(pairs) if self.backwards else pairs:
            for _ in range((pair != self.skip) + (pair == self.repeat)):
                yield self._frame_masks(clip.start, seeds, *pair)

    def _frame_masks(self, first: int, seeds: Sequence[Seed], seed: int, frame: int) -> FrameMasks:
        start = seeds[seed]
        shown = [self.world.shown_by(mask, first + start.frame) for mask in start.masks]
        masks = torch.stack([self.world.mask(thing, first + frame) for thing in shown])
        slip = self.shift * abs(frame - start.frame)
        if slip:
            masks = masks.roll(slip, dims=2)
            masks[:, :, :slip] = False
        if self.size is not None:
            masks = masks.new_zeros(len(masks), *self.size)
        presence = None if self.presences is None else self.presences[seed]
        return FrameMasks(seed, frame, masks, presence)


@dataclass
class DriftingPropagator:
    """Knows nothing: masks slip right by so many pixels from each frame to the next."""

    slip: int = 1

    def propagate(
        self, clip: Clip, seeds: Sequence[Seed], *, corrector: Corrector | None = None
    ) -> Iterator[FrameMasks]:
        for index, seed in enumerate(seeds):
            yield FrameMasks(index, seed.frame, seed.masks)
            for frames in (range(seed.frame + 1, len(clip.frames)), range(seed.frame - 1, -1, -1)):
                masks = seed.masks
                for frame in frames:
                    masks = masks.roll(self.slip, dims=2)
                    masks[:, :, : self.slip] = False
                    if corrector is not None:
                        masks = corrector.correct(frame, index, masks)
                    yield FrameMasks(index, frame, masks)


@dataclass
class GivenMasks:
    """Corrector: puts other masks in place of those of one seed, on the frames it has any for."""

    masks: dict[int, Tensor]  # by frame: bool (O, H, W)
    seed: int = 0

    def correct(self, frame: int, seed: int, masks: Tensor) -> Tensor:
        return self.masks[frame] if seed == self.seed and frame in self.masks else masks


@dataclass
class FakeScorer:
    """Names the thing that a mask overlaps most; remembers how many masks it was asked about."""

    world: World

    def __post_init__(self) -> None:
        self.asked: list[tuple[int, int]] = []  # (frame, masks)

    def score(self, clip: Clip, frame: int, masks: Tensor, origins: Detections) -> Tensor:
        if len(masks) != len(origins) or not bool(masks.flatten(1).any(1).all()):
            raise ValueError("a scorer is given one origin per mask and no empty mask")
        self.asked.append((clip.start + frame, len(masks)))
        shown = [self.world.shown_by(mask, clip.start + frame) for mask in masks]
        return torch.stack([self.world.probabilities(thing) for thing in shown])
