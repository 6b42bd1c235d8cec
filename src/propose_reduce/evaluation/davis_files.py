"""Where DAVIS keeps its label maps, and where a result must have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from propose_reduce.data.label_maps import read_labels
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.evaluation.davis_metrics import Task
from propose_reduce.evaluation.davis_sequence import evaluated_frames
from propose_reduce.files import is_folder

ANNOTATIONS = {
    "unsupervised": Path("Annotations_unsupervised", "480p"),
    "semi-supervised": Path("Annotations", "480p"),
}
# Relative to a DAVIS root; the first one that exists is taken. 2019 is the unsupervised test sets.
SPLITS = (
    Path("ImageSets", "2017", "val.txt"),
    Path("ImageSets", "2019", "val.txt"),
    Path("ImageSets", "2019", "test-dev.txt"),
    Path("ImageSets", "2019", "test-challenge.txt"),
)


class PngMaps:
    """The label maps of a sequence in PNG files, read when asked for.

    Attributes:
        paths: one file per frame.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        return read_labels(self.paths[index])


@dataclass(frozen=True, slots=True)
class SequenceFiles:
    """The files of one sequence.

    Attributes:
        name: the sequence's folder name.
        ground_truth: one PNG per frame, in order.
        predictions: the files of the same names in the result's folder.
    """

    name: str
    ground_truth: tuple[Path, ...]
    predictions: tuple[Path, ...]


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
            place = f"listed in '{listed}', no folder in '{folder}'"
            raise unknown_name(f"sequence ({place})", name, known)
    if not is_folder(predictions):
        raise InputError(f"'{predictions}' is no folder: give one with a folder per sequence")
    return [_sequence_files(folder / name, predictions / name, task) for name in names]


def annotation_folder(ground_truth: Path, task: Task) -> Path:
    """Return the folder of sequence folders inside a DAVIS root, or the folder itself."""
    if not is_folder(ground_truth):
        raise InputError(f"'{ground_truth}' is no folder: give a DAVIS root or sequence folders")
    if not any((ground_truth / path.parts[0]).is_dir() for path in ANNOTATIONS.values()):
        return ground_truth
    folder = ground_truth / ANNOTATIONS[task]
    if not folder.is_dir():
        raise InputError(
            f"'{folder}' does not exist, the {task} task needs it: complete the DAVIS root, or "
            "give the folder of sequence folders itself"
        )
    return folder


def _read_split(path: Path) -> list[str]:
    try:
        # a sequence that is named twice counts once, as in the official tool
        return list(dict.fromkeys(path.read_text(encoding="utf-8-sig").split()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"split file '{path}' cannot be read: {error}") from error


def _sequence_files(ground_truth: Path, predictions: Path, task: Task) -> SequenceFiles:
    """Return the files of one sequence, after a look whether all needed ones are there."""
    frames = sorted(path for path in ground_truth.iterdir() if path.suffix == ".png")
    if not frames:
        raise InputError(f"'{ground_truth}' holds no PNG: every sequence needs its frames")
    if (predictions / "davis").is_dir():  # predict leaves the maps of a single video there
        predictions /= "davis"
    results = tuple(predictions / path.name for path in frames)
    needed = [results[frame] for frame in evaluated_frames(task, len(frames))]
    missing = [path for path in needed if not path.is_file()]
    if missing:
        raise InputError(
            f"'{missing[0]}' is missing, one of {len(missing)} of the {len(needed)} result frames "
            f"of '{ground_truth.name}': every evaluated frame needs its PNG"
        )
    return SequenceFiles(ground_truth.name, tuple(frames), results)
