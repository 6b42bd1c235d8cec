"""What passes between algorithm and networks: frozen values that check themselves.

Letters: T frames, O objects of a key frame, C foreground classes, H and W working pixels.
Frame indices count from 0. The checks read a dtype's name instead of importing torch, because
packages that never touch a network (video, results, evaluation) share this file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import ContractError, InputError

if TYPE_CHECKING:
    from torch import Tensor

Size: TypeAlias = tuple[int, int]
"""(height, width) in pixels."""


def fitted_size(size: Size, *, long_side: int, short_side: int, grow: bool = True) -> Size:
    """Return the size at which networks see frames of ``size`` (docs/method.md, section 2).

    The largest of the same shape whose longer and shorter side fit; small frames grow to it, if
    they may.
    """
    scale = min(long_side / max(size), short_side / min(size))
    scale = scale if grow else min(scale, 1.0)
    return max(1, int(size[0] * scale + 0.5)), max(1, int(size[1] * scale + 0.5))


SIZE_DIVISOR = 32
"""Networks see frames padded with zeros, right and bottom, to sides that this divides."""


def padded_size(size: Size) -> Size:
    """Return the size of the canvas on which networks see a frame of ``size``."""
    return size[0] + -size[0] % SIZE_DIVISOR, size[1] + -size[1] % SIZE_DIVISOR


class Frames(Protocol):
    """Lazy frames of one size: uint8 RGB arrays (H, W, 3), decoded when asked for."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Return frame ``index``, 0-based."""


@dataclass(frozen=True, slots=True, eq=False)
class SelectedFrames:
    """Some of the frames of others, as lazy as those are.

    Attributes:
        frames: the others.
        indices: which of them, in order.

    Raises:
        IndexError: of an index that is not among 0 .. T - 1, when a frame is asked for.
    """

    frames: Frames
    indices: range

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int, /) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} is not among 0..{len(self) - 1}")
        return self.frames[self.indices[index]]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A video as the algorithm sees it.

    Attributes:
        frames: the lazy frames, in the video's own pixels.
        working_size: (height, width) of every mask that the components give.
        original_size: (height, width) of the frames.
        whole: the clip that this one is a window of; None where it is none.
        start: frame of the whole clip that is frame 0 here.
        image_size: the part of the working size, from its top left corner, that shows the frame;
            None for all of it. The rest is the networks' padding (``propagate.padding: canvas``).
    """

    frames: Frames
    working_size: Size
    original_size: Size
    whole: Clip | None = None
    start: int = 0
    image_size: Size | None = None

    @property
    def shown_size(self) -> Size:
        """The part of the working size that shows the frame."""
        return self.image_size or self.working_size

    def __post_init__(self) -> None:
        if len(self.frames) == 0:
            raise InputError("the clip has 0 frames: give a video with at least one")
        for name in ("working_size", "original_size"):
            size = getattr(self, name)
            if min(size) < 1:
                raise InputError(f"Clip.{name} must be at least 1 x 1 pixels, got {size}")


def frame_of(clip: Clip, index: int) -> np.ndarray:
    """Return frame ``index`` of the clip, uint8 RGB (H, W, 3), checked and contiguous.

    Raises:
        InputError: the frame is not a uint8 RGB image or not of the clip's size.
    """
    frame = clip.frames[index]
    expected = (*clip.original_size, 3)
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.shape != expected:
        got = f"{getattr(frame, 'dtype', type(frame).__name__)} {getattr(frame, 'shape', '')}"
        raise InputError(f"frame {index} must be uint8 RGB {expected}, got {got.strip()}")
    return np.ascontiguousarray(frame)  # frames[..., ::-1] turns BGR around; torch takes no such


def _require(value: Any, name: str, dtype: str, ndim: int) -> None:
    """Raise ContractError unless a tensor or array has this dtype and this many dimensions."""
    got = str(value.dtype).removeprefix("torch.")
    if got != dtype or value.ndim != ndim:
        shape = tuple(value.shape)
        raise ContractError(f"{name} must be {dtype} with {ndim} dimensions, got {got} {shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a proposer sees on one frame, most confident first.

    Attributes:
        masks: bool, (O, H, W), on the clip's working size.
        class_scores: float32, (O, C + 1), probabilities; column 0 is background.
        given: the masks in the video's own pixels, run-length encoded, where they came like that:
            what a user gave stands on its frame as it is. One for each detection, or none.
    """

    masks: Tensor
    class_scores: Tensor
    given: tuple[rle.Rle | None, ...] = ()

    def __post_init__(self) -> None:
        _require(self.masks, "Detections.masks", "bool", 3)
        _require(self.class_scores, "Detections.class_scores", "float32", 2)
        if len(self.masks) != len(self.class_scores):
            raise ContractError(
                f"Detections has {len(self.masks)} masks but scores for {len(self.class_scores)}"
            )
        if len(self.given) not in (0, len(self.masks)):
            raise ContractError(
                f"Detections has {len(self.masks)} masks but {len(self.given)} of them as given"
            )
        if not bool(((self.class_scores >= 0) & (self.class_scores <= 1)).all()):
            raise ContractError("Detections.class_scores must lie in [0, 1], found NaN or beyond")

    def __len__(self) -> int:
        return len(self.masks)


