"""Single images as videos: two random views of one image are its reference and its query frame.

Occluders and whole staged pairs are pasted from other images: objects that hide each other.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from propose_reduce.data.clips import Pair, PairSettings, make_pair, serves
from propose_reduce.data.videos import AnnotatedVideo, LabelledFrame, VideoSet
from propose_reduce.data.views import View, ViewRange, random_view, view_of, whole_view
from propose_reduce.errors import InputError
from propose_reduce.structures import Size


@dataclass(frozen=True, slots=True, eq=False)
class Cutout:
    """One object without its surroundings.

    Attributes:
        image: uint8 RGB (h, w, 3), the object's box.
        mask: float32 (h, w), 0-1, its pixels.
        label: 1-based index into the categories.
    """

    image: np.ndarray
    mask: np.ndarray
    label: int


def cut_out(frame: LabelledFrame, row: int) -> Cutout:
    """Return object ``row`` of a frame."""
    mask = frame.masks[row]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    return Cutout(frame.image[box], mask[box].astype(np.float32), int(frame.labels[row]))


def fitted(cutout: Cutout, side: float) -> Cutout:
    """Return the cutout resized so that the root of its box's area is ``side`` pixels."""
    height, width = cutout.mask.shape
    zoom = side / np.sqrt(height * width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(cutout.image, size, interpolation=how))
    mask = np.asarray(cv2.resize(cutout.mask, size, interpolation=how))
    return Cutout(image, mask, cutout.label)


def paste_cutout(
    frame: LabelledFrame,
    cutout: Cutout,
    centre: tuple[float, float],
    number: int,
    smallest: int = 1,
) -> LabelledFrame:
    """Return the frame with a cutout in front of all; what it hides is hidden in the masks.

    Args:
        frame: to paste onto.
        cutout: what is pasted.
        centre: (y, x) of its box in the frame, pixels; parts of it may lie outside.
        number: its id on the frame.
        smallest: an object of fewer visible pixels is dropped.
    """
    size = (frame.image.shape[0], frame.image.shape[1])
    alpha = _placed(cutout.mask, centre, size)
    colours = _placed(cutout.image, centre, size).astype(np.float32)
    image = frame.image * (1 - alpha[..., None]) + colours * alpha[..., None]
    front = alpha >= 0.5
    masks = np.concatenate([frame.masks & ~front, front[None]])
    # a crowd is a region, which stays what it is behind an occluder
    masks[:-1][frame.crowd] = frame.masks[frame.crowd]
    kept = masks.sum(axis=(1, 2)) >= smallest
    return LabelledFrame(
        image=np.round(image).astype(np.uint8),
        masks=masks[kept],
        ids=np.append(frame.ids, number)[kept],
        labels=np.append(frame.labels, cutout.label)[kept],
        crowd=np.append(frame.crowd, False)[kept],
    )


def _placed(values: np.ndarray, centre: tuple[float, float], size: Size) -> np.ndarray:
    """Return ``values`` (h, w, ...) on an empty canvas of ``size``, cut off at its borders."""
    height, width = values.shape[:2]
    top, left = round(centre[0] - height / 2), round(centre[1] - width / 2)
    canvas = np.zeros((*size, *values.shape[2:]), dtype=values.dtype)
    inside = (
        slice(max(top, 0), min(max(top + height, 0), size[0])),
        slice(max(left, 0), min(max(left + width, 0), size[1])),
    )
    start = (inside[0].start - top, inside[1].start - left)
    shape = (max(0, inside[0].stop - inside[0].start), max(0, inside[1].stop - inside[1].start))
    if min(shape) > 0:
        canvas[inside] = values[start[0] : start[0] + shape[0], start[1] : start[1] + shape[1]]
    return canvas


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


ATTEMPTS = 4  # views tried as a reference before the query stands for itself
SMALLEST = 16  # pixels; of less than 4 x 4 nobody could tell what it is: the object has left


class PseudoVideoPairs:
    """Pairs of views of the images that show an object (supplementary, section 4).

    Args:
        images: a set of videos; the first frame of each is used.
        settings: size, flip and number of objects.
        view: how far each of the two views may go, independently of the other.
    """

    def __init__(
        self, images: VideoSet, settings: PairSettings, view: ViewRange | None = None
    ) -> None:
        self.images, self.settings, self.view = images, settings, view or ViewRange()
        self._queries = with_objects(images)

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the labels."""
        return self.images.categories

    def __len__(self) -> int:
        return len(self._queries)

    def pair(
        self, index: int, generator: np.random.Generator, *, distance: int | None = None
    ) -> Pair:
        """Return two views of image ``index``; ``distance`` has no meaning here."""
        frame = self._queries[index].frame(0)
        query = self._seen(frame, generator)
        reference = query
        for _ in range(ATTEMPTS):
            candidate = self._seen(frame, generator)
            if _serves(candidate, query):
                reference = candidate
                break
        return make_pair(reference, query, generator, self.settings)

    def _seen(self, frame: LabelledFrame, generator: np.random.Generator) -> LabelledFrame:
        """Return a random view that shows an object, or the frame itself when none does."""
        size = (frame.image.shape[0], frame.image.shape[1])
        for _ in range(ATTEMPTS):
            seen = view_of(frame, random_view(generator, size, self.view), SMALLEST)
            if not seen.crowd.all():
                return seen
        return frame


def with_objects(images: VideoSet) -> list[AnnotatedVideo]:
    """Return the images that show an object.

    Raises:
        InputError: none does.
    """
    found = [
        video
        for video in images.videos
        if any(obj.segmentations[0] is not None and not obj.crowd for obj in video.objects)
    ]
    if not found:
        raise InputError(f"'{images.name}' shows no object: nothing to train on")
    return found


def _serves(reference: LabelledFrame, query: LabelledFrame) -> bool:
    """Return whether a view can be the reference of another of the same image."""
    objects = {
        number: label
        for frame in (reference, query)
        for number, label, crowd in zip(frame.ids, frame.labels, frame.crowd, strict=True)
        if not crowd
    }
    ids = np.array(list(objects))
    return serves(
        np.isin(ids, reference.ids), np.isin(ids, query.ids), np.array(list(objects.values()))
    )
