"""The DAVIS 2017 benchmark on files: equal to the official tool, faster, and strict about input."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import get_args

from propose_reduce.errors import unknown_name
from propose_reduce.evaluation.davis_files import PngMaps, SequenceFiles, find_sequences
from propose_reduce.evaluation.davis_metrics import DavisMetrics, ObjectScores, Task
from propose_reduce.evaluation.davis_sequence import Resize, evaluate_davis_sequence
from propose_reduce.evaluation.workers import check_workers, run_all


def evaluate_davis(
    gt_dir: str | Path,
    pred_dir: str | Path,
    *,
    task: Task,
    split: str | Path | None = None,
    resize: Resize | None = None,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> DavisMetrics:
    """Return J, F and J&F of results in PNG files, by the rules of DAVIS 2017.

    Args:
        gt_dir: a DAVIS root (``Annotations_unsupervised/480p``, or ``Annotations/480p`` for the
            semi-supervised task; the sequences of ``ImageSets/2017/val.txt``, else 2019), or a
            folder with one folder of PNGs per sequence.
        pred_dir: a folder with one folder of PNGs per sequence, of the ground truth's file names.
        task: "unsupervised" or "semi-supervised".
        split: a text file with one sequence name per line, in place of the root's own list.
        resize: "nearest" brings result frames of another size to the ground truth's; None makes
            them an error.
        workers: processes to share the sequences between; the numbers do not depend on it.
        progress: called with (done, all) sequences after each one.

    Raises:
        InputError: a folder, sequence or frame is missing or unreadable, sizes differ, a label is
            beyond the task's limit, or an argument is unknown.
    """
    if task not in get_args(Task):
        raise unknown_name("task", str(task), get_args(Task))
    if resize not in {None, *get_args(Resize)}:
        raise unknown_name("resize", str(resize), get_args(Resize))
    check_workers(workers)
    split_file = None if split is None else Path(split)
    sequences = find_sequences(Path(gt_dir), Path(pred_dir), task=task, split=split_file)
    objects: list[ObjectScores] = []
    evaluate = partial(_evaluate_files, task=task, resize=resize)
    for done, scores in enumerate(run_all(evaluate, sequences, workers), start=1):
        objects.extend(scores)
        if progress is not None:
            progress(done, len(sequences))
    return DavisMetrics(task, tuple(files.name for files in sequences), tuple(objects))


def _evaluate_files(
    files: SequenceFiles, *, task: Task, resize: Resize | None
) -> tuple[ObjectScores, ...]:
    return evaluate_davis_sequence(
        PngMaps(files.ground_truth),
        PngMaps(files.predictions),
        task=task,
        resize=resize,
        name=files.name,
    )
