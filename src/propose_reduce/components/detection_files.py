"""Detections read from files, so that any detector of any licence can be the proposer.

For the video ``walk`` a folder ``DIR`` may hold, frames numbered from 0 as the clip has them:

=============================  ====================================================================
``DIR/walk/00000.png``, ...    label maps, as DAVIS has them: pixel values are objects, 0 is
                               background, 255 void; all scores are 1
``DIR/walk/00000.npz``, ...    ``masks`` (O, H, W), and if known ``scores`` (O,), ``labels`` (O,)
``DIR/walk.json``              COCO results, a list with ``image_id`` (the frame's number) or
                               ``file_name`` (``00000.jpg``), ``segmentation`` (run lengths or
                               polygons), ``category_id``, ``score``; or COCO annotations with
                               ``images``, ``annotations`` and ``categories``
=============================  ====================================================================

Without a folder or file of the video's name the files lie in ``DIR`` itself (the JSON file as
``detections.json``), or ``DIR`` is the JSON file. ``categories.json``, beside the frames or in
``DIR``, names the numbers: ``{"1": "person", "2": "dog"}``, in label maps those of the objects;
without it everything is of the class ``instance``. Frames without a file propose nothing, and masks
of another size are resized.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from propose_reduce import rle
from propose_reduce.components.labels import LabelSet
from propose_reduce.data.faults import Fault, Record, categories_by_id, entries, load_json
from propose_reduce.data.label_maps import VOID, read_labels
from propose_reduce.data.segmentations import read_segmentations
from propose_reduce.errors import InputError
from propose_reduce.files import read_json
from propose_reduce.masks import resize
from propose_reduce.settings import category_set
from propose_reduce.structures import Clip, Detections, Size

NAMES = "categories.json"
TABLE = "detections.json"


class DetectionFiles:
    """Proposer: what another program saw."""

    def __init__(
        self, source: str | Path, *, video: str | None = None, min_score: float = 0.0
    ) -> None:
        """Find the files of a video; those of a frame are read when it is asked for.

        Args:
            source: the folder, or a JSON file; see the head of this file.
            video: name of the video, for a folder that holds several.
            min_score: a detection scores above this.

        Raises:
            InputError: there are no files for this video, or a JSON file cannot be used.
        """
        self._min_score = min_score
        self._place = _place(Path(source), video)
        self._files: dict[int, Path] = {}
        self._results: dict[int, list[_Result]] = {}
        names = _names(self._place, Path(source))
        if self._place.is_dir():
            self._files = _frame_files(self._place)
        else:
            table = _read_table(self._place, video)
            self._results, names = table.results, names or table.names
        self._labels = LabelSet.from_names(names) if names else None

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the class score columns."""
        return self._labels.categories if self._labels else category_set("davis")

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Return what the files say: masks at the working size, best first.

        Raises:
            InputError: the frame's file cannot be read, or names an unknown category.
        """
        found = self._read(clip, clip.start + frame)
        kept = found.scores > self._min_score
        labels = found.labels[kept]
        return self._label_set(labels, frame).detections(
            found.masks[kept], labels, found.scores[kept]
        )

    def _read(self, clip: Clip, frame: int) -> _Found:
        if frame not in self._files:
            return _from_results(self._results.get(frame, []), clip, f"'{self._place}'")
        file = self._files[frame]
        read = _from_png if file.suffix == ".png" else _from_npz
        return read(file, clip.working_size)

    def _label_set(self, labels: Tensor, frame: int) -> LabelSet:
        """Return what the labels of a frame stand for."""
        used = set(labels.tolist())
        if self._labels is None:  # nothing has a name: one class for all
            return LabelSet(self.categories, dict.fromkeys(used, 1))
        if unknown := used - set(self._labels.columns):
            raise InputError(
                f"'{self._place}', frame {frame}: no name for category {min(unknown)}: add it to "
                f"{NAMES}; known: {', '.join(map(str, sorted(self._labels.columns)))}"
            )
        return self._labels


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a file says about a frame.

    Attributes:
        masks: bool (O, H, W), at the working size.
        labels: int64 (O,).
        scores: float32 (O,).
    """

    masks: Tensor
    labels: Tensor
    scores: Tensor


class _Result(Record):
    """One detection in a JSON file."""

    image_id: int | None = None
    file_name: str | None = None
    category_id: int = 1
    score: float = Field(1.0, ge=0, le=1)
    segmentation: Any


class _Image(Record):
    """An image in a JSON file."""

    id: int
    file_name: str


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """A JSON file: its detections by frame, the names of its categories."""

    results: dict[int, list[_Result]]
    names: dict[int, str]


