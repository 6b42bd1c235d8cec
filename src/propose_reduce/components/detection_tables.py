"""Detections of a whole video in one file: COCO results, YouTube-VIS results and MOTS text."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from propose_reduce import rle
from propose_reduce.data.faults import Fault, Record, categories_by_id, entries
from propose_reduce.data.label_maps import MOTS_IGNORED
from propose_reduce.data.segmentations import read_segmentations
from propose_reduce.errors import InputError, cut
from propose_reduce.files import read_json, read_text
from propose_reduce.structures import Size

MOTS_CLASSES = {1: "car", 2: "person"}
"""What the class numbers of MOTS and KITTI-MOTS stand for; another number names itself."""

LARGEST_ID = 2**31
"""Of a category, so that a tensor holds it."""

FRAME_FOLDERS = {"JPEGImages", "img1", "images", "frames", "rgb"}
"""Folders of frames that are called after what is in them; the one above has the video's name."""


@dataclass(frozen=True, slots=True)
class Result:
    """One detection.

    Attributes:
        frame: its frame's name, without a suffix, or its number.
        label: its category's number.
        score: how sure it is, in [0, 1].
        segmentation: run lengths or polygons.
        place: in the file, for messages.
    """

    frame: str
    label: int
    score: float
    segmentation: Any
    place: str

    def mask(self, size: Size) -> rle.Rle | None:
        """Return the mask, None for an empty one.

        Args:
            size: (height, width) of polygons; run lengths state their own.

        Raises:
            InputError: it is neither of them, or damaged.
        """
        try:
            (mask,) = read_segmentations([self.segmentation], self._stated_size() or size)
        except InputError as error:
            mask = error
        if isinstance(mask, InputError):
            raise InputError(f"{self.place}: segmentation of frame {self.frame}: {mask}")
        return mask

    def _stated_size(self) -> Size | None:
        segmentation = self.segmentation
        size = segmentation.get("size") if isinstance(segmentation, dict) else None
        if isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) for n in size):
            rle.check_mask_size(*size)
            return size[0], size[1]
        return None


@dataclass(frozen=True, slots=True, eq=False)
class DetectionTable:
    """The detections of one video.

    Attributes:
        results: all of them.
        names: of the categories, by number; empty where the file has none.
        length: frames that it speaks of, where they are known by their place alone.
    """

    results: list[Result]
    names: dict[int, str] = field(default_factory=dict)
    length: int | None = None


class _Detection(Record):
    """A detection on one image, in COCO's form."""

    image_id: int | str | None = None
    file_name: str | None = None
    category_id: int = Field(1, ge=0, le=LARGEST_ID)
    score: float = Field(1.0, ge=0, le=1)
    segmentation: Any


class _ImageEntry(Record):
    id: int | str
    file_name: str


class _Sequence(Record):
    """A sequence of masks, in YouTube-VIS' form."""

    video_id: int | str
    category_id: int = Field(1, ge=0, le=LARGEST_ID)
    score: float = Field(1.0, ge=0, le=1)
    segmentations: list[Any]


class _VideoEntry(Record):
    id: int | str
    name: str | None = None
    file_names: list[str] = Field(default_factory=list)

    @property
    def called(self) -> str:
        """Return its name: what it says, or the folder of its frames."""
        folders = PurePosixPath(self.file_names[0]).parts[:-1] if self.file_names else ()
        named = [folder for folder in folders if folder not in FRAME_FOLDERS]
        return self.name or (named[-1] if named else "")


def read_table(path: Path, video: str | None) -> DetectionTable:
    """Return what a file says about one video, or about the only one.

    Args:
        path: ``.txt`` for MOTS text; else JSON.
        video: its name.

    Raises:
        InputError: the file cannot be read, or has a fault; the message gives the place.
    """
    if path.suffix.lower() == ".txt":
        return DetectionTable(list(_mots(path)), MOTS_CLASSES)
    content = read_json(path)
    data = content if isinstance(content, dict) else {"annotations": content}
    found = data.get("annotations")
    is_sequences = isinstance(found, list) and found and _is_sequence(found[0])
    return (
        _sequence_detections(path, data, video) if is_sequences else _detections(path, data, video)
    )


