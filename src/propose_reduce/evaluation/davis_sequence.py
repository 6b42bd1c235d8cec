"""One sequence by the rules of DAVIS 2017: which frames, which masks, which proposal per object."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product
from typing import Literal, Protocol, TypeAlias

import numpy as np

from propose_reduce.data.label_maps import VOID
from propose_reduce.errors import InputError
from propose_reduce.evaluation.davis_metrics import ObjectScores, Series, Task
from propose_reduce.evaluation.similarity import regions, similarity

Resize: TypeAlias = Literal["nearest"]

# The unsupervised challenge allows this many proposals per sequence (official tool).
MAX_PROPOSALS = 20


class LabelMaps(Protocol):
    """Label maps of one sequence: uint8 arrays (H, W), 0 is background; read when asked for."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Return the label map of frame ``index``, 0-based."""


def evaluated_frames(task: Task, count: int) -> range:
    """Return which of ``count`` frames the task evaluates: all, or all but the first and last."""
    return range(count) if task == "unsupervised" else range(1, count - 1)


def evaluate_davis_sequence(
    ground_truth: LabelMaps,
    predictions: LabelMaps,
    *,
    task: Task,
    resize: Resize | None = None,
    name: str = "sequence",
) -> tuple[ObjectScores, ...]:
    """Return the scores of every object of one sequence, in the official tool's order.

    Objects are the labels 1..n, n the highest label of the first ground-truth frame, void (255)
    aside; where the result has fewer labels, empty masks are added. The unsupervised task leaves
    void pixels out and assigns proposals to objects; the semi-supervised one takes void as
    background and compares equal labels.

    Args:
        ground_truth: label maps, 255 is void.
        predictions: label maps for the same frames; of frames that are not evaluated none is read.
        task: which rules apply.
        resize: how result frames of another size are brought to the ground truth's; None makes
            them an error.
        name: the sequence's name, for the scores and the error messages.

    Raises:
        InputError: numbers of frames or sizes differ, no frame is left to evaluate, a result holds
            a label beyond the task's limit, or the ground truth has void and no object at all.
    """
    frames = evaluated_frames(task, len(ground_truth))
    if len(ground_truth) != len(predictions) or not frames:
        raise InputError(
            f"{name}: {len(predictions)} result frames for {len(ground_truth)} of the ground "
            f"truth: give one for each, at least {1 if task == 'unsupervised' else 3}"
        )
    first = ground_truth[0]
    objects = int(np.where(first == VOID, 0, first).max())
    if objects == 0:
        maps = (ground_truth[frame] for frame in range(len(ground_truth)))
        check_has_objects(name, {int(label) for labels in maps for label in np.unique(labels)})
        return ()
    limit = MAX_PROPOSALS if task == "unsupervised" else objects
    pairs = _pairs(task, max(limit, objects), objects)
    values = np.empty((len(frames), len(pairs), 2))
    labels = 0
    for row, frame in enumerate(frames):
        place = f"{name}, frame {frame}"
        truth = ground_truth[frame]
        result = _of_size(predictions[frame], truth.shape, resize, place)
        labels = max(labels, int(result.max()))
        if labels > limit:
            raise InputError(
                f"{place}: the result holds label {labels}, the {task} task allows 1 to {limit}: "
                "renumber or drop objects"
            )
        values[row] = _frame_values(truth, result, pairs, task)
    return tuple(
        ObjectScores(
            name,
            f"{name}_{number}",
            gt_object=pairs[pair][1],
            proposal=pairs[pair][0] if pairs[pair][0] <= labels else None,
            j=Series(tuple(values[:, pair, 0].tolist())),
            f=Series(tuple(values[:, pair, 1].tolist())),
        )
        for number, pair in enumerate(_chosen(values, pairs, task, max(labels, objects)), start=1)
    )


def check_has_objects(name: str, labels: Collection[int]) -> None:
    """Refuse a truth that holds void and no object: it is a binary mask, as DAVIS 2016 has them.

    Args:
        name: the sequence's name.
        labels: all values of the sequence.

    Raises:
        InputError: 255 is there, and beside it at most 0.
    """
    if VOID in labels and set(labels) <= {0, VOID}:
        raise InputError(
            f"{name}: the ground truth holds 255, which is void, and no object: write 1 in place "
            "of 255 if these are binary masks"
        )


def _pairs(task: Task, proposals: int, objects: int) -> list[tuple[int, int]]:
    """Return the (proposal, object) labels that are compared."""
    if task == "unsupervised":
        return list(product(range(1, proposals + 1), range(1, objects + 1)))
    return [(label, label) for label in range(1, objects + 1)]


def _of_size(
    labels: np.ndarray, size: tuple[int, ...], resize: Resize | None, place: str
) -> np.ndarray:
    """Return a result frame of the ground truth's size."""
    if labels.shape == size:
        return labels
    if resize is None:
        (height, width), (true_height, true_width) = labels.shape, size
        raise InputError(
            f"{place}: the result is {width} x {height}, the ground truth "
            f"{true_width} x {true_height} pixels: resize it, or ask for resize nearest"
        )
    # the pixel under the centre of each target pixel, in integers
    rows, columns = (
        (2 * np.arange(target) + 1) * source // (2 * target)
        for source, target in zip(labels.shape, size, strict=True)
    )
    return labels[rows[:, None], columns]


def _frame_values(
    truth: np.ndarray, result: np.ndarray, pairs: Sequence[tuple[int, int]], task: Task
) -> np.ndarray:
    """Return J and F of every pair on one frame, (pairs, 2)."""
    void = truth == VOID
    if void.any():
        truth = np.where(void, 0, truth)
        if task == "unsupervised":
            result = np.where(void, 0, result)
    proposals, objects = pairs[-1]
    of_result, of_truth = regions(result, proposals), regions(truth, objects)
    return np.array(
        [
            similarity(of_truth[gt_object - 1], of_result[proposal - 1])
            for proposal, gt_object in pairs
        ]
    )


def _chosen(
    values: np.ndarray, pairs: Sequence[tuple[int, int]], task: Task, proposals: int
) -> list[int]:
    """Return which pairs count: one per object, by rising proposal.

    The unsupervised task takes the one-to-one assignment with the highest total J&F.

    Args:
        values: (frames, pairs, 2), J and F.
        pairs: the (proposal, object) labels behind them; all combinations, proposal by proposal,
            in the unsupervised task.
        task: which rules apply.
        proposals: how many of the proposals take part, at least one per object.
    """
    if task == "semi-supervised":
        return list(range(len(pairs)))
    objects = pairs[-1][1]
    scores = values.mean(axis=(0, 2)).reshape(-1, objects)[:proposals]
    from scipy.optimize import linear_sum_assignment  # half a second to load

    rows, columns = linear_sum_assignment(scores, maximize=True)
    return [int(row) * objects + int(column) for row, column in zip(rows, columns, strict=True)]
