"""Video object segmentation on any truth: YouTube-VOS, LVOS, MOSE, VISOR and one's own.

DAVIS knows the objects of the first frame, numbered without gaps. Elsewhere objects enter later,
carry any number, and are labelled on some frames only. Here an object counts on every labelled
frame after the one that first shows it, whose mask a method is given; J and F are those of DAVIS.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from propose_reduce.data.label_maps import VOID, read_labels
from propose_reduce.errors import InputError
from propose_reduce.evaluation.davis_metrics import ObjectScores, Series
from propose_reduce.evaluation.similarity import Region, regions, similarity


class Masks(Protocol):
    """Label maps of one sequence: integers (H, W), 0 is background; read when needed."""

    def __len__(self) -> int:
        """Return the number of frames."""

    def __getitem__(self, index: int, /) -> np.ndarray:
        """Return the label map of frame ``index``, 0-based."""


class LabelMapFiles:
    """The label maps of a sequence in image files, read when needed.

    Attributes:
        paths: one file per frame.
        binary: whether 255 stands for object 1.
        deep: whether 16 bits are taken; otherwise such a file is an InputError.
    """

    def __init__(self, paths: Sequence[Path], *, binary: bool = False, deep: bool = False) -> None:
        self.paths, self.binary, self.deep = paths, binary, deep

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        return read_labels(self.paths[index], binary=self.binary, deep=self.deep)


class ObjectFolders:
    """A folder of black and white images per object, as SAM 2 writes them; masks may overlap.

    Attributes:
        folders: by the object's number.
        names: of the frames' files; a file that is missing is an empty mask.
    """

    def __init__(self, folders: dict[int, Path], names: Sequence[str]) -> None:
        self.folders, self.names = folders, names

    def mask(self, frame: int, label: int, shape: tuple[int, ...]) -> np.ndarray:
        """Return one object's mask: bool (H, W)."""
        path = self.folders[label] / self.names[frame] if label in self.folders else None
        if path is None or not path.is_file():
            return np.zeros(shape, dtype=bool)
        return read_labels(path, deep=True) > 0


def object_folders(folder: Path) -> dict[int, Path]:
    """Return the folders that are named as numbers, by these; empty where there is none."""
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    return {int(path.name): path for path in folders if path.name.isdecimal()}


def evaluate_vos_sequence(
    truth: Masks,
    result: Masks | ObjectFolders,
    *,
    present_only: bool = False,
    name: str = "sequence",
) -> tuple[ObjectScores, ...]:
    """Return the scores of every object of one sequence, by rising label.

    An object that no frame follows has no scores and is left out. Void (255 in maps of 8 bits) is
    background.

    Args:
        truth: label maps of the labelled frames.
        result: label maps of the same frames, or a folder per object.
        present_only: leave out the frames on which the truth does not show the object (LVOS);
            otherwise an empty mask there counts as 1, as in DAVIS.
        name: the sequence's name, for the scores and the error messages.

    Raises:
        InputError: a frame of the result has another size.
    """
    values: dict[int, list[tuple[float, float]]] = {}
    for frame in range(len(truth)):
        labels = truth[frame]
        labels = np.where(labels == VOID, 0, labels) if labels.dtype == np.uint8 else labels
        shown = {int(label) for label in np.unique(labels)} - {0}
        known = sorted(values)
        if known:
            found = _regions_of(result, frame, known, labels.shape, f"{name}, frame {frame}")
            pairs = zip(known, _renumbered(labels, known), found, strict=True)
            for label, of_truth, of_result in pairs:
                if label in shown or not present_only:
                    values[label].append(similarity(of_truth, of_result))
        for label in shown - values.keys():
            values[label] = []
    return tuple(
        ObjectScores(
            name,
            f"{name}_{number}",
            gt_object=label,
            proposal=label,
            j=Series(tuple(j for j, _ in values[label])),
            f=Series(tuple(f for _, f in values[label])),
        )
        for number, label in enumerate(sorted(values), start=1)
        if values[label]
    )


def _renumbered(labels: np.ndarray, known: Sequence[int]) -> list[Region]:
    """Return the regions of some labels, in their order."""
    places = np.searchsorted(known, labels)
    places[places == len(known)] = 0
    here = np.array(known)[places] == labels
    kind = np.uint8 if len(known) < 2**8 else np.uint16
    return regions(np.where(here, places + 1, 0).astype(kind), len(known))


def _regions_of(
    result: Masks | ObjectFolders,
    frame: int,
    known: Sequence[int],
    shape: tuple[int, ...],
    where: str,
) -> list[Region]:
    if isinstance(result, ObjectFolders):
        masks = [result.mask(frame, label, shape) for label in known]
    else:
        masks = [result[frame]]
    for mask in masks:
        if mask.shape != shape:
            raise InputError(
                f"{where}: the result is {mask.shape[1]} x {mask.shape[0]}, the ground truth "
                f"{shape[1]} x {shape[0]} pixels: resize it"
            )
    if isinstance(result, ObjectFolders):
        return [regions(mask.astype(np.uint8), 1)[0] for mask in masks]
    return _renumbered(masks[0], known)
