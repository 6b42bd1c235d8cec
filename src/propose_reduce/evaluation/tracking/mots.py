"""The MOTS Challenge's and KITTI MOTS's sequences for the evaluation, with ignore regions."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from propose_reduce import rle
from propose_reduce.data.faults import check_length
from propose_reduce.data.mots import (
    CATEGORIES,
    IGNORE,
    IMAGE_FOLDER,
    PEDESTRIAN,
    MotsMask,
    MotsSequence,
    challenge_sequences,
    kitti_sequences,
    mots_masks,
)
from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracking.videos import TrackedVideo, TrackedVideos
from propose_reduce.evaluation.tracks import Track
from propose_reduce.files import is_folder


def is_mots(folder: Path) -> bool:
    """Return whether a folder is laid out as a MOTS truth."""
    return bool(challenge_sequences(folder) or kitti_sequences(folder))


def load_mots(truth: Path, predictions: Path) -> TrackedVideos:
    """Return truth and predictions of MOTS Challenge or KITTI MOTS.

    Args:
        truth: ``SEQ/gt/gt.txt`` with ``SEQ/seqinfo.ini``; or ``label_02/SEQ.txt``,
            ``instances_txt/SEQ.txt``, ``instances/SEQ/000000.png``, or these without the folder,
            with a ``*seqmap*`` beside them that says how long each sequence is.
        predictions: ``SEQ.txt``, a folder of PNGs ``SEQ``, or what ``export --format mots`` fills,
            straight or below ``data``.

    Raises:
        InputError: a sequence without predictions, a line or PNG with a fault, frames beyond the
            sequence's end, masks of one frame that overlap, or an id that is on a frame twice.
    """
    sequences = challenge_sequences(truth)
    categories = {PEDESTRIAN: CATEGORIES[PEDESTRIAN]} if sequences else CATEGORIES
    sequences = sequences or kitti_sequences(truth)
    if not sequences:
        raise InputError(f"'{truth}' holds no MOTS truth: neither SEQ/gt/gt.txt nor SEQ.txt")
    if not is_folder(predictions):
        raise InputError(f"'{predictions}' is not a folder: give one with SEQ.txt per sequence")
    if (predictions / "data").is_dir():
        predictions /= "data"
    return TrackedVideos(
        categories=categories,
        videos=tuple(_video(sequence, predictions, categories) for sequence in sequences),
    )


def _video(
    sequence: MotsSequence, predictions: Path, categories: Mapping[int, str]
) -> TrackedVideo:
    truth = mots_masks(sequence.path)
    found = mots_masks(_predictions(predictions, sequence.name))
    last = sequence.last
    if last is None:
        last = max((mask.frame for mask in (*truth, *found)), default=sequence.first)
    check_length(last + 1)
    for masks in (truth, found):
        _check_masks(masks, sequence.first, last)
    return TrackedVideo(
        id=sequence.name,
        name=sequence.name,
        num_frames=last + 1,  # from 0, so that a frame's number is its place
        truths=_tracks(truth, categories, last + 1),
        predictions=_tracks(found, categories, last + 1),
        ignored=_regions(truth, last + 1),
    )


def _predictions(folder: Path, name: str) -> Path:
    """Return the text file or the folder of PNGs of one sequence."""
    inside = folder / name  # what an export to MOTS fills
    for path in (folder / f"{name}.txt", inside / f"{name}.txt", inside / IMAGE_FOLDER, inside):
        if path.is_file() or any(path.glob("*.png")):
            return path
    raise InputError(
        f"'{folder / name}.txt' is missing: every sequence needs its predictions, an empty file if "
        "there are none"
    )


def _check_masks(masks: Sequence[MotsMask], first: int, last: int) -> None:
    """Raise InputError for what TrackEval stops at too."""
    frames = defaultdict(list)
    for mask in masks:
        if not first <= mask.frame <= last:
            raise InputError(
                f"{mask.entry}: frame {mask.frame} is outside of the sequence, whose frames are "
                f"{first} to {last}"
            )
        frames[mask.frame].append(mask)
    for frame, present in frames.items():
        sizes = {tuple(mask.encoding["size"]) for mask in present}
        if len(sizes) > 1:
            raise InputError(f"{present[0].entry}: the masks of frame {frame} differ in size")
        joint = rle.area(rle.union([mask.encoding for mask in present]))
        if joint < sum(mask.area for mask in present):
            raise InputError(
                f"{present[0].entry}: masks of frame {frame} overlap, which MOTS does not allow"
            )


def _tracks(
    masks: Iterable[MotsMask], categories: Mapping[int, str], num_frames: int
) -> tuple[Track, ...]:
    """Return the tracks of the categories that count, in the order of their first masks."""
    places: dict[tuple[int, int], list[rle.Rle | None]] = {}
    entries: dict[tuple[int, int], str] = {}
    for mask in masks:
        if mask.category not in categories:
            continue
        key = mask.category, mask.id
        frames = places.setdefault(key, [None] * num_frames)
        entries.setdefault(key, mask.entry)
        if frames[mask.frame] is not None:
            raise InputError(f"{mask.entry}: id {mask.id} is on frame {mask.frame} twice")
        frames[mask.frame] = mask.encoding
    return tuple(
        Track(entry=entries[key], id=key[1], category=key[0], segmentations=tuple(frames))
        for key, frames in places.items()
    )


def _regions(truth: Iterable[MotsMask], num_frames: int) -> tuple[rle.Rle | None, ...]:
    regions: dict[int, list[rle.Rle]] = defaultdict(list)
    for mask in truth:
        if mask.category == IGNORE:
            regions[mask.frame].append(mask.encoding)
    if not regions:
        return ()
    return tuple(
        rle.union(regions[frame]) if frame in regions else None for frame in range(num_frames)
    )
