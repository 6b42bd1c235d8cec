"""Plain forms for one's own programs: PNG masks, NumPy archives, a table as CSV."""

import csv
from collections.abc import Sequence
from itertools import chain
from pathlib import Path, PurePath
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from PIL import Image

from propose_reduce import rle
from propose_reduce.files import replacing
from propose_reduce.results.sequences import VideoSequences


def write_png(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write ``ID/FRAME.png`` for each sequence and frame into a folder: 255 inside, 0 outside."""
    with replacing(path) as temporary:
        temporary.mkdir()
        for sequence in result.sequences:
            folder = temporary / str(sequence.id)
            folder.mkdir()
            for frame, mask in zip(frames, sequence.segmentations, strict=True):
                inside = np.zeros(result.size, bool) if mask is None else rle.decode(mask)
                image = Image.fromarray(inside.astype(np.uint8) * 255)
                image.save(folder / f"{PurePath(frame).stem}.png")


def write_npz(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write a compressed NumPy archive that loads without pickle.

    ``ids`` int64 (N,), ``scores`` float64 (N,), ``categories`` text (N,), ``key_frames`` int64
    (N,), ``frame_scores`` float64 (N, T) with NaN for none, and for each sequence ``masks_ID``,
    bool (T, H, W).
    """
    sequences = result.sequences
    scores = [[np.nan if s is None else s for s in one.frame_scores] for one in sequences]
    arrays = {
        "ids": np.array([s.id for s in sequences], dtype=np.int64),
        "scores": np.array([s.score for s in sequences], dtype=np.float64),
        "categories": np.array([s.category for s in sequences], dtype=np.str_),
        "key_frames": np.array([s.key_frame for s in sequences], dtype=np.int64),
        "frame_scores": np.array(scores, dtype=np.float64).reshape(-1, result.num_frames),
    }
    masks = ((f"masks_{s.id}", s.masks) for s in sequences)  # one in memory at a time
    with replacing(path) as temporary, ZipFile(temporary, "w", ZIP_DEFLATED) as archive:
        for name, array in chain(arrays.items(), masks):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)


COLUMNS = (
    "video", "frame", "file", "time", "id", "category", "score", "frame_score",
    "x", "y", "width", "height", "area", "counts",
)  # fmt: skip
"""One row for each frame on which a sequence is present; times in seconds, boxes in pixels."""


def write_csv(result: VideoSequences, path: Path, frames: Sequence[str]) -> None:
    """Write a table with the columns ``COLUMNS``; ``counts`` are COCO's compressed run lengths."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for sequence in result.sequences:
            for t, mask in enumerate(sequence.segmentations):
                if mask is None:
                    continue
                time = result.timestamps[t] if result.timestamps else t / (result.fps or np.nan)
                writer.writerow(
                    [
                        *(result.name, t, frames[t], "" if np.isnan(time) else f"{time:.6f}"),
                        *(sequence.id, sequence.category, sequence.score),
                        *(sequence.frame_scores[t], *rle.box(mask), rle.area(mask)),
                        mask["counts"],
                    ]
                )
