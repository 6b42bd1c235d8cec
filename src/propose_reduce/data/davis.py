"""DAVIS folders: JPEG frames, and PNG label maps whose values are the objects' numbers.

Value 0 is background, 255 void (a region that is neither right nor wrong). A grey PNG of 0 and 255
alone is a binary mask, as DAVIS 2016 has them: object 1. All objects are of the class ``instance``.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from propose_reduce import rle
from propose_reduce.data.faults import Fault, Scan, sound
from propose_reduce.data.label_maps import VOID, read_labels
from propose_reduce.data.videos import AnnotatedVideo, VideoObject, VideoSet
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.files import read_text
from propose_reduce.images import look
from propose_reduce.settings import category_set
from propose_reduce.structures import Size

FRAMES = Path("JPEGImages")
LABELS = (Path("Annotations_unsupervised"), Path("Annotations"))  # the first that exists is taken
RESOLUTIONS = ("480p", "Full-Resolution", ".")  # likewise; the last: no such level of folders
YEARS = ("2017", "2019", "2016")  # of the lists of videos, likewise


def read_davis(root: Path, split: str | None = None) -> VideoSet:
    """Return the videos of a DAVIS folder; every label map is read.

    Args:
        root: holds JPEGImages and Annotations_unsupervised or Annotations, with one folder per
            video, straight or below ``480p``.
        split: the name of a list in ImageSets, as ``train`` or ``val``; None: every video.

    Raises:
        InputError: a folder or list is missing, or a label map has a fault; pictures are not
            looked at yet, except for the first of each video, which gives its size.
    """
    return sound(scan_davis(root, split))


def scan_davis(root: Path, split: str | None = None) -> Scan:
    """Return what can be read of a DAVIS folder, with all faults of its label maps.

    Raises:
        InputError: a folder or list is missing.
    """
    labels = _existing(root, LABELS)
    images = _existing(root, (FRAMES,))
    known = sorted(path.name for path in labels.iterdir() if path.is_dir())
    names = known if split is None else _listed(root, split)
    faults: list[Fault] = []
    videos = []
    for number, name in enumerate(names, start=1):
        if name not in known:
            raise unknown_name(f"video in '{labels}':", name, known)
        try:
            videos.append(_davis_video(number, images / name, labels / name, faults))
        except InputError as error:
            faults.append(Fault(name, str(error)))
    return Scan(VideoSet(str(root), category_set("davis"), tuple(videos)), faults)


def first_pictures(root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the first picture of each video with its label map, where both are there."""
    try:
        labels, images = _existing(root, LABELS), _existing(root, (FRAMES,))
    except InputError:
        return
    for folder in sorted(labels.iterdir()):
        first = next(iter(sorted(folder.glob("*.png"))), None)
        pictures = [] if first is None else sorted((images / folder.name).glob(f"{first.stem}.*"))
        if first is not None and pictures:
            yield pictures[0], first


def _existing(root: Path, choices: Sequence[Path]) -> Path:
    """Return the first folder that exists, with its level of resolution if there is one."""
    for choice in choices:
        if (root / choice).is_dir():
            return next(
                root / choice / level for level in RESOLUTIONS if (root / choice / level).is_dir()
            )
    expected = " or ".join(str(choice) for choice in choices)
    raise InputError(f"'{root}' has no folder {expected}: give a DAVIS root, or a json file")


def _listed(root: Path, split: str) -> list[str]:
    for year in YEARS:
        file = root / "ImageSets" / year / f"{split}.txt"
        if file.is_file():
            return read_text(file).split()
    lists = {path.stem for path in root.glob("ImageSets/*/*.txt")}
    raise unknown_name("split", split, lists)


def _davis_video(number: int, images: Path, labels: Path, faults: list[Fault]) -> AnnotatedVideo:
    frames = tuple(sorted([*images.glob("*.jpg"), *images.glob("*.jpeg"), *images.glob("*.png")]))
    if not frames:
        raise InputError(f"'{images}' holds no frames")
    size = _size(frames[0], labels)
    maps: dict[int, np.ndarray] = {}
    for t, frame in enumerate(frames):
        path = labels / f"{frame.stem}.png"
        if path.is_file():
            try:
                maps[t] = _sized_labels(path, size)
            except InputError as error:
                faults.append(Fault(images.name, str(error)))
    for path in sorted(set(labels.glob("*.png")) - {labels / f"{f.stem}.png" for f in frames}):
        faults.append(Fault(images.name, f"'{path}' has no frame in '{images}'"))
    numbers = sorted({int(value) for found in maps.values() for value in np.unique(found)} - {0})
    objects = tuple(_davis_object(value, maps, len(frames)) for value in numbers)
    return AnnotatedVideo(number, images.name, size, frames, tuple(sorted(maps)), objects)


def _size(frame: Path, labels: Path) -> Size:
    """Return the size that the label maps of a video have to have, from its first frame.

    Its pixels count as stored where the EXIF tag turns them and the first label map is not turned.
    """
    facts = look(frame, decode=False)
    first = min(labels.glob("*.png"), default=None)
    try:
        drawn = facts.size if first is None else look(first, decode=False).size
    except InputError:  # told when it is read
        return facts.size
    return facts.stored if facts.keeps_stored(drawn) else facts.size


def _sized_labels(path: Path, size: Size) -> np.ndarray:
    labels = read_labels(path, binary=True)
    if labels.shape != size:
        got, expected = (f"{side[1]}x{side[0]}" for side in (labels.shape, size))
        raise InputError(f"'{path}' is {got} pixels, its video {expected}")
    return labels


def _davis_object(value: int, maps: dict[int, np.ndarray], length: int) -> VideoObject:
    masks: list[rle.Rle | None] = [None] * length
    for t, labels in maps.items():
        mask = labels == value
        masks[t] = rle.encode(mask) if mask.any() else None
    return VideoObject(id=value, category=0, crowd=value == VOID, segmentations=tuple(masks))
