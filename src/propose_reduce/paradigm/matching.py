"""Which of two groups belong together, one to one: detections and tracks, windows and windows."""

from scipy.optimize import linear_sum_assignment
from torch import Tensor


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
