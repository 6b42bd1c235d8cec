"""Reduce: of the sequences that show the same object, keep the best (paper, section 3.3).

Letters: N sequences, T frames, C foreground classes. Two sequences are compared over the whole
video at once (eq. 2), so no frame has to be matched with another.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from propose_reduce.errors import InputError
from propose_reduce.masks import PackedMasks
from propose_reduce.settings import ReduceSettings


@dataclass(frozen=True, slots=True, eq=False)
class SoftResult:
    """What soft sequence NMS keeps, best first.

    Attributes:
        indices: int64 (M,), the sequences.
        scores: (M,), their decayed scores, in the dtype of the given ones.
    """

    indices: Tensor
    scores: Tensor


@dataclass(frozen=True, slots=True)
class KeptSequence:
    """A sequence that stays.

    Attributes:
        index: its row among the given sequences.
        class_scores: the scores reported for it by foreground class (0-based), best first.
    """

    index: int
    class_scores: dict[int, float]

    @property
    def category(self) -> int:
        """Return its best class, 0-based among the foreground."""
        return next(iter(self.class_scores))

    @property
    def score(self) -> float:
        """Return the score of its best class."""
        return self.class_scores[self.category]


def sequence_iou(masks: Tensor) -> Tensor:
    """Return the sequence IoU of bool masks (N, T, H, W): float64 (N, N).

    Eq. 2: pixels shared, summed over the frames, by pixels of the union, summed over the frames;
    0 when both sequences are empty everywhere.
    """
    return packed_sequence_iou(PackedMasks.pack(masks))


def packed_sequence_iou(packed: PackedMasks) -> Tensor:
    """Return the sequence IoU (eq. 2) of packed masks: float64 (N, N), from exact counts."""
    areas = torch.from_numpy(packed.areas.sum(axis=1))
    shared = torch.zeros(len(packed), len(packed), dtype=torch.int64)
    for frame in range(packed.num_frames):
        shared += torch.from_numpy(packed.overlaps(frame))
    union = areas[:, None] + areas - shared
    return shared.double() / union.clamp(min=1)


def sequence_nms(
    scores: Tensor, iou: Tensor, *, threshold: float = 0.5, min_score: float = 0.05
) -> Tensor:
    """Drop every sequence that overlaps a better one (algorithm 1).

    Args:
        scores: (N,); of equal scores the earlier sequence counts as better.
        iou: (N, N), sequence IoU.
        threshold: IoU from which the worse of two goes.
        min_score: sequences below it are never kept, not even the best.

    Returns:
        int64 (M,), the kept sequences, best first.

    Raises:
        InputError: shapes that do not fit, or values that are not finite.
    """
    _check(scores, iou, dimensions=1)
    left = scores >= min_score
    kept = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        if left[index]:
            kept.append(index)
            left &= iou[index] < threshold
    return torch.tensor(kept, dtype=torch.int64)


def soft_sequence_nms(
    scores: Tensor,
    iou: Tensor,
    *,
    sigma: float = 0.5,
    min_score: float = 0.001,
    max_sequences: int = 20,
) -> SoftResult:
    """Let the scores of sequences that overlap a better one decay (soft NMS).

    After each pick of the best, the others' scores become s exp(-IoU^2 / sigma).

    Args:
        scores: (N,); of equal scores the earlier sequence is picked first.
        iou: (N, N), sequence IoU.
        sigma: how slowly scores decay.
        min_score: picking stops below it.
        max_sequences: picking stops after so many.

    Raises:
        InputError: shapes that do not fit, values that are not finite, or sigma <= 0.
    """
    _check(scores, iou, dimensions=1)
    decayed = category_aware_reduce(
        scores[:, None], iou, sigma=sigma, min_score=min_score, max_sequences=max_sequences
    )[:, 0]
    order = decayed.argsort(descending=True, stable=True)  # the order of the picks
    indices = order[decayed[order] >= 0]
    return SoftResult(indices, decayed[indices])


def category_aware_reduce(
    class_scores: Tensor,
    iou: Tensor,
    *,
    sigma: float = 0.5,
    min_score: float = 0.001,
    max_sequences: int = 100,
) -> Tensor:
    """Do soft sequence NMS for each class by itself.

    Source: the authors' entry to the YouTube-VIS 2021 challenge.

    Args:
        class_scores: (N, C), foreground classes only.
        iou: (N, N), sequence IoU.
        sigma: how slowly scores decay.
        min_score: a class is done when its best score falls below this.
        max_sequences: most sequences of one class.

    Returns:
        (N, C), the decayed scores; -1 where the pair of sequence and class is dropped.

    Raises:
        InputError: shapes that do not fit, values that are not finite, or sigma <= 0.
    """
    _check(class_scores, iou, dimensions=2)
    if sigma <= 0:
        raise InputError(f"sigma must be above 0, got {sigma}")
    decay = torch.exp(-iou.square() / sigma).to(class_scores.dtype)
    classes = torch.arange(class_scores.shape[1])
    scores = class_scores.clone()
    taken = torch.zeros_like(scores, dtype=torch.bool)
    result = torch.full_like(scores, -1.0)
    for _ in range(min(len(scores), max_sequences)):
        best = scores.masked_fill(taken, -torch.inf).argmax(dim=0)  # the first of equals
        picked = scores[best, classes]
        unfinished = picked >= min_score
        if not bool(unfinished.any()):
            break
        rows, columns = best[unfinished], classes[unfinished]
        result[rows, columns] = picked[unfinished]
        taken[rows, columns] = True
        scores *= decay[best].T
    return result


def reduce(class_scores: Tensor, iou: Tensor, settings: ReduceSettings) -> list[KeptSequence]:
    """Reduce sequences in the way the settings name; tell what is reported, best first.

    Args:
        class_scores: (N, C + 1), column 0 background.
        iou: (N, N), sequence IoU.
        settings: ``hard`` reports every class of a kept sequence that reaches the minimum score,
            ``compose`` likewise of what was composed, ``soft`` its best class with the decayed
            score, ``category-aware`` every class that survives the decay.

    Raises:
        InputError: shapes that do not fit, or values that are not finite.
    """
    reported = _REDUCTIONS[settings.kind](class_scores[:, 1:], iou, settings)
    kept = []
    for index, scores in enumerate(reported.tolist()):
        classes = [column for column, score in enumerate(scores) if score >= 0]
        if classes:
            classes.sort(key=lambda column: -scores[column])
            kept.append(KeptSequence(index, {column: scores[column] for column in classes}))
    return sorted(kept, key=lambda sequence: -sequence.score)


def _hard(class_scores: Tensor, iou: Tensor, settings: ReduceSettings) -> Tensor:
    """Return the scores to report (N, C), -1 where nothing is, after sequence NMS."""
    best = class_scores.amax(dim=1)
    kept = sequence_nms(best, iou, threshold=settings.iou, min_score=settings.min_score)
    reported = torch.full_like(class_scores, -1.0)
    reported[kept] = class_scores[kept]
    return reported.masked_fill(reported < settings.min_score, -1.0)


def _soft(class_scores: Tensor, iou: Tensor, settings: ReduceSettings) -> Tensor:
    """Return the scores to report (N, C), -1 where nothing is, after soft sequence NMS."""
    best = class_scores.max(dim=1)
    result = soft_sequence_nms(
        best.values,
        iou,
        sigma=settings.sigma,
        min_score=settings.soft_min_score,
        max_sequences=settings.max_sequences,
    )
    reported = torch.full_like(class_scores, -1.0)
    reported[result.indices, best.indices[result.indices]] = result.scores
    return reported


def _category_aware(class_scores: Tensor, iou: Tensor, settings: ReduceSettings) -> Tensor:
    """Return the scores to report (N, C), -1 where nothing is, decayed class by class."""
    best = class_scores.amax(dim=1)
    kept = sequence_nms(best, iou, threshold=settings.category_iou, min_score=settings.min_score)
    reported = torch.full_like(class_scores, -1.0)
    reported[kept] = category_aware_reduce(
        class_scores[kept],
        iou[kept][:, kept],
        sigma=settings.sigma,
        min_score=settings.soft_min_score,
        max_sequences=settings.category_max_sequences,
    )
    return reported


_REDUCTIONS = {"hard": _hard, "compose": _hard, "soft": _soft, "category-aware": _category_aware}


def _check(scores: Tensor, iou: Tensor, dimensions: int) -> None:
    """Raise InputError unless scores (N, ...) and IoU (N, N) fit and are finite."""
    if scores.ndim != dimensions or iou.shape != (len(scores), len(scores)):
        raise InputError(
            f"scores must have {dimensions} dimensions and IoU be (N, N) for the same N, got "
            f"{tuple(scores.shape)} and {tuple(iou.shape)}"
        )
    for name, values in (("scores", scores), ("IoU", iou)):
        if not bool(values.isfinite().all()):
            raise InputError(f"{name} must be finite numbers, found NaN or infinity")
