"""Label maps, YouTube-VOS, MOTS and KITTI-MOTS: formats whose masks are pixels."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from propose_reduce import rle
from propose_reduce.data.faults import Record, check_length, load_json
from propose_reduce.data.imports.videos import (
    ForeignObject,
    ForeignVideo,
    Reading,
    TrackMasks,
    checked,
    objects_of,
)
from propose_reduce.data.label_maps import frame_files, object_numbers, read_labels
from propose_reduce.data.mots import (
    CATEGORIES,
    IGNORE,
    MotsSequence,
    challenge_sequences,
    kitti_sequences,
    mots_masks,
)
from propose_reduce.errors import InputError
from propose_reduce.files import natural_order, read_text

ROOTS = ("Annotations_unsupervised", "Annotations")
"""Folders of label maps in a root of DAVIS or YouTube-VOS."""

LEVELS = ("480p", "Full-Resolution", ".")

META = "meta.json"
"""What YouTube-VOS says of its objects."""


def read_label_maps(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield one video for each folder of label maps: the folder itself, or those in it.

    A map belongs to the frame of its name. Its values are the objects; 0 is background, 255 void in
    maps of 8 bits, or object 1 where 0 and 255 are all.

    Raises:
        InputError: no map there, one that cannot be read, or maps of two sizes.
    """
    for folder in _map_folders(reading.path):
        size, frames, masks = _read_maps(folder)
        tracks = {number: TrackMasks(reading.category, parts=parts) for number, parts in masks}
        yield ForeignVideo(folder.resolve().name, size, frames, objects_of(tracks))


class _VosObject(Record):
    category: str


class _VosVideo(Record):
    objects: dict[str, _VosObject]


class _VosMeta(Record):
    videos: dict[str, _VosVideo]


def read_youtube_vos(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield the videos of a YouTube-VOS folder, which holds ``meta.json`` and ``Annotations``.

    Raises:
        InputError: one of the two is missing, or a map or the list of objects has a fault.
    """
    root = reading.path if reading.path.is_dir() else reading.path.parent
    meta = checked(_VosMeta, load_json(root / META), f"'{root / META}'")
    folders = {folder.name: folder for folder in _map_folders(root)}
    for name, video in meta.videos.items():
        if name not in folders:
            raise InputError(f"'{root / META}' lists the video '{name}', which has no label maps")
        size, frames, masks = _read_maps(folders[name])
        tracks = {}
        for number, parts in masks:
            if str(number) not in video.objects:
                raise InputError(
                    f"'{root / META}' has no object {number} of the video '{name}', its maps do"
                )
            tracks[number] = TrackMasks(video.objects[str(number)].category, parts=parts)
        yield ForeignVideo(name, size, frames, objects_of(tracks))


def _map_folders(path: Path) -> list[Path]:
    """Return the folders of label maps below a root."""
    if path.is_file():
        raise InputError(f"'{path}' is a file: label maps are given by their folder")
    root = next((path / name / level for name in ROOTS for level in LEVELS
                 if (path / name / level).is_dir()), path)  # fmt: skip
    if frame_files(root):
        return [root]
    folders = [folder for folder in sorted(root.iterdir(), key=natural_order) if folder.is_dir()]
    found = [folder for folder in folders if frame_files(folder)]
    if not found:
        raise InputError(f"'{path}' has no label maps (.png .tif), and no folders of them")
    return found


def _read_maps(
    folder: Path,
) -> tuple[tuple[int, int], tuple[str, ...], list[tuple[int, dict[int, list[rle.Rle]]]]]:
    """Return the size, the files, and by object its masks by frame."""
    files = sorted(frame_files(folder), key=natural_order)
    size: tuple[int, ...] = read_labels(files[0], binary=True, deep=True).shape
    masks: dict[int, dict[int, list[rle.Rle]]] = defaultdict(dict)
    for t, file in enumerate(files):
        labels = read_labels(file, binary=True, deep=True)
        if labels.shape != size:
            raise InputError(f"'{file}' has another size than the maps before it")
        for number in object_numbers(labels, file).tolist():
            masks[number][t] = [rle.encode(labels == number)]
    return (size[0], size[1]), tuple(file.stem for file in files), sorted(masks.items())


def read_mots(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield the sequences of MOTS Challenge (``SEQ/gt``), or of files that count frames from 1.

    Raises:
        InputError: no sequence there, or one with a fault.
    """
    yield from _mots(reading, first=1)


def read_kitti_mots(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield the sequences of KITTI MOTS, whose frames count from 0.

    Raises:
        InputError: no sequence there, or one with a fault.
    """
    yield from _mots(reading, first=0)


def _mots(reading: Reading, first: int) -> Iterator[ForeignVideo]:
    path = reading.path
    if path.is_file():
        found = [MotsSequence(path.stem, path)]
    else:
        found = (challenge_sequences(path) if first else []) or kitti_sequences(path)
        if not found:  # a folder for each sequence, as 'export' writes them
            folders = [folder for folder in sorted(path.iterdir()) if folder.is_dir()]
            found = [one for folder in folders for one in kitti_sequences(folder)]
    if not found:
        raise InputError(f"'{path}' has no MOTS sequence: neither SEQ/gt/gt.txt nor SEQ.txt")
    for sequence in found:
        yield _mots_video(sequence, first, reading)


def _mots_video(sequence: MotsSequence, first: int, reading: Reading) -> ForeignVideo:
    masks = mots_masks(sequence.path)
    sizes = {tuple(mask.encoding["size"]) for mask in masks}
    if len(sizes) > 1:
        raise InputError(f"'{sequence.path}': masks of several sizes")
    height, width = sizes.pop() if sizes else (None, None)
    last = max((mask.frame for mask in masks), default=first)
    if min((mask.frame for mask in masks), default=first) < first:
        raise InputError(f"'{sequence.path}': frames of this format count from {first}")
    frames = max(last, sequence.last or 0) - first + 1
    check_length(frames)
    names = _class_names(sequence.path)
    tracks: dict[int | str, TrackMasks] = {}
    ignored = TrackMasks("", crowd=True)
    for mask in masks:
        track = ignored
        if mask.category != IGNORE:
            name = names.get(mask.category, f"class {mask.category}")
            track = tracks.setdefault(mask.id, TrackMasks(name))
        if mask.area:
            track.add(mask.frame - first, mask.encoding)
    regions = [
        ForeignObject("ignored", name, ignored.whole("").masks, crowd=True)
        for name in dict.fromkeys(track.category for track in tracks.values())
        if ignored.parts
    ]
    size = None if height is None or width is None else (height, width)
    numbers = tuple(str(t) for t in range(frames))
    return ForeignVideo(sequence.name, size, numbers, (*objects_of(tracks), *regions))


def _class_names(path: Path) -> Mapping[int, str]:
    """Return names by class number: of a file of labels near the masks, or the benchmark's."""
    folder = path if path.is_dir() else path.parent
    for file in (folder / "labels.txt", folder / "instances" / "labels.txt"):
        if file.is_file():
            return dict(enumerate(read_text(file).splitlines(), start=1))
    return CATEGORIES
