"""The DAVIS 2017 benchmark on files: equal to the official tool, faster, and strict about input.

Where DAVIS keeps its label maps, and where a result must have them.

One sequence by the rules of DAVIS 2017: which frames, which masks, which proposal per object.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np

from propose_reduce.data.label_maps import VOID, read_labels
from propose_reduce.errors import InputError, cut, unknown_name
from propose_reduce.evaluation.davis_metrics import DavisMetrics, ObjectScores, Series, Task
from propose_reduce.evaluation.files import check_workers, run_all
from propose_reduce.evaluation.similarity import regions, similarity
from propose_reduce.evaluation.vos import (
    LabelMapFiles,
    ObjectFolders,
    evaluate_vos_sequence,
    object_folders,
)
from propose_reduce.files import is_folder, read_text


def evaluate_davis(  # noqa: PLR0913, they are the options of a command
    gt_dir: str | Path,
    pred_dir: str | Path,
    *,
    task: Task,
    split: str | Path | None = None,
    resize: Resize | None = None,
    intervals: bool = False,
    binary: bool = False,
    present_only: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> DavisMetrics:
    """Return J, F and J&F of results in PNG files, by the rules of DAVIS 2017 or of any VOS truth.

    A sequence whose truth holds 0 and 255 alone is taken for binary masks of one object.

    Args:
        gt_dir: a DAVIS root (``Annotations_unsupervised/480p``, or ``Annotations/480p`` for the
            semi-supervised task; the sequences of ``ImageSets/2017/val.txt``, else 2019), or a
            folder with one folder of PNGs per sequence.
        pred_dir: a folder with one folder of PNGs per sequence, of the ground truth's file names.
        task: "unsupervised" or "semi-supervised", both of DAVIS; "vos" counts every object from
            its first mask on (:mod:`.vos`), also in maps of 16 bits; a result may then have a
            folder of PNGs per object.
        split: a text file with one sequence name per line, in place of the root's own list.
        resize: "nearest" brings result frames of another size to the ground truth's; None makes
            them an error.
        intervals: say how sure the numbers are (:mod:`.statistics`).
        binary: take 255 for object 1 in every sequence.
        present_only: of "vos": leave out frames on which the truth does not show the object.
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
    if present_only and task != "vos":
        raise InputError("present_only is of the task vos: leave it out, or give this task")
    objects: list[ObjectScores] = []
    late: dict[str, int] = {}
    binary_ones: list[str] = []
    rules = Rules(task, resize, binary, present_only)
    evaluate = partial(_evaluate_files, rules=rules)
    for done, found in enumerate(run_all(evaluate, sequences, workers), start=1):
        objects.extend(found.objects)
        name = sequences[done - 1].name
        if found.late:
            late[name] = found.late
        if found.binary:
            binary_ones.append(name)
        if progress is not None:
            progress(done, len(sequences))
    names = tuple(files.name for files in sequences)
    return DavisMetrics(task, names, tuple(objects), intervals, late, tuple(binary_ones))


@dataclass(frozen=True, slots=True)
class Rules:
    """How sequences are evaluated; see :func:`evaluate_davis`."""

    task: Task
    resize: Resize | None
    binary: bool
    present_only: bool


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """One sequence: its objects, how many enter late and do not count, and what 255 stands for."""

    objects: tuple[ObjectScores, ...]
    late: int = 0
    binary: bool = False


def _evaluate_files(files: SequenceFiles, *, rules: Rules) -> SequenceScores:
    binary = rules.binary or _is_binary(files.ground_truth)
    if rules.task == "vos":
        result = (
            ObjectFolders(files.object_folders, [path.name for path in files.predictions])
            if files.object_folders
            else LabelMapFiles(files.predictions, binary=binary, deep=True)
        )
        objects = evaluate_vos_sequence(
            LabelMapFiles(files.ground_truth, binary=binary, deep=True),
            result,
            present_only=rules.present_only,
            name=files.name,
        )
        return SequenceScores(objects, binary=binary)
    found = _evaluate_sequence(
        LabelMapFiles(files.ground_truth, binary=binary),
        LabelMapFiles(files.predictions, binary=binary),
        task=rules.task,
        resize=rules.resize,
        name=files.name,
    )
    return replace(found, binary=binary)


def _is_binary(paths: Sequence[Path]) -> bool:
    """Return whether the first frame that shows anything holds 0 and 255 alone."""
    for path in paths:
        labels = read_labels(path, deep=True)
        if labels.any():
            return set(np.unique(labels)) <= {0, VOID} and read_labels(path, binary=True).max() == 1
    return False