@dataclass(frozen=True, slots=True)
class Box:
    """A box that a user draws round an object.

    Attributes:
        frame: the frame's number, or in frames with numbers as names its name.
        x1: left edge in the video's own pixels; 0 is the left edge of the picture.
        y1: top edge.
        x2: right edge, beyond ``x1``; the width of the picture is its right edge.
        y2: bottom edge, beyond ``y1``.
        label: what the object is; None: an ``instance``.
        id: the object's number, 1 or more; None: a box without one is an object of its own.
    """

    frame: int
    x1: float
    y1: float
    x2: float
    y2: float
    label: str | None = None
    id: int | None = None

    def __post_init__(self) -> None:
        _check_prompt(self)
        if not (self.x1 < self.x2 and self.y1 < self.y2):
            raise InputError(
                f"a box needs its left top corner first, got {self.x1:g},{self.y1:g} and "
                f"{self.x2:g},{self.y2:g}"
            )


@dataclass(frozen=True, slots=True)
class Point:
    """A point that a user clicks on, or beside, an object.

    Attributes:
        frame: as of a ``Box``.
        x: from the left, in the video's own pixels.
        y: from the top.
        positive: it shows the object; False: what does not belong to it.
        id: the object's number, 1 or more; a box may have it too.
    """

    frame: int
    x: float
    y: float
    positive: bool = True
    id: int = 1

    def __post_init__(self) -> None:
        _check_prompt(self)


Prompt: TypeAlias = Box | Point
"""What marks an object on a frame."""


def _check_prompt(prompt: Prompt) -> None:
    """Raise InputError for numbers that no frame, object or place can have."""
    if prompt.frame < 0:
        raise InputError(f"frames are numbered from 0, got {prompt.frame}")
    if prompt.id is not None and prompt.id < 1:
        raise InputError(f"objects are numbered from 1, got {prompt.id}")
    names = ("x1", "y1", "x2", "y2") if isinstance(prompt, Box) else ("x", "y")
    for name in names:
        if not math.isfinite(getattr(prompt, name)):
            raise InputError(f"{name} must be a number of pixels, got {getattr(prompt, name)}")


@dataclass(frozen=True, slots=True, eq=False)
class Seed:
    """Masks to follow from one key frame, or from several.

    Attributes:
        frame: the key frame, 0-based.
        masks: bool, (O, H, W), on the clip's working size.
        more: masks of the same objects on further key frames, likewise; a row without a pixel, here
            or in ``masks``, says nothing about its object, and each object has one that does.
        frames: the frames that the masks are wanted on, ``frame`` among them; None for all.
    """

    frame: int
    masks: Tensor
    more: Mapping[int, Tensor] = field(default_factory=dict)
    frames: frozenset[int] | None = None

    def __post_init__(self) -> None:
        for frame, masks in self.key_frames.items():
            _require(masks, "Seed.masks", "bool", 3)
            if frame < 0:
                raise ContractError(f"Seed.frame must be 0 or more, got {frame}")
            if masks.shape != self.masks.shape:
                raise ContractError(
                    f"Seed.more must have masks {tuple(self.masks.shape)} on frame {frame}, got "
                    f"{tuple(masks.shape)}"
                )
        if self.frames is not None and self.frame not in self.frames:
            raise ContractError(f"Seed.frames must have the key frame {self.frame}")

    @property
    def key_frames(self) -> dict[int, Tensor]:
        """The masks by key frame, the first one first."""
        return {self.frame: self.masks, **self.more}

    def wanted(self, frame: int) -> bool:
        """Return whether the masks are wanted on a frame."""
        return self.frames is None or frame in self.frames


