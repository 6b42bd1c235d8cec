"""The rendered shapes benchmark: endless labelled videos without any download.

Version 1. A video is a pure function of (version, seed, split, index), a frame of it a pure
function of the video and the frame's number: nothing between two frames has to be rendered.
Categories differ by shape alone; colours, textures, sizes and motion say nothing about them.
"""

from dataclasses import dataclass

import numpy as np

from propose_reduce.data.shapes.draw import Difficulty, draw_world
from propose_reduce.data.shapes.render import Visibility, picture, visibility
from propose_reduce.data.shapes.world import HEIGHT, SHAPES, World
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.structures import Size

VERSION = 1
"""Raised whenever the same arguments would give another video."""

SIZE: Size = (192, 320)
"""(height, width) of the benchmark's own frames."""


@dataclass(frozen=True, slots=True)
class Split:
    """A part of the benchmark.

    Attributes:
        number: what stands for it in the random stream.
        videos: how many there are; None: endless.
        length: frames per video.
        difficulty: what its worlds are drawn from.
    """

    number: int
    videos: int | None
    length: int
    difficulty: Difficulty


_USUAL = Difficulty(
    objects=(3, 5), crossing=0.4, dwell=0.0, travelling=0.45, clutter=(2, 4), gather=0.45
)
_HARD = Difficulty(
    objects=(4, 6), crossing=0.8, dwell=0.3, travelling=0.6, clutter=(2, 5), gather=0.45
)
_DEMO = Difficulty(
    objects=(5, 5), crossing=1.0, dwell=0.0, travelling=1.0, clutter=(1, 1), gather=0.1, travels=2
)

SPLITS = {
    "train": Split(0, None, 32, _USUAL),
    "val": Split(1, 60, 24, _USUAL),
    "hard": Split(2, 40, 48, _HARD),
    "demo": Split(3, 100, 36, _DEMO),
}


class ShapesVideo:
    """One rendered video; frames are made when asked for.

    Attributes:
        split: its split's name; index: its number in there; seed: of the whole benchmark.
        length: frames. size: (height, width) in pixels.
        world: what is where.
    """

    def __init__(self, split: str, index: int, *, seed: int, size: Size, length: int) -> None:
        self.split, self.index, self.seed = split, index, seed
        self.size, self.length = size, length
        stream = np.random.SeedSequence([VERSION, seed, SPLITS[split].number, index])
        self.world: World = draw_world(
            np.random.Generator(np.random.PCG64(stream)),
            SPLITS[split].difficulty,
            length,
            HEIGHT * size[1] / size[0],
        )

    def __len__(self) -> int:
        return self.length

    @property
    def name(self) -> str:
        """The video's name, unique in its split."""
        return f"{self.split}_{self.index:05d}"

    @property
    def categories(self) -> tuple[str, ...]:
        """Category of each object, in the order of the masks."""
        return tuple(
            SHAPES[body.category] for body in self.world.bodies if body.category is not None
        )

    def frame(self, t: int) -> np.ndarray:
        """Return the picture of frame ``t``, uint8 RGB (H, W, 3)."""
        return picture(self.world, self._checked(t), self.size)

    def instances(self, t: int) -> np.ndarray:
        """Return the visible pixels of every object on frame ``t``, bool (O, H, W)."""
        return self.visibility(t).masks

    def visibility(self, t: int) -> Visibility:
        """Return the visible masks on frame ``t``, and how large each object is unhidden."""
        return visibility(self.world, self._checked(t), self.size)

    def _checked(self, t: int) -> int:
        if not 0 <= t < self.length:
            raise InputError(f"{self.name}: frame {t} does not lie in 0..{self.length - 1}")
        return t


def shapes_video(
    split: str,
    index: int,
    *,
    seed: int = 0,
    size: Size = SIZE,
    length: int | None = None,
) -> ShapesVideo:
    """Return one video of the benchmark.

    Args:
        split: ``train``, ``val`` or ``hard``.
        index: 0-based number of the video in the split.
        seed: of the whole benchmark; the published figures are those of seed 0.
        size: (height, width) in pixels; the same aspect ratio shows the same scene.
        length: frames, by default the split's own; another length is another video.

    Raises:
        InputError: no such split, an index outside it, or a picture or length too small.
    """
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    videos = SPLITS[split].videos
    if index < 0 or (videos is not None and index >= videos):
        end = "no end" if videos is None else f"{videos} videos"
        raise InputError(f"split '{split}' has {end}, numbered from 0, so no video {index}")
    if min(size) < 32 or max(size) > 960:
        raise InputError(f"shapes are rendered at 32 to 960 pixels a side, got {size}")
    length = SPLITS[split].length if length is None else length
    if length < 1:
        raise InputError(f"a video has at least 1 frame, got length {length}")
    return ShapesVideo(split, index, seed=seed, size=size, length=length)