ANNOTATIONS = {
    "unsupervised": Path("Annotations_unsupervised", "480p"),
    "semi-supervised": Path("Annotations", "480p"),
    "vos": Path("Annotations"),
}
# Relative to a DAVIS root; the first one that exists is taken. 2019 is the unsupervised test sets.
SPLITS = (
    Path("ImageSets", "2017", "val.txt"),
    Path("ImageSets", "2019", "val.txt"),
    Path("ImageSets", "2019", "test-dev.txt"),
    Path("ImageSets", "2019", "test-challenge.txt"),
)


@dataclass(frozen=True, slots=True)
class SequenceFiles:
    """The files of one sequence.

    Attributes:
        name: the sequence's folder name.
        ground_truth: one PNG per frame, in order.
        predictions: the files of the same names in the result's folder.
        object_folders: where the result has a folder per object (task vos), these by number.
    """

    name: str
    ground_truth: tuple[Path, ...]
    predictions: tuple[Path, ...]
    object_folders: dict[int, Path] = field(default_factory=dict)


def find_sequences(
    ground_truth: Path, predictions: Path, *, task: Task, split: Path | None = None
) -> list[SequenceFiles]:
    """Return the sequences to evaluate; every file that will be read is known to exist.

    Args:
        ground_truth: a DAVIS root, or a folder with one folder of PNGs per sequence.
        predictions: a folder with one folder of PNGs per sequence, or the folder that ``predict
            --format davis`` filled; more than needed is ignored.
        task: decides between a root's two annotation folders and which frames are needed.
        split: a text file with one sequence name per line; by default what the root lists for
            validation, or every folder.

    Raises:
        InputError: a folder, sequence or frame is missing.
    """
    folder = annotation_folder(ground_truth, task)
    known = sorted(path.name for path in folder.iterdir() if path.is_dir())
    defaults = [ground_truth / path for path in SPLITS]
    listed = split or next((path for path in defaults if path.is_file()), None)
    names = known if listed is None else _read_split(listed)
    if not names:
        raise InputError(f"'{listed or folder}' names no sequence: give a folder of PNGs for each")
    for name in names:
        if name not in known:
            where = f"listed in '{listed}', no folder in '{folder}'"
            raise unknown_name(f"sequence ({where})", name, known)
    if not is_folder(predictions):
        raise InputError(f"'{predictions}' is not a folder: give one with a folder per sequence")
    return [_sequence_files(folder / name, predictions / name, task) for name in names]


def annotation_folder(ground_truth: Path, task: Task) -> Path:
    """Return the folder of sequence folders inside a DAVIS root, or the folder itself."""
    if not is_folder(ground_truth):
        raise InputError(f"'{ground_truth}' is not a folder: give a DAVIS root or sequence folders")
    if not any((ground_truth / path.parts[0]).is_dir() for path in ANNOTATIONS.values()):
        return ground_truth
    folder = ground_truth / ANNOTATIONS[task]
    if task == "vos" and (folder / "480p").is_dir():
        folder /= "480p"
    if not folder.is_dir():
        raise InputError(
            f"'{folder}' does not exist, the {task} task needs it: complete the DAVIS root, or "
            "give the folder of sequence folders itself"
        )
    return folder


def _read_split(path: Path) -> list[str]:
    # a sequence that is named twice counts once, as in the official tool
    return list(dict.fromkeys(read_text(path).split()))


def _sequence_files(ground_truth: Path, predictions: Path, task: Task) -> SequenceFiles:
    """Return the files of one sequence, after a look whether all needed ones are there."""
    frames = sorted(path for path in ground_truth.iterdir() if path.suffix == ".png")
    if not frames:
        raise InputError(f"'{ground_truth}' holds no PNG: every sequence needs its frames")
    if (predictions / "davis").is_dir():  # predict leaves the maps of a single video there
        predictions /= "davis"
    results = tuple(predictions / path.name for path in frames)
    if task == "vos" and is_folder(predictions) and (folders := object_folders(predictions)):
        return SequenceFiles(ground_truth.name, tuple(frames), results, folders)
    needed = [results[frame] for frame in evaluated_frames(task, len(frames))]
    missing = [path for path in needed if not path.is_file()]
    if missing:
        raise InputError(
            f"'{missing[0]}' is missing, one of {len(missing)} of the {len(needed)} result frames "
            f"of '{ground_truth.name}': every evaluated frame needs its PNG, called as in the "
            f"ground truth; {_what_is_there(predictions)}"
        )
    return SequenceFiles(ground_truth.name, tuple(frames), results)


