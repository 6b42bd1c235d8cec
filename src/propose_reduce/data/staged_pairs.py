"""Single images as videos with more in them than a moving camera: occluders, absences, cuts.

A pseudo video of affine views alone (``pseudo_videos``) never hides an object and never loses
one, so a head that learns from it never lets go.
"""

from dataclasses import dataclass

import numpy as np

from propose_reduce.data.clips import Pair, PairSettings, make_pair
from propose_reduce.data.occluders import Cutout, cut_out, fitted, paste_cutout
from propose_reduce.data.pseudo_videos import ATTEMPTS, SMALLEST, with_objects
from propose_reduce.data.videos import LabelledFrame, VideoSet
from propose_reduce.data.views import View, ViewRange, random_view, view_of, whole_view
from propose_reduce.structures import Size

FOREIGN_IDS = (-1, -2)  # of pasted objects; those of a file are not below 0
STEADIEST = 0.5  # a near view goes at most so far, as a share of the whole range
OCCLUDER_SIDES = (0.15, 0.5)  # root of its box's area, as a share of the frame's
OCCLUDER_STEP = 0.2  # way of an occluder between the frames, share of the sides
SMALLEST_DONOR = 0.01  # of its image; smaller ones have too few pixels to cut out


@dataclass(frozen=True, slots=True)
class Staging:
    """How far two frames of one image go apart (``settings.training.StagingSettings``)."""

    rotation: float
    scale: tuple[float, float]
    shift: float
    perspective: float
    warp: float
    blur: float
    colour: float
    steady: float
    occluder: float
    elsewhere: float

    @property
    def view(self) -> ViewRange:
        """How far a view may go; nothing is mirrored from one frame to the other."""
        return ViewRange(
            rotation=self.rotation,
            scale=self.scale,
            shift=self.shift,
            perspective=self.perspective,
            flip=0.0,
            warp=self.warp,
            blur=self.blur,
            colour=self.colour,
        )


class StagedPairs:
    """Pairs of frames staged from the images that show an object.

    Every frame is of the size that the settings name, whatever the image's shape.

    Args:
        images: a set of videos; the first frame of each is used.
        settings: size, flip and number of objects.
        staging: what happens between the two frames.
    """

    def __init__(self, images: VideoSet, settings: PairSettings, staging: Staging) -> None:
        self.images, self.settings, self.staging = images, settings, staging
        self._photographs = with_objects(images)

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the labels."""
        return self.images.categories

    def __len__(self) -> int:
        return len(self._photographs)

    def pair(
        self, index: int, generator: np.random.Generator, *, distance: int | None = None
    ) -> Pair:
        """Return two frames of image ``index``; ``distance`` has no meaning here."""
        photograph = self._photographs[index].frame(0)
        for _ in range(ATTEMPTS):
            first = self._random_view(generator, photograph)
            reference = view_of(photograph, first, SMALLEST)
            if not reference.crowd.all():
                break
        else:
            first = whole_view(photograph.image.shape[:2], self._size)
            reference = view_of(photograph, first)
        query = self._query(index, photograph, first, generator)
        for number in FOREIGN_IDS:
            if generator.random() < self.staging.occluder:
                reference, query = self._occluded(reference, query, number, generator)
        return make_pair(reference, query, generator, self.settings)

    @property
    def _size(self) -> Size:
        return (self.settings.short_side, self.settings.long_side)

    def _random_view(self, generator: np.random.Generator, photograph: LabelledFrame) -> View:
        whole = whole_view(photograph.image.shape[:2], self._size)
        return random_view(generator, self._size, self.staging.view).after(whole)

    def _query(
        self, index: int, photograph: LabelledFrame, first: View, generator: np.random.Generator
    ) -> LabelledFrame:
        """Return the second frame: near the first, another view, or another image."""
        if generator.random() < self.staging.elsewhere and len(self) > 1:
            other = (index + int(generator.integers(1, len(self)))) % len(self)
            photograph = self._photographs[other].frame(0)
            view = self._random_view(generator, photograph)
        elif generator.random() < self.staging.steady:
            limits = self.staging.view.times(STEADIEST * generator.random())
            view = random_view(generator, self._size, limits).after(first)
        else:
            view = self._random_view(generator, photograph)
        return view_of(photograph, view, SMALLEST)

    def _occluded(
        self,
        reference: LabelledFrame,
        query: LabelledFrame,
        number: int,
        generator: np.random.Generator,
    ) -> tuple[LabelledFrame, LabelledFrame]:
        """Paste an object of another image into the query, the reference, or both.

        In the query alone it hides, and catches the eye; in the reference alone it is an object
        that has left; in both it is one more object that moves.
        """
        cutout = self._cutout(generator)
        if cutout is None:
            return reference, query
        height, width = self._size
        place = generator.uniform(0, 1, 2)
        step = generator.uniform(-OCCLUDER_STEP, OCCLUDER_STEP, 2)
        frames = []
        where = int(generator.integers(3))
        for frame, there, at in (
            (reference, where != 0, place),
            (query, where != 1, place + step),
        ):
            centre = (at[0] * height, at[1] * width)
            frames.append(paste_cutout(frame, cutout, centre, number, SMALLEST) if there else frame)
        return frames[0], frames[1]

    def _cutout(self, generator: np.random.Generator) -> Cutout | None:
        """Return an object of any image, at the size that it is pasted at; None: too small."""
        donor = self._photographs[int(generator.integers(len(self)))].frame(0)
        large = donor.masks.mean(axis=(1, 2)) >= SMALLEST_DONOR
        rows = np.flatnonzero(large & ~donor.crowd)
        share = generator.uniform(*OCCLUDER_SIDES)
        if len(rows) == 0:
            return None
        cutout = cut_out(donor, int(generator.choice(rows)))
        return fitted(cutout, share * float(np.sqrt(np.prod(self._size))))