@dataclass(frozen=True, slots=True, eq=False)
class FrameMasks:
    """Where the objects of one seed are on one frame.

    Attributes:
        seed: index into the seeds that were given.
        frame: 0-based frame index.
        masks: bool, (O, H, W), on the clip's working size; all False where an object is absent.
        presence: float32 (O,), in [0, 1], the probability that the object is there, or None where
            the propagator does not know. Class scores count by it (docs/method.md, section 3).
    """

    seed: int
    frame: int
    masks: Tensor
    presence: Tensor | None = None

    def __post_init__(self) -> None:
        _require(self.masks, "FrameMasks.masks", "bool", 3)
        if self.presence is None:
            return
        _require(self.presence, "FrameMasks.presence", "float32", 1)
        if len(self.presence) != len(self.masks):
            raise ContractError(
                f"FrameMasks.presence must have {len(self.masks)} values, got {len(self.presence)}"
            )
        if not bool(((self.presence >= 0) & (self.presence <= 1)).all()):
            raise ContractError("FrameMasks.presence must lie in [0, 1], found NaN or beyond")


@dataclass(frozen=True, slots=True, eq=False)
class InstanceSequence:
    """One object through the whole video, in the video's own pixels.

    Attributes:
        id: 1-based, unique in its video; by falling score unless windows were joined.
        category: name of its best class.
        score: its score for that class, in [0, 1]; comparable inside one video only.
        class_scores: every class reported for it, by name; shares the masks.
        key_frame: 0-based index of the frame it was proposed on.
        size: (height, width) of the video.
        segmentations: T compressed run-length encodings; None where it is absent.
        frame_scores: T probabilities of its category on that frame; None where it is absent or
            the scorer has no opinion.
    """

    id: int
    category: str
    score: float
    class_scores: dict[str, float]
    key_frame: int
    size: Size
    segmentations: tuple[rle.Rle | None, ...] = field(repr=False)
    frame_scores: tuple[float | None, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if self.category not in self.class_scores:
            raise InputError(
                f"sequence {self.id}: its category '{self.category}' has no score among "
                f"{sorted(self.class_scores)}"
            )
        if not 0.0 <= self.score <= 1.0:
            raise InputError(f"sequence {self.id}: its score must lie in [0, 1], got {self.score}")
        frames = len(self.segmentations)
        if len(self.frame_scores) != frames:
            raise InputError(
                f"sequence {self.id}: {frames} segmentations but {len(self.frame_scores)} "
                "frame scores"
            )
        if not 0 <= self.key_frame < frames:
            raise InputError(
                f"sequence {self.id}: its key frame must lie in 0..{frames - 1}, "
                f"got {self.key_frame}"
            )
        for index, segmentation in enumerate(self.segmentations):
            if segmentation is not None and tuple(segmentation["size"]) != self.size:
                raise InputError(
                    f"sequence {self.id}, frame {index}: its mask must be {self.size}, "
                    f"got {tuple(segmentation['size'])}"
                )

    @property
    def masks(self) -> np.ndarray:
        """The masks, decoded: bool (T, H, W), all False where the object is absent."""
        masks = np.zeros((len(self.segmentations), *self.size), dtype=bool)
        for frame, segmentation in enumerate(self.segmentations):
            if segmentation is not None:
                masks[frame] = rle.decode(segmentation)
        return masks