def _what_is_there(folder: Path) -> str:
    """Return what a folder holds, by its first names, for people to read."""
    if not is_folder(folder):
        return "there is no such folder"
    names = sorted(path.name for path in folder.iterdir())
    if folders := object_folders(folder):
        return f"there are folders of {len(folders)} objects, which --task vos reads"
    more = ", .." if len(names) > 3 else ""
    return f"there are {cut(', '.join(names[:3]))}{more}" if names else "the folder is empty"


Resize: TypeAlias = Literal["nearest"]

# The unsupervised challenge allows this many proposals per sequence (official tool).
MAX_PROPOSALS = 20


class LabelMaps(Protocol):
    """Label maps of one sequence: uint8 arrays (H, W), 0 is background; read when needed."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Return the label map of frame ``index``, 0-based."""


def evaluated_frames(task: Task, count: int) -> range:
    """Return which of ``count`` frames the task evaluates.

    All, all but the first and last (semi-supervised), or all but the first (vos).
    """
    return {
        "unsupervised": range(count),
        "semi-supervised": range(1, count - 1),
        "vos": range(1, count),
    }[task]


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
    return _evaluate_sequence(
        ground_truth, predictions, task=task, resize=resize, name=name
    ).objects


def _evaluate_sequence(
    ground_truth: LabelMaps,
    predictions: LabelMaps,
    *,
    task: Task,
    resize: Resize | None,
    name: str,
) -> SequenceScores:
    frames = evaluated_frames(task, len(ground_truth))
    if len(ground_truth) != len(predictions):
        raise InputError(
            f"{name}: {len(predictions)} result frames for {len(ground_truth)} of the ground "
            "truth: give one for each"
        )
    if not frames:
        raise InputError(
            f"{name}: none of its {len(ground_truth)} frames can be evaluated: the {task} task "
            "leaves out the first and the last one; leave the sequence out with --split"
        )
    first = ground_truth[0]
    objects = int(np.where(first == VOID, 0, first).max())
    if objects == 0:
        maps = (ground_truth[frame] for frame in range(len(ground_truth)))
        check_has_objects(name, {int(label) for labels in maps for label in np.unique(labels)})
        return SequenceScores(())
    limit = MAX_PROPOSALS if task == "unsupervised" else objects
    pairs = _pairs(task, max(limit, objects), objects)
    values = np.empty((len(frames), len(pairs), 2))
    labels = 0
    shown = {int(label) for label in np.unique(first)} - {0, VOID}
    skips = len(shown) < objects
    for row, frame in enumerate(frames):
        where = f"{name}, frame {frame}"
        truth = ground_truth[frame]
        result = _of_size(predictions[frame], truth.shape, resize, where)
        labels = max(labels, int(result.max()))
        if skips or truth.max() > objects:  # only then is there anything to find out
            shown |= {int(label) for label in np.unique(truth)} - {0, VOID}
        if labels > limit and task == "semi-supervised" and max(shown, default=0) > limit:
            raise InputError(
                f"{where}: label {labels} enters after the first frame of the ground truth, which "
                f"shows 1 to {limit}, and DAVIS does not know such objects: --task vos does"
            )
        if labels > limit:
            raise InputError(
                f"{where}: the result holds label {labels}, the {task} task allows 1 to {limit}: "
                "renumber or drop objects"
            )
        values[row] = _frame_values(truth, result, pairs, task)
    scores = tuple(
        ObjectScores(
            name,
            f"{name}_{number}",
            gt_object=pairs[pair][1],
            proposal=pairs[pair][0] if pairs[pair][0] <= labels else None,
            j=Series(tuple(values[:, pair, 0].tolist())),
            f=Series(tuple(values[:, pair, 1].tolist())),
            shown=pairs[pair][1] in shown,
        )
        for number, pair in enumerate(_chosen(values, pairs, task, max(labels, objects)), start=1)
    )
    return SequenceScores(scores, late=sum(label > objects for label in shown))


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
    labels: np.ndarray, size: tuple[int, ...], resize: Resize | None, where: str
) -> np.ndarray:
    """Return a result frame of the ground truth's size."""
    if labels.shape == size:
        return labels
    if resize is None:
        (height, width), (true_height, true_width) = labels.shape, size
        raise InputError(
            f"{where}: the result is {width} x {height}, the ground truth "
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
