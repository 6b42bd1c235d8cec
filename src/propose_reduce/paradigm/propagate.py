"""Propagate: every proposal of every key frame through the whole video, by whichever propagator.

A corrector brings what is carried back to what is seen on the way.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from inspect import Parameter, signature

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from propose_reduce.errors import ContractError, check_kind
from propose_reduce.masks import mask_iou
from propose_reduce.protocols import Corrector, Propagator, Proposer
from propose_reduce.settings import PropagateSettings
from propose_reduce.structures import Clip, Detections, FrameMasks, Seed


def match(
    iou: Tensor,
    same_class: Tensor,
    *,
    min_iou: float,
    class_weight: float,
    weight: Tensor | float = 1.0,
) -> dict[int, int]:
    """Return the pairs, row -> column, that have the greatest sum of affinities.

    The class decides between candidates, but does not forbid: one mistaken label does not cut an
    object in two.

    Args:
        iou: (N, M), how much each two overlap.
        same_class: bool (N, M), whether their best classes agree.
        min_iou: IoU from which a pair is possible.
        class_weight: added to the IoU of possible pairs of one class.
        weight: (N, M), or one for all: what each pair's affinity is multiplied by.
    """
    possible = iou >= min_iou
    affinity = (weight * (iou + class_weight * same_class)).masked_fill(~possible, 0.0)
    rows, columns = linear_sum_assignment(affinity.numpy(), maximize=True)
    pairs = zip(rows.tolist(), columns.tolist(), strict=True)
    return {row: column for row, column in pairs if possible[row, column]}


CLASS_WEIGHT = 0.1
"""Added to the IoU of a pair of one class: it decides between detections that fit about alike."""


class DetectionCorrector:
    """Corrector: puts the detection that a carried mask is paired with in its place.

    Args:
        clip: the video, or a window of it.
        proposer: asked on the frames that are corrected on; one that remembers costs no more than
            one detection for each frame.
        origins: for each seed the detections that it started from.
        settings: the frames to correct on, and how alike a mask and a detection must be.
    """

    def __init__(
        self,
        clip: Clip,
        proposer: Proposer,
        origins: Sequence[Detections],
        settings: PropagateSettings,
    ) -> None:
        self._clip, self._proposer = clip, proposer
        self._every, self._iou = settings.correct_every, settings.correct_iou
        self._classes = [found.class_scores[:, 1:].argmax(dim=1).cpu() for found in origins]

    def correct(self, frame: int, seed: int, masks: Tensor) -> Tensor:
        """Return the masks to carry on: bool (O, H, W); the very same where none is corrected."""
        if (self._clip.start + frame) % self._every:
            return masks
        seen = self._proposer.propose(self._clip, frame)
        if not len(seen):
            return masks
        iou = mask_iou(masks, seen.masks.to(masks.device))
        classes = seen.class_scores[:, 1:].argmax(dim=1).cpu()
        same = self._classes[seed][:, None] == classes
        pairs = match(iou, same, min_iou=self._iou, class_weight=CLASS_WEIGHT)
        if not pairs:
            return masks
        corrected = masks.clone()
        rows, columns = torch.tensor(list(pairs)), torch.tensor(list(pairs.values()))
        corrected[rows.to(masks.device)] = seen.masks[columns.to(seen.masks.device)].to(
            masks.device
        )
        return corrected


def propagate(
    clip: Clip,
    propagator: Propagator,
    seeds: Sequence[Seed],
    *,
    corrector: Corrector | None = None,
) -> Iterator[FrameMasks]:
    """Yield what the propagator yields and is wanted, and hold it to its word.

    A propagator that takes no corrector runs without one, and a Python warning says so.

    Raises:
        ContractError: a pair of seed and frame that does not exist, comes twice or never comes, or
            masks that are not one per object on the clip's working size.
    """
    if not seeds:
        return
    num_frames = len(clip.frames)
    seen = torch.zeros(len(seeds), num_frames, dtype=torch.bool)
    for index, seed in enumerate(seeds):
        if seed.frames is not None:
            seen[index] = True
            seen[index, list(seed.frames)] = False
    unwanted = seen.clone()
    answers = _masks(clip, propagator, seeds, corrector)
    check_kind(answers, Iterable, "what the propagator gives")
    for found in answers:
        check_kind(found, FrameMasks, "what the propagator yields")
        place = f"the propagator's masks for seed {found.seed}, frame {found.frame}"
        if not (0 <= found.seed < len(seeds) and 0 <= found.frame < num_frames):
            raise ContractError(
                f"{place}: there are only {len(seeds)} seeds and {num_frames} frames, from 0"
            )
        if unwanted[found.seed, found.frame]:
            continue
        if seen[found.seed, found.frame]:
            raise ContractError(f"{place} came twice: each pair must come once")
        expected = (len(seeds[found.seed].masks), *clip.working_size)
        if tuple(found.masks.shape) != expected:
            raise ContractError(f"{place} must be {expected}, got {tuple(found.masks.shape)}")
        seen[found.seed, found.frame] = True
        yield found
    missing = (~seen).nonzero().tolist()
    if missing:
        seed, frame = missing[0]
        raise ContractError(
            f"the propagator gave no masks for seed {seed}, frame {frame} (and {len(missing) - 1} "
            "other pairs): it must yield every frame of every seed, the key frame included"
        )


def _masks(
    clip: Clip, propagator: Propagator, seeds: Sequence[Seed], corrector: Corrector | None
) -> Iterator[FrameMasks]:
    """Yield what the propagator yields, given the corrector if it takes one."""
    if corrector is None:
        return propagator.propagate(clip, seeds)
    parameters = signature(propagator.propagate).parameters.values()
    if any(p.name == "corrector" or p.kind is Parameter.VAR_KEYWORD for p in parameters):
        return propagator.propagate(clip, seeds, corrector=corrector)
    warnings.warn(
        f"{type(propagator).__name__} takes no corrector: its masks are not corrected on the way, "
        "neither by detections (inference.propagate.correct) nor by masks given on later frames",
        stacklevel=2,
    )
    return propagator.propagate(clip, seeds)
