"""Detections read from files, so that any detector of any licence can be the proposer.

For the video ``walk`` a folder ``DIR`` may hold:

=============================  ====================================================================
``DIR/walk/00000.png``, ...    label maps, as DAVIS has them (``.tif`` too): pixel values are
                               objects, 0 is background, 255 void, in maps of 16 bits an object;
                               all scores are 1
``DIR/walk/00000.npz``, ...    ``masks`` (O, H, W), and if known ``scores`` (O,), ``labels`` (O,)
``DIR/walk.json``              COCO results, a list with ``image_id`` (the frame's number) or
                               ``file_name`` (``00000.jpg``), ``segmentation`` (run lengths or
                               polygons), ``category_id``, ``score``; or COCO annotations with
                               ``images``, ``annotations`` and ``categories``; or YouTube-VIS
                               results, or annotations with ``videos``
``DIR/walk.txt``               MOTS text: ``frame id class height width counts``
=============================  ====================================================================

Without a folder or file of the video's name the files lie in ``DIR`` itself (the JSON file as
``detections.json``), or ``DIR`` is the file. A file belongs to the frame of its name, and a number
to the frame of that number: of a folder of images those are the images' names, of a video file its
frames from 0. ``categories.json``, beside the frames or in ``DIR``, names the categories' numbers:
``{"1": "person", "2": "dog"}``, in label maps those of the objects; without it everything is of the
class ``instance``. Frames without a file propose nothing, and masks of another size are resized.
"""

from __future__ import annotations

import warnings
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from propose_reduce import rle
from propose_reduce.components.detection_tables import (
    DetectionTable,
    Result,
    read_table,
)
from propose_reduce.components.labels import LabelSet
from propose_reduce.data.faults import load_json
from propose_reduce.data.label_maps import (
    MAP_SUFFIXES,
    FrameNames,
    frame_files,
    object_numbers,
    read_labels,
)
from propose_reduce.errors import InputError, cut
from propose_reduce.files import check_regular, foreign_content
from propose_reduce.masks import resize
from propose_reduce.settings import category_set
from propose_reduce.structures import Clip, Detections, Size

NAMES = "categories.json"
TABLE = "detections.json"
TABLE_SUFFIXES = (".json", ".txt")
ARRAYS = ".npz"
SUFFIXES = MAP_SUFFIXES | {ARRAYS}

MOST_BYTES = 2**30
"""Unpacked size of an npz file, so that a small one does not fill the memory."""


