"""Training pairs: two frames of one video, from any source (supplementary, section 4).

Each pair is a pure function of its index and of the generator given with it.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from propose_reduce import masks as mask_tools
from propose_reduce.data.videos import LabelledFrame, VideoSet, shown
from propose_reduce.errors import InputError
from propose_reduce.structures import Size, fitted_size


@dataclass(frozen=True, slots=True, eq=False)
class TrainingFrame:
    """One frame as the network takes it.

    Attributes:
        image: uint8 RGB (3, H, W), 0-255.
        ids: int64 (N,), the same for an object on every frame of its video.
        labels: int64 (N,), 1..C; 0 would be background.
        boxes: float32 (N, 4), tight (x1, y1, x2, y2) in pixels, x2 and y2 exclusive.
        masks: bool (N, H, W), none of them empty.
        crowds: float32 (R, 4), boxes of regions that are neither right nor wrong.
    """

    image: Tensor
    ids: Tensor
    labels: Tensor
    boxes: Tensor
    masks: Tensor
    crowds: Tensor


def training_frame(frame: LabelledFrame, size: Size, *, flipped: bool) -> TrainingFrame:
    """Return the frame at ``size`` (height, width), mirrored left to right when ``flipped``.

    Images are resized bilinearly, as when a video is segmented; masks likewise, then cut at one
    half. Objects of which no pixel is left are dropped.
    """
    image, masks = frame.image, torch.from_numpy(frame.masks)
    if image.shape[:2] != size:
        image = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
        masks = mask_tools.resize(masks, size)
    pixels = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
    if flipped:
        pixels, masks = pixels.flip(2), masks.flip(2)
    left = masks.flatten(1).any(dim=1)
    crowd = torch.from_numpy(frame.crowd)
    boxes = mask_tools.tight_boxes(masks).float() if len(masks) else torch.zeros((0, 4))
    kept = left & ~crowd
    return TrainingFrame(
        image=pixels.contiguous(),
        ids=torch.from_numpy(frame.ids)[kept],
        labels=torch.from_numpy(frame.labels)[kept],
        boxes=boxes[kept],
        masks=masks[kept].contiguous(),
        crowds=boxes[left & crowd],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A reference frame, whose masks go into the memory, and a query frame to segment.

    Attributes:
        reference: the frame to remember.
        query: the frame to detect on and to propagate to; of the same size.
        reference_rows: int64 (O,), rows of ``reference`` of the objects to propagate.
        query_rows: int64 (O,), rows of ``query`` of the same objects; -1 where it is absent.
    """

    reference: TrainingFrame
    query: TrainingFrame
    reference_rows: Tensor
    query_rows: Tensor


@dataclass(frozen=True, slots=True)
class PairSettings:
    """What all sources do to their pairs.

    Attributes:
        long_side: of the network's input, pixels.
        short_side: likewise.
        flip: probability that both frames are mirrored.
        max_objects: most objects to propagate in one pair; more are drawn from at random.
        absence: objects that the query does not show are propagated too.
        smallest: share of the reference frame below which an object is not propagated.
    """

    long_side: int
    short_side: int
    flip: float = 0.5
    max_objects: int = 5
    absence: bool = False
    smallest: float = 0.0


class PairSource(Protocol):
    """Where training pairs come from."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes; label ``i + 1`` is ``categories[i]``."""

    def __len__(self) -> int:
        """Return the number of pairs of one epoch."""

    def pair(
        self, index: int, generator: np.random.Generator, *, distance: int | None = None
    ) -> Pair:
        """Return pair ``index``.

        Args:
            index: 0-based.
            generator: the only source of chance; see ``sample_generator``.
            distance: most frames between reference and query; None: any.
        """


def sample_generator(seed: int, index: int) -> np.random.Generator:
    """Return the generator of sample ``index`` of a training run; both at least 0."""
    return np.random.default_rng([seed, index])


class VideoPairs:
    """Pairs of an annotated data set: every frame that shows an object is the query of one.

    Args:
        videos: the data set.
        settings: size, flip and number of objects.
    """

    def __init__(self, videos: VideoSet, settings: PairSettings) -> None:
        self.videos, self.settings = videos, settings
        self._shown = [shown(video) for video in videos.videos]
        self._queries = [
            (number, t)
            for number, video in enumerate(videos.videos)
            for t in video.annotated
            if self._shown[number][:, t].any()
        ]
        if not self._queries:
            raise InputError(f"'{videos.name}' shows no object on any frame: nothing to train on")

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the labels."""
        return self.videos.categories

    def __len__(self) -> int:
        return len(self._queries)

    def pair(
        self, index: int, generator: np.random.Generator, *, distance: int | None = None
    ) -> Pair:
        """Return the pair whose query is frame ``index`` of those that show an object."""
        number, t = self._queries[index]
        candidates = self.references(index, distance)
        reference = int(generator.choice(candidates)) if candidates else t
        video = self.videos.videos[number]
        query = video.frame(t)
        return make_pair(
            query if reference == t else video.frame(reference), query, generator, self.settings
        )

    def references(self, index: int, distance: int | None = None) -> list[int]:
        """Return the frames that may be the reference of pair ``index``, itself never."""
        number, t = self._queries[index]
        table, video = self._shown[number], self.videos.videos[number]
        labels = np.array([obj.category for obj in video.objects])
        reach = len(video.frames) if distance is None else distance
        return [
            r
            for r in video.annotated
            if 0 < abs(r - t) <= reach and serves(table[:, r], table[:, t], labels)
        ]


def serves(reference: np.ndarray, query: np.ndarray, labels: np.ndarray) -> bool:
    """Return whether a frame can be the reference of another.

    It must show every object that the query shows of the classes they share, and one at least.

    Args:
        reference: bool (N,), which of the video's objects the reference shows.
        query: bool (N,), which the query shows.
        labels: (N,), their classes.
    """
    needed = query & np.isin(labels, labels[reference])
    return bool(needed.any() and reference[needed].all())


def make_pair(
    reference: LabelledFrame,
    query: LabelledFrame,
    generator: np.random.Generator,
    settings: PairSettings,
) -> Pair:
    """Return two frames of one size as a pair: fitted, mirrored alike, objects matched by id."""
    height, width = query.image.shape[:2]
    size = fitted_size(
        (height, width), long_side=settings.long_side, short_side=settings.short_side
    )
    flipped = bool(generator.random() < settings.flip)
    frames = [training_frame(frame, size, flipped=flipped) for frame in (reference, query)]
    large = frames[0].masks.flatten(1).sum(dim=1) >= settings.smallest * size[0] * size[1]
    wanted = np.sort(frames[0].ids[large].numpy())
    if not settings.absence:
        wanted = np.intersect1d(wanted, frames[1].ids.numpy())
    if len(wanted) > settings.max_objects:
        wanted = np.sort(generator.choice(wanted, settings.max_objects, replace=False))
    rows = [_rows_of_ids(frame.ids, wanted) for frame in frames]
    return Pair(frames[0], frames[1], rows[0], rows[1])


def _rows_of_ids(ids: Tensor, wanted: np.ndarray) -> Tensor:
    """Return the row of each wanted id, int64; -1 where there is none."""
    places = {number: row for row, number in enumerate(ids.tolist())}
    return torch.tensor([places.get(number, -1) for number in wanted.tolist()], dtype=torch.int64)
