"""The shapes benchmark as a YouTube-VIS data set on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from propose_reduce import rle
from propose_reduce.data.shapes import SPLITS, VERSION, ShapesVideo, shapes_video
from propose_reduce.data.shapes.world import SHAPES
from propose_reduce.data.youtube_vis_writer import (
    category_entries,
    object_entry,
    video_entry,
    write_youtube_vis,
)
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.files import replacing

JPEG_QUALITY = 95  # about what video data sets come in; lower would blur edges more than we do


def export_shapes(
    folder: Path,
    split: str = "val",
    videos: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Write videos of the benchmark, all or none.

    The folder gets ``annotations.json`` and ``JPEGImages/<video>/00000.jpg``. Besides the fields of
    YouTube-VIS every annotation has ``occlusions``: per frame the share of the object inside the
    picture that something hides, null where all of it is outside.

    Args:
        folder: a folder that does not exist yet, or is empty.
        split: ``val``, ``hard`` or ``train``.
        videos: the first so many of the split; all of them by default.
        seed: of the benchmark.
        progress: called with (videos done, videos in all) after each.

    Returns:
        What is in annotations.json.

    Raises:
        InputError: an unknown split, a number of videos it does not have, or a folder in use.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"'{folder}' exists and is not empty: give a new folder")
    chosen = _chosen_videos(split, videos, seed)
    data = _header(split, seed)
    with replacing(folder) as temporary:
        for number, video in enumerate(chosen, start=1):
            _add(video, number, data, temporary / "JPEGImages")
            if progress is not None:
                progress(number, len(chosen))
        write_youtube_vis(temporary / "annotations.json", data)
    return data


def shapes_annotations(
    split: str = "val", videos: int | None = None, seed: int = 0
) -> dict[str, Any]:
    """Return what ``export_shapes`` writes to annotations.json, without writing anything.

    Raises:
        InputError: an unknown split, or a number of videos it does not have.
    """
    data = _header(split, seed)
    for number, video in enumerate(_chosen_videos(split, videos, seed), start=1):
        _add(video, number, data, None)
    return data


def video_annotations(video: ShapesVideo) -> dict[str, Any]:
    """Return the annotations of one video alone, as YouTube-VIS data; its id is 1."""
    data = _header(video.split, video.seed)
    _add(video, 1, data, None)
    return data


def _chosen_videos(split: str, videos: int | None, seed: int) -> list[ShapesVideo]:
    """Return the first videos of a split."""
    if split not in SPLITS:
        raise unknown_name("split", split, SPLITS)
    available = SPLITS[split].videos
    count = available if videos is None else videos
    if count is None or count < 1 or (available is not None and count > available):
        limit = "any number of" if available is None else f"1 to {available}"
        raise InputError(f"split '{split}' has {limit} videos: give how many, got {videos}")
    return [shapes_video(split, index, seed=seed) for index in range(count)]


def _header(split: str, seed: int) -> dict[str, Any]:
    return {
        "info": {"description": "shapes", "version": VERSION, "split": split, "seed": seed},
        "categories": category_entries(SHAPES),
        "videos": [],
        "annotations": [],
    }


def _add(video: ShapesVideo, number: int, data: dict[str, Any], images: Path | None) -> None:
    """Append a video and its annotations to ``data``; its frames go to ``images``, if given."""
    names = [f"{video.name}/{t:05d}.jpg" for t in range(len(video))]
    if images is not None:
        for t, name in enumerate(names):
            _write_frame(images / name, video.frame(t))
    data["videos"].append(video_entry(number, names, video.size))
    seen = [video.visibility(t) for t in range(len(video))]
    for place, category in enumerate(video.categories):
        masks = np.stack([frame.masks[place] for frame in seen])
        if not masks.any():
            continue  # hidden in all of the video: nobody could find it
        annotation = object_entry(
            len(data["annotations"]) + 1,
            number,
            SHAPES.index(category) + 1,
            [rle.encode(mask) if mask.any() else None for mask in masks],
            video.size,
        )
        whole = [int(frame.areas[place]) for frame in seen]
        annotation["occlusions"] = [
            round(1 - (area or 0) / full, 4) if full else None
            for area, full in zip(annotation["areas"], whole, strict=True)
        ]
        data["annotations"].append(annotation)


def _write_frame(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    # not imwrite, which takes no name beyond ASCII on Windows
    done, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise OSError(f"frame {path.name} was refused")
    path.write_bytes(content.tobytes())