def _place(source: Path, video: str | None) -> Path:
    """Return the folder or the JSON file of a video."""
    if source.is_file():
        return source
    own = [source / video, source / f"{video}.json"] if video else []
    for place in (*own, source / TABLE):
        if place.exists():
            return place
    if source.is_dir() and _frame_files(source):
        return source
    wanted = f"'{video}/00000.png' or .npz, '{video}.json', " if video else ""
    raise InputError(
        f"'{source}' holds no detections{f' of {video!r}' if video else ''}: expected {wanted}"
        f"'00000.png' or .npz, or '{TABLE}'"
    )


def _frame_files(folder: Path) -> dict[int, Path]:
    """Return the files of a folder by the frame that their name numbers."""
    files: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in {".png", ".npz"} and path.stem.isdecimal():
            if int(path.stem) in files:
                raise InputError(f"'{path}' and '{files[int(path.stem)].name}' are one frame's")
            files[int(path.stem)] = path
    return files


def _names(place: Path, source: Path) -> dict[int, str]:
    """Return the names of categories.json by number; nothing where there is no such file."""
    folder = place if place.is_dir() else place.parent
    for path in (folder / NAMES, source / NAMES):
        if path.is_file():
            content = load_json(path)
            for number, name in content.items():
                if not number.isdecimal() or not isinstance(name, str):
                    raise InputError(
                        f'\'{path}\' must map numbers to names, as {{"1": "person"}}; '
                        f"got {number!r}: {name!r:.40}"
                    )
            return {int(number): name for number, name in content.items()}
    return {}


def _from_png(path: Path, size: Size) -> _Found:
    labels = read_labels(path, binary=True)
    numbers = np.setdiff1d(labels, (0, VOID)).astype(np.int64)
    masks = torch.from_numpy(labels == numbers[:, None, None])
    return _Found(resize(masks, size), torch.from_numpy(numbers), torch.ones(len(numbers)))


def _from_npz(path: Path, size: Size) -> _Found:
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"'{path}' is damaged or no npz file: {error}") from error
    masks = arrays.get("masks", np.zeros(0))
    if masks.ndim != 3 or masks.dtype.kind not in "bui" or 0 in masks.shape[1:]:
        raise InputError(f"'{path}': masks must be bool (O, H, W), got {masks.dtype} {masks.shape}")
    count = len(masks)
    scores = arrays.get("scores", np.ones(count))
    labels = arrays.get("labels", np.ones(count, dtype=np.int64))
    plain = scores.dtype.kind in "buif" and scores.shape == (count,)
    if not plain or not ((scores >= 0) & (scores <= 1)).all():
        raise InputError(f"'{path}': scores must be {count} numbers in [0, 1], got {scores!s:.60}")
    if labels.shape != (count,) or labels.dtype.kind not in "ui":
        raise InputError(f"'{path}': labels must be {count} whole numbers, got {labels!s:.60}")
    fitted = resize(torch.from_numpy(masks.astype(bool)), size)
    return _Found(
        fitted,
        torch.from_numpy(labels.astype(np.int64)),
        torch.from_numpy(scores.astype(np.float32)),
    )


def _from_results(results: Sequence[_Result], clip: Clip, source: str) -> _Found:
    masks = [torch.zeros(0, *clip.working_size, dtype=torch.bool)]
    kept = []
    for result in results:
        (mask,) = read_segmentations(
            [result.segmentation], _stated_size(result) or clip.original_size
        )
        if isinstance(mask, InputError):
            raise InputError(f"{source}: segmentation of image {result.image_id}: {mask}")
        if mask is not None:
            kept.append(result)
            masks.append(resize(torch.from_numpy(rle.decode(mask))[None], clip.working_size))
    labels = torch.tensor([result.category_id for result in kept], dtype=torch.int64)
    return _Found(torch.cat(masks), labels, torch.tensor([result.score for result in kept]))


def _stated_size(result: _Result) -> Size | None:
    """Return the size that run lengths state; polygons state none."""
    size = result.segmentation.get("size") if isinstance(result.segmentation, dict) else None
    if isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) for n in size):
        return size[0], size[1]
    return None


def _read_table(path: Path, video: str | None) -> _Table:
    """Return what a JSON file says about one video, or about the only one."""
    content = read_json(path)
    data = content if isinstance(content, dict) else {"annotations": content}
    faults: list[Fault] = []
    found = entries(_Result, data, "annotations", faults)
    images = entries(_Image, data, "images", faults) if "images" in data else []
    names = categories_by_id(data, faults) if "categories" in data else {}
    if faults:
        raise InputError(f"'{path}': {faults[0]}")
    files = {image.id: image.file_name for _, image in images}
    results: dict[int, list[_Result]] = defaultdict(list)
    for place, result in found:
        name = PurePosixPath(result.file_name or files.get(result.image_id or 0, ""))
        if video and name.parent.name not in {"", video}:
            continue
        number = name.stem if name.stem else str(result.image_id)
        if not number.isdecimal():
            raise InputError(
                f"'{path}', {place.at()}: image '{number}' is not a frame number: give image_id or "
                "file_name as 0 or '00000.jpg' for the first frame"
            )
        results[int(number)].append(result)
    return _Table(results, names)
