"""Optical flow as a propagator: no weights at all.

Soft masks are carried from frame to frame along dense optical flow (DIS: Kroeger et al., Fast
Optical Flow using Dense Inverse Search, ECCV 2016). Where the flow there and back do not meet, the
pixel was hidden or its flow is wrong, and the mask loses confidence (the test of Sundaram et al.,
Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow, ECCV 2010). Against
drift, outlines lean a little towards the colours that the object has on its key frame.

How surely a mask still shows its object follows from two things that flow does not know of itself:
what doubt, colours and the other objects have left of the mask on its way, and how alike its
colours are to those of the key frame (histogram intersection: Swain and Ballard, Color Indexing,
IJCV 1991). ``presence`` is the product of both.

All seeds move together, so that flow is computed once for each two frames of a sweep; only the
masks of the current frame are kept.

Letters: O objects of one seed, H and W pixels at which flow is computed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from propose_reduce.components.sweeps import Step, sweeps
from propose_reduce.masks import resize
from propose_reduce.models.seq_prop_head import soft_aggregate
from propose_reduce.protocols import Corrector
from propose_reduce.structures import Clip, FrameMasks, Seed, frame_of

COLOUR_BINS = 16  # of each of the three channels
RARE = 2e-4  # share of its pixels that a colour must exceed to say something
MAX_LOG_RATIO = 3.0  # of a colour; one pixel's colour proves nothing beyond that
OUTLINE = 3  # pixels over which an outline may shift to the right colour, on each frame
SMALLEST = 16  # pixels; DIS needs room for its patches, smaller images count as still
RELATIVE_ERROR, ABSOLUTE_ERROR = 0.01, 0.5  # of squared flow; the thresholds of Sundaram et al.


@dataclass(frozen=True)
class FlowPropagator:
    """Carries masks along optical flow, forward and backward from their key frames.

    Runs on the CPU. ``presence`` is 1 on the key frame and falls on the way.

    Attributes:
        long_side: pixels of the longer side at which flow is computed; frames never grow.
        doubt: factor on the probability of a pixel whose flow is not confirmed, in [0, 1].
        colour_weight: how much colour counts on each frame; 0 leaves it out.
    """

    long_side: int = 854
    doubt: float = 0.85
    colour_weight: float = 0.1

    def propagate(
        self, clip: Clip, seeds: Sequence[Seed], *, corrector: Corrector | None = None
    ) -> Iterator[FrameMasks]:
        """Sweep forward from the first key frame, then backward from the last."""
        for index, seed in enumerate(seeds):
            frames = [seed.frame] if len(seed.masks) else range(len(clip.frames))
            sure = torch.ones(len(seed.masks), device=seed.masks.device)
            for frame in frames:
                yield FrameMasks(index, frame, seed.masks, sure)
        for way in sweeps(seeds, len(clip.frames)):
            yield from self._sweep(clip, seeds, way, corrector)

    def _sweep(
        self, clip: Clip, seeds: Sequence[Seed], way: Sequence[Step], corrector: Corrector | None
    ) -> Iterator[FrameMasks]:
        """Yield the masks of every seed on the frames that come after its key frame."""
        estimator = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        moving: dict[int, _Moving] = {}
        last: np.ndarray | None = None
        for there in way:
            key_frames = {index: seeds[index].frame for index in there.seeds}
            for index, key_frame in key_frames.items():
                if index not in moving and key_frame != there.frame:  # on the way back
                    last = self._image(clip, key_frame) if last is None else last
                    moving[index] = _Moving(last, seeds[index])
            image = self._image(clip, there.frame)
            if moving and last is not None:
                step = _FrameFlow(estimator, last, image, self)
                for index, track in moving.items():
                    step.carry(track)
                    masks = _enlarged(track.masks, clip)
                    if corrector is not None:
                        corrected = corrector.correct(there.frame, index, masks)
                        track.correct(masks, corrected)
                        masks = corrected
                    device = seeds[index].masks.device
                    presence = step.presence(track)
                    yield FrameMasks(index, there.frame, masks.to(device), presence.to(device))
            for index, key_frame in key_frames.items():
                if key_frame == there.frame:
                    moving[index] = _Moving(image, seeds[index])
            last = image

    def _image(self, clip: Clip, frame: int) -> np.ndarray:
        """Return a frame, uint8 Lab (H, W, 3): the size fits both the limit and the clip."""
        height, width = clip.working_size
        scale = min(1.0, self.long_side / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        smaller = cv2.resize(frame_of(clip, frame), size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(smaller, cv2.COLOR_RGB2LAB)


class _Moving:
    """A seed on its way.

    Attributes:
        masks: float32 (O, H, W), probabilities on the current frame.
        left: float64 (O,), the share of each mask that all steps so far have left.
        key_colours: float64 (O, colours), share of each colour in the object on the key frame.
        colours: float32 (O, colours), log ratio of each colour on the object and beside it there.
    """

    def __init__(self, image: np.ndarray, seed: Seed) -> None:
        height, width = image.shape[:2]
        self.masks = resize(seed.masks.cpu(), (height, width)).float()
        self.left = np.ones(len(self.masks))
        bins = _colour_bins(image)
        self.key_colours = _colour_shares(bins, self.masks.numpy())
        self.colours = _log_ratio(self.key_colours, _colour_shares(bins, 1 - self.masks.numpy()))

    def correct(self, found: Tensor, corrected: Tensor) -> None:
        """Carry on corrected masks where they differ from those found, both bool (O, H, W).

        A mask that was put right has lost nothing on its way: it is as sure as its colours.
        """
        if corrected is found:
            return
        rows = (corrected != found).flatten(1).any(dim=1)
        height, width = self.masks.shape[1:]
        self.masks[rows] = resize(corrected[rows].cpu(), (height, width)).float()
        self.left[rows.numpy()] = 1.0


class _FrameFlow:
    """The way from one frame to the next, shared by all seeds.

    Args:
        estimator: OpenCV's, of the flow between two grey images.
        last: the frame that masks come from, uint8 Lab (H, W, 3).
        image: the frame that they go to.
        settings: what doubt and colour count.
    """

    def __init__(
        self,
        estimator: Any,
        last: np.ndarray,
        image: np.ndarray,
        settings: FlowPropagator,
    ) -> None:
        self._settings = settings
        before, now = np.ascontiguousarray(last[..., 0]), np.ascontiguousarray(image[..., 0])
        self._bins = _colour_bins(image)
        if min(now.shape) < SMALLEST:
            back = there = np.zeros((*now.shape, 2), dtype=np.float32)
        else:
            back, there = estimator.calc(now, before, None), estimator.calc(before, now, None)
        rows, columns = np.indices(now.shape, dtype=np.float32)
        self._source = columns + back[..., 0], rows + back[..., 1]
        returned = cv2.remap(
            there, *self._source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        error = ((back + returned) ** 2).sum(axis=2)
        allowed = RELATIVE_ERROR * (back**2 + returned**2).sum(axis=2) + ABSOLUTE_ERROR
        self._confidence = np.where(error > allowed, settings.doubt, 1.0).astype(np.float32)

    def carry(self, track: _Moving) -> None:
        """Move a seed to the next frame: its masks, in competition, and what is left of them."""
        warped = [cv2.remap(mask, *self._source, cv2.INTER_LINEAR) for mask in track.masks.numpy()]
        pairs = zip(warped, track.colours, strict=True)
        corrected = np.stack([self._corrected(mask, colours) for mask, colours in pairs])
        track.masks = soft_aggregate(torch.from_numpy(corrected))[1:]
        for row, (before, after) in enumerate(zip(warped, track.masks.numpy(), strict=True)):
            carried = before.sum(dtype=np.float64)
            stays = np.minimum(before, after).sum(dtype=np.float64)
            track.left[row] *= stays / carried if carried > 0 else 0.0

    def presence(self, track: _Moving) -> Tensor:
        """Return how surely each mask of a seed shows its object: float32 (O,), in [0, 1]."""
        colours = _colour_shares(self._bins, track.masks.numpy())
        alike = np.minimum(colours, track.key_colours).sum(axis=1)
        return torch.from_numpy((track.left * alike).clip(0, 1)).float()

    def _corrected(self, warped: np.ndarray, colours: np.ndarray) -> np.ndarray:
        """Return a mask with doubt where the flow is not confirmed, and led by its colours."""
        doubted: np.ndarray = warped * self._confidence
        weight = self._settings.colour_weight
        if weight == 0:
            return doubted
        soft = np.clip(cv2.blur(doubted, (OUTLINE, OUTLINE)), 1e-4, 1 - 1e-4)
        odds = soft / (1 - soft) * np.exp(weight * colours[self._bins])
        return odds / (1 + odds)


def _colour_bins(image: np.ndarray) -> np.ndarray:
    """Return the colour of every pixel, a little smoothed, as one number: int64 (H, W)."""
    lightness, a, b = np.moveaxis(
        cv2.GaussianBlur(image, (5, 5), 0).astype(np.int64) * COLOUR_BINS // 256, 2, 0
    )
    bins: np.ndarray = (lightness * COLOUR_BINS + a) * COLOUR_BINS + b
    return bins


def _colour_shares(bins: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Return the share of each colour in soft masks (O, H, W), smoothed: float64 (O, colours)."""
    shares = np.zeros((len(masks), COLOUR_BINS**3))
    for row, mask in enumerate(masks):
        counts = np.bincount(bins.ravel(), mask.ravel(), minlength=COLOUR_BINS**3)
        cube = counts.reshape(COLOUR_BINS, COLOUR_BINS, COLOUR_BINS)
        shares[row] = _smoothed(cube).ravel() / max(counts.sum(), 1)
    return shares


def _log_ratio(on: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Return how much more often each colour is seen on an object than beside it, as logarithm."""
    ratio = np.log((on + RARE) / (beside + RARE))
    return np.clip(ratio, -MAX_LOG_RATIO, MAX_LOG_RATIO).astype(np.float32)


def _smoothed(cube: np.ndarray) -> np.ndarray:
    """Share a quarter of each bin with each neighbour, along each of the three channels."""
    for axis in range(3):
        padded = np.pad(cube, [(int(axis == a),) * 2 for a in range(3)], mode="edge")
        before, after = (padded.take(range(s, s + COLOUR_BINS), axis) for s in (0, 2))
        cube = (before + 2 * cube + after) / 4
    return cube


def _enlarged(soft: Tensor, clip: Clip) -> Tensor:
    """Return soft masks (O, H, W) as bool ones at the clip's working size."""
    height, width = clip.working_size
    if tuple(soft.shape[1:]) != clip.working_size:
        large = [cv2.resize(mask, (width, height)) for mask in soft.numpy()]  # bilinear
        soft = torch.from_numpy(np.stack(large))
    return soft > 0.5
