"""MOTS and KITTI-MOTS (masks as text and 16-bit PNG) and MOTChallenge (boxes as text).

Where masks overlap the better-scoring sequence has the pixel: in these formats a pixel belongs to
one object at most.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.files import replacing
from propose_reduce.results.exports.tools import one_line
from propose_reduce.results.sequences import VideoSequences
from propose_reduce.structures import InstanceSequence

PER_CLASS = 1000
"""An object's number in these formats is class x 1000 + instance."""

CLASSES = {"car": 1, "pedestrian": 2, "person": 2}
"""The classes that the benchmarks judge, by their numbers there (10 is their ignore region)."""

FIRST_OTHER = 11


def class_numbers(result: VideoSequences) -> dict[str, int]:
    """Return the number of each category that a sequence has: the benchmarks', or from 11 on."""
    numbers: dict[str, int] = {}
    for sequence in sorted(result.sequences, key=lambda s: s.id):
        if sequence.category not in numbers:
            others = sum(number >= FIRST_OTHER for number in numbers.values())
            numbers[sequence.category] = CLASSES.get(sequence.category, FIRST_OTHER + others)
    return numbers


def write_mots(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write MOTSChallenge files: frames from 1; see ``_write``."""
    _write(result, path, first_frame=1)


def write_kitti_mots(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write KITTI-MOTS files: frames from 0; see ``_write``."""
    _write(result, path, first_frame=0)


def _write(result: VideoSequences, path: Path, first_frame: int) -> None:
    """Write ``NAME.txt``, ``instances/000000.png`` and ``instances/labels.txt`` into a folder.

    A line reads ``frame id class height width counts``. A 16-bit PNG holds class x 1000 +
    instance. The labels file has one line for each class number.

    Raises:
        InputError: more classes or objects than the numbers of the format can tell apart.
    """
    classes = class_numbers(result)
    numbers = _object_numbers(result, classes)
    with replacing(path) as temporary:
        images = temporary / "instances"
        images.mkdir(parents=True)
        lines = []
        for t, labels in enumerate(_label_maps(result, numbers)):
            frame = first_frame + t
            Image.fromarray(labels).save(images / f"{frame:06d}.png")
            for number in sorted(set(np.unique(labels).tolist()) - {0}):
                mask = rle.encode(labels == number)
                height, width = mask["size"]
                kind = number // PER_CLASS
                lines.append(f"{frame} {number} {kind} {height} {width} {mask['counts']}\n")
        (temporary / f"{path.name}.txt").write_text("".join(lines), encoding="utf-8")
        names = {1: "car", 2: "pedestrian", 10: "ignored"}
        names |= {number: one_line(name) for name, number in classes.items() if number > 10}
        listed = [names.get(number, f"unused {number}") for number in range(1, max(names) + 1)]
        (images / "labels.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")


def _object_numbers(result: VideoSequences, classes: dict[str, int]) -> dict[int, int]:
    """Return class x 1000 + instance by sequence id; instances count from 1 inside a class."""
    if max(classes.values(), default=0) * PER_CLASS + PER_CLASS > 2**16:
        raise InputError(
            f"{len(classes)} categories are more than MOTS can number: choose some with --classes"
        )
    numbers: dict[int, int] = {}
    for sequence in sorted(result.sequences, key=lambda s: s.id):
        kind = classes[sequence.category]
        instance = 1 + sum(number // PER_CLASS == kind for number in numbers.values())
        if instance == PER_CLASS:
            raise InputError(f"more than {PER_CLASS - 1} objects of '{sequence.category}'")
        numbers[sequence.id] = kind * PER_CLASS + instance
    return numbers


def _label_maps(result: VideoSequences, numbers: dict[int, int]) -> Iterator[np.ndarray]:
    """Yield T maps, uint16 (H, W), of object numbers; 0 where there is none."""
    ranked = sorted(result.sequences, key=lambda s: s.score)  # the best is drawn last
    for t in range(result.num_frames):
        labels = np.zeros(result.size, dtype=np.uint16)
        for sequence in ranked:
            mask = sequence.segmentations[t]
            if mask is not None:
                labels[rle.decode(mask)] = numbers[sequence.id]
        yield labels


def write_mot(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write MOTChallenge boxes: ``gt/gt.txt``, ``gt/labels.txt`` and ``seqinfo.ini`` in a folder.

    A line reads ``frame,id,x,y,width,height,1,class,1``: frames and classes count from 1, x and y
    are the box's left upper corner in pixels from 0.
    """
    height, width = result.size
    names = list(dict.fromkeys(s.category for s in sorted(result.sequences, key=lambda s: s.id)))
    with replacing(path) as temporary:
        folder = temporary / "gt"
        folder.mkdir(parents=True)
        lines = [
            f"{t + 1},{s.id},{x:g},{y:g},{w:g},{h:g},1,{names.index(s.category) + 1},1\n"
            for t in range(result.num_frames)
            for s, (x, y, w, h) in _boxes(result, t)
        ]
        (folder / "gt.txt").write_text("".join(lines), encoding="utf-8")
        labels = "".join(f"{one_line(name)}\n" for name in names)
        (folder / "labels.txt").write_text(labels, encoding="utf-8")
        (temporary / "seqinfo.ini").write_text(
            f"[Sequence]\nname={one_line(result.name)}\nimDir=img1\nframeRate={result.fps or 0:g}\n"
            f"seqLength={result.num_frames}\nimWidth={width}\nimHeight={height}\nimExt=.jpg\n",
            encoding="utf-8",
        )


def _boxes(result: VideoSequences, t: int) -> Iterator[tuple[InstanceSequence, list[float]]]:
    for sequence in sorted(result.sequences, key=lambda s: s.id):
        mask = sequence.segmentations[t]
        if mask is not None:
            yield sequence, rle.box(mask)