def _is_sequence(entry: Any) -> bool:
    return isinstance(entry, dict) and "segmentations" in entry


def _detections(path: Path, data: Mapping[str, Any], video: str | None) -> DetectionTable:
    """Return the detections of COCO results or annotations."""
    faults: list[Fault] = []
    found = entries(_Detection, dict(data), "annotations", faults)
    images = entries(_ImageEntry, dict(data), "images", faults) if "images" in data else []
    names = categories_by_id(dict(data), faults) if "categories" in data else {}
    _raise(path, faults)
    files = {image.id: image.file_name for _, image in images}
    results = []
    for place, entry in found:
        image = "" if entry.image_id is None else files.get(entry.image_id, "")
        name = PurePosixPath((entry.file_name or image).replace("\\", "/"))
        if video and name.parent.name not in {"", video, *FRAME_FOLDERS}:
            continue
        frame = name.stem if name.stem else str(entry.image_id)
        where = f"'{path}', {place.at()}"
        results.append(Result(frame, entry.category_id, entry.score, entry.segmentation, where))
    return DetectionTable(results, names)


def _sequence_detections(path: Path, data: Mapping[str, Any], video: str | None) -> DetectionTable:
    """Return the masks of YouTube-VIS results or annotations as detections."""
    faults: list[Fault] = []
    found = entries(_Sequence, dict(data), "annotations", faults)
    videos = entries(_VideoEntry, dict(data), "videos", faults) if "videos" in data else []
    names = categories_by_id(dict(data), faults) if "categories" in data else {}
    _raise(path, faults)
    known = {entry.id: entry for _, entry in videos}
    wanted = {number for number, entry in known.items() if entry.called == video}
    ids = {entry.video_id for _, entry in found}
    if not wanted and len(ids) > 1:
        raise InputError(
            f"'{path}' holds several videos and none of them is called '{video}': give a file for "
            "each, or one with 'videos' as the annotations have them"
        )
    chosen = [(place, entry) for place, entry in found if not wanted or entry.video_id in wanted]
    lengths = {len(entry.segmentations) for _, entry in chosen}
    if len(lengths) > 1:
        raise InputError(
            f"'{path}': sequences of {min(lengths)} and of {max(lengths)} frames in one video"
        )
    length = next(iter(lengths), None)
    described = known[next(iter(wanted))].file_names if wanted else []
    if described and length is not None and len(described) != length:
        raise InputError(
            f"'{path}': video '{video}' has {len(described)} file names, its sequences {length} "
            "frames"
        )
    stems = [PurePosixPath(name.replace("\\", "/")).stem for name in described]
    results = [
        Result(
            stems[t] if stems else str(t),
            entry.category_id,
            entry.score,
            segmentation,
            f"'{path}', {place.at('segmentations')}[{t}]",
        )
        for place, entry in chosen
        for t, segmentation in enumerate(entry.segmentations)
        if segmentation is not None
    ]
    return DetectionTable(results, names, None if stems else length)


def _mots(path: Path) -> Iterator[Result]:
    """Yield the detections of MOTS text: ``frame id class height width counts``."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        fields: Sequence[str] = line.split()
        if not fields:
            continue
        if len(fields) != 6 or not all(part.isdecimal() and len(part) < 10 for part in fields[:5]):
            raise InputError(
                f"'{path}', line {number}: must read 'frame id class height width counts', "
                f"got {cut(line, 60)}"
            )
        label = int(fields[2])
        if label != MOTS_IGNORED:
            size = [int(fields[3]), int(fields[4])]
            mask = {"size": size, "counts": fields[5]}
            yield Result(fields[0], label, 1.0, mask, f"'{path}', line {number}")


def _raise(path: Path, faults: Sequence[Fault]) -> None:
    if faults:
        raise InputError(f"'{path}': {faults[0]}")
