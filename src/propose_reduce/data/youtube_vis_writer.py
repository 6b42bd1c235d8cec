"""Writing the YouTube-VIS form: annotations, and predictions (docs/data.md, docs/formats.md)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from propose_reduce import rle
from propose_reduce.files import write_text
from propose_reduce.structures import Size


def video_entry(number: int, file_names: Sequence[str], size: Size) -> dict[str, Any]:
    """Return an entry of ``videos``; ``size`` is (height, width)."""
    return {
        "id": number,
        "file_names": list(file_names),
        "height": size[0],
        "width": size[1],
        "length": len(file_names),
    }


def category_entries(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return ``categories`` with ids from 1."""
    return [{"id": number, "name": name} for number, name in enumerate(names, start=1)]


def object_entry(
    number: int,
    video_id: int,
    category_id: int,
    segmentations: Sequence[rle.Rle | None],
    size: Size,
    *,
    crowd: bool = False,
) -> dict[str, Any]:
    """Return an entry of ``annotations``, with the areas and boxes of its masks.

    Args:
        number: its id.
        video_id: the video's.
        category_id: the category's.
        segmentations: one sound mask per frame, None where the object is absent.
        size: (height, width) of the video.
        crowd: a region that is neither right nor wrong.
    """
    return {
        "id": number,
        "video_id": video_id,
        "category_id": category_id,
        "height": size[0],
        "width": size[1],
        "length": len(segmentations),
        "iscrowd": int(crowd),
        "segmentations": list(segmentations),
        "bboxes": [rle.box(mask) if mask else None for mask in segmentations],
        "areas": [rle.area(mask) if mask else None for mask in segmentations],
    }


def prediction_entry(
    video_id: int, category_id: Any, score: float, segmentations: Sequence[rle.Rle | None]
) -> dict[str, Any]:
    """Return a prediction: one object with one score, and a mask or None per frame."""
    return {
        "video_id": video_id,
        "category_id": category_id,
        "score": score,
        "segmentations": list(segmentations),
    }


def write_youtube_vis(path: Path, content: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Write annotations, or a list of predictions, whole or not at all."""
    write_text(path, json.dumps(content, allow_nan=False))