class DetectionFiles:
    """Proposer: what another program saw.

    The files are looked for here, and all read once before the first frame is answered.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        video: str | None = None,
        frames: Sequence[str] = (),
        min_score: float = 0.0,
        max_objects: int | None = None,
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        """Find the files of a video.

        Args:
            source: the folder, or a file; see the head of this file.
            video: name of the video, for a folder that holds several.
            frames: what its frames are called; without them they are numbers from 0.
            min_score: a detection scores above this.
            max_objects: how many of a frame's detections will be used, to tell where more are cut.
            warn: called with what the user should know.

        Raises:
            InputError: there are no files for this video, none of them belongs to a frame, or a
                file of the whole video cannot be used.
        """
        self._min_score, self._max_objects, self._warn = min_score, max_objects, warn
        self._place = _video_place(Path(source), video)
        self._frames = FrameNames(tuple(frames))
        self._files: dict[int, Path] = {}
        self._results: dict[int, list[Result]] = {}
        self._checked = False
        names = category_names(self._place, Path(source))
        if self._place.is_dir():
            self._files = self._frame_files()
        else:
            table = read_table(self._place, video)
            self._results, names = self._by_frame(table), names or table.names
        self._labels = LabelSet.from_names(names) if names else None

    @property
    def categories(self) -> tuple[str, ...]:
        """Foreground classes, in the order of the class score columns."""
        return self._labels.categories if self._labels else category_set("davis")

    def propose(self, clip: Clip, frame: int) -> Detections:
        """Return what the files say: masks at the working size, best first.

        Raises:
            InputError: a file of any frame cannot be read, or names an unknown category.
        """
        if not self._checked:
            self._check(clip.original_size)
            self._checked = True
        found = self._read(clip, clip.start + frame)
        kept = found.scores > self._min_score
        labels = found.labels[kept]
        given = [found.given[row] for row in kept.nonzero()[:, 0].tolist()] if found.given else []
        return self._label_set(labels, frame).detections(
            found.masks[kept], labels, found.scores[kept], given
        )

    def _frame_files(self) -> dict[int, Path]:
        """Return the files by the index of their frame; those of no frame are told."""
        files: dict[int, Path] = {}
        strangers = []
        for path in frame_files(self._place, SUFFIXES):
            index = self._frames.index(path.stem)
            if index is None:
                strangers.append(path.name)
            elif index in files:
                raise InputError(f"'{path}' and '{files[index].name}' are one frame's")
            else:
                files[index] = path
        self._tell(len(files), strangers)
        return files

    def _by_frame(self, table: DetectionTable) -> dict[int, list[Result]]:
        """Return the detections of a table by the index of their frame; see ``_frame_files``."""
        by_place = table.length is not None and table.length == len(self._frames.names)
        if table.length is not None and not by_place and not self._frames.holds(table.length):
            raise InputError(
                f"'{self._place}' has sequences of {table.length} frames, the video has "
                f"{len(self._frames.names)}: give the results of these frames"
            )
        results: dict[int, list[Result]] = defaultdict(list)
        strangers: dict[str, None] = {}
        for result in table.results:
            index = int(result.frame) if by_place else self._frames.index(result.frame)
            if index is None and not self._frames.names:
                raise InputError(
                    f"{result.place}: image '{result.frame}' is not a frame number: give image_id "
                    "or file_name as 0 or '00000.jpg' for the first frame"
                )
            if index is None:
                strangers[result.frame] = None
            else:
                results[index].append(result)
        self._tell(len(results), list(strangers))
        return dict(results)

    def _tell(self, matched: int, strangers: Sequence[str]) -> None:
        """Say which files belong to no frame.

        Raises:
            InputError: that is all of them.
        """
        names = self._frames.names
        if strangers and names:
            first = f"'{strangers[0]}', while frames are called '{names[0]}' to '{names[-1]}'"
            if not matched:
                raise InputError(
                    f"'{self._place}': nothing in it belongs to a frame of this video: {first}"
                )
            self._warn(
                f"{len(strangers)} of {matched + len(strangers)} frames with detections in "
                f"'{self._place}' are not in this video, the first is {first}"
            )
        if self._frames.counted:
            self._warn(
                f"the numbers in '{self._place}' count the frames from 0, for their names, "
                f"'{names[0]}' to '{names[-1]}', are not numbers"
            )

    def _check(self, size: Size) -> None:
        """Read every file, and say where more objects are found than will be used."""
        counts = {}
        for index, file in self._files.items():
            raw = _load(file)
            kept = raw.scores > self._min_score
            self._label_set(torch.from_numpy(raw.labels[kept]), index)
            counts[index] = int(kept.sum())
        for index, results in self._results.items():
            kept_results = [
                result
                for result in results
                if result.mask(size) is not None and result.score > self._min_score
            ]
            self._label_set(torch.tensor([r.label for r in kept_results]), index)
            counts[index] = len(kept_results)
        limit = self._max_objects
        over = [index for index, count in counts.items() if limit is not None and count > limit]
        if over:
            most = max(over, key=counts.__getitem__)
            self._warn(
                f"on {len(over)} frames '{self._place}' has more than {limit} objects, "
                f"{counts[most]} on frame '{self._frames.name(most)}': the best {limit} alone are "
                "followed; raise --max-objects"
            )

    def _read(self, clip: Clip, frame: int) -> _Found:
        if frame not in self._files:
            return _from_results(self._results.get(frame, []), clip)
        raw = _load(self._files[frame])
        masks = raw.masks()
        whole = masks.shape[1:] == clip.original_size
        return _Found(
            resize(torch.from_numpy(masks), clip.working_size),
            torch.from_numpy(raw.labels),
            torch.from_numpy(raw.scores),
            tuple(rle.encode(mask) for mask in masks) if whole else (),
        )

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
        given: the masks run-length encoded where they are of the video's size, O of them or none.
    """

    masks: Tensor
    labels: Tensor
    scores: Tensor
    given: tuple[rle.Rle | None, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Raw:
    """A file of a frame, read.

    Attributes:
        content: a label map (H, W), or masks (O, H, W).
        labels: int64 (O,), in a label map its values.
        scores: float32 (O,).
    """

    content: np.ndarray
    labels: np.ndarray
    scores: np.ndarray

    def masks(self) -> np.ndarray:
        """Return bool (O, H, W)."""
        if self.content.ndim == 2:
            return np.equal(self.content, self.labels[:, None, None])
        return self.content.astype(bool)


def _video_place(source: Path, video: str | None) -> Path:
    """Return the folder or the file of a video."""
    if source.is_file():
        return source
    check_regular(source)
    own = [source / video, *(source / f"{video}{s}" for s in TABLE_SUFFIXES)] if video else []
    for place in (*own, source / TABLE):
        if place.exists():
            return place
    if source.is_dir() and any(path.stem.isdecimal() for path in frame_files(source, SUFFIXES)):
        return source
    wanted = f"'{video}/00000.png' or .npz, '{video}.json' or .txt, " if video else ""
    raise InputError(
        f"'{source}' holds no detections{f' of {video!r}' if video else ''}: expected {wanted}"
        f"'00000.png' or .npz, or '{TABLE}'"
    )


def category_names(place: Path, source: Path) -> dict[int, str]:
    """Return the names of categories.json by number; nothing where there is no such file."""
    folder = place if place.is_dir() else place.parent
    for path in (folder / NAMES, source / NAMES):
        if path.is_file():
            content = load_json(path)
            for number, name in content.items():
                if not (number.isdecimal() and len(number) < 19) or not isinstance(name, str):
                    raise InputError(
                        f'\'{path}\' must map numbers to names, as {{"1": "person"}}; '
                        f"got {cut(number)}: {cut(name, 40)}"
                    )
            return {int(number): name for number, name in content.items()}
    return {}


def _load(path: Path) -> _Raw:
    """Return what a frame's file holds."""
    return _from_npz(path) if path.suffix.lower() == ARRAYS else _from_map(path)


def _from_map(path: Path) -> _Raw:
    content = read_labels(path, binary=True, deep=True)
    numbers = object_numbers(content, path)
    return _Raw(content, numbers, np.ones(len(numbers), dtype=np.float32))


def _from_npz(path: Path) -> _Raw:
    arrays = _arrays(path)
    if "masks" not in arrays:
        there = ", ".join(sorted(arrays)) or "nothing"
        raise InputError(f"'{path}' must hold masks, bool (O, H, W); it has {there}")
    masks = arrays["masks"]
    if masks.shape[:1] == (0,):  # of any type and rank: what saving an empty list gives
        return _Raw(np.zeros((0, 1, 1), dtype=bool), np.zeros(0, np.int64), np.zeros(0, np.float32))
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
    return _Raw(masks, labels.astype(np.int64), scores.astype(np.float32))


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays in an npz file by name."""
    check_regular(path)
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > MOST_BYTES:
            raise InputError(
                f"'{path}' unpacks to {unpacked / 2**20:.0f} MiB, more than the limit of "
                f"{MOST_BYTES / 2**20:.0f}: keep fewer masks in one file"
            )
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and numpy pass on whatever damage makes of it
        what = foreign_content(path)
        if what and "zip" not in what:
            raise InputError(f"'{path}' is {what}") from error
        reason = " ".join(f"{error!s:.200}".split())
        raise InputError(f"'{path}' is damaged or not an npz file: {reason}") from error


def _from_results(results: Sequence[Result], clip: Clip) -> _Found:
    masks = [torch.zeros(0, *clip.working_size, dtype=torch.bool)]
    kept = []
    given = []
    for result in results:
        mask = result.mask(clip.original_size)
        if mask is not None:
            kept.append(result)
            given.append(mask if tuple(mask["size"]) == clip.original_size else None)
            masks.append(resize(torch.from_numpy(rle.decode(mask))[None], clip.working_size))
    labels = torch.tensor([result.label for result in kept], dtype=torch.int64)
    scores = torch.tensor([result.score for result in kept])
    return _Found(torch.cat(masks), labels, scores, tuple(given))
