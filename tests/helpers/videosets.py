"""Small annotated videos for tests: rectangles on flat frames, written as real files."""

import json

import cv2
import numpy as np

from propose_reduce import rle
from propose_reduce.data.videos import AnnotatedVideo, VideoObject, VideoSet

SIZE = (24, 40)


def rectangle(left, top, right, bottom, size=SIZE):
    """Return a bool mask with exclusive right and bottom."""
    mask = np.zeros(size, dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


def write_frames(folder, count, size=SIZE):
    """Write grey JPEG frames 00000.jpg, .. each a little brighter, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{t:05d}.jpg" for t in range(count)]
    for t, path in enumerate(paths):
        cv2.imwrite(str(path), np.full((*size, 3), 40 + 5 * t, dtype=np.uint8))
    return paths


def video_set(folder, objects, categories=("cat", "dog"), crowd=()):
    """Return a set of one video.

    Args:
        folder: where its frames are written.
        objects: (category index, masks per frame or None) each; ids from 1.
        categories: their names.
        crowd: ids of objects that are crowds.
    """
    length = len(objects[0][1])
    frames = tuple(write_frames(folder, length))
    told = tuple(
        VideoObject(
            number,
            category,
            number in crowd,
            tuple(None if mask is None else rle.encode(mask) for mask in masks),
        )
        for number, (category, masks) in enumerate(objects, start=1)
    )
    video = AnnotatedVideo(1, "clip", SIZE, frames, tuple(range(length)), told)
    return VideoSet("test", categories, (video,))


def youtube_vis_data(length=3):
    """Return a right file's content: video "a" with a cat that moves and a dog that goes."""
    cat = [rectangle(2 + 3 * t, 3, 12 + 3 * t, 15) for t in range(length)]
    dog = [rectangle(20, 10, 30, 20), *[None] * (length - 1)]

    def annotation(number, category, masks):
        runs = [None if mask is None else rle.encode(mask) for mask in masks]
        return {
            "id": number,
            "video_id": 7,
            "category_id": category,
            "iscrowd": 0,
            "height": SIZE[0],
            "width": SIZE[1],
            "length": length,
            "segmentations": runs,
            "bboxes": [run and rle.box(run) for run in runs],
            "areas": [run and rle.area(run) for run in runs],
        }

    return {
        "videos": [
            {
                "id": 7,
                "file_names": [f"a/{t:05d}.jpg" for t in range(length)],
                "height": SIZE[0],
                "width": SIZE[1],
                "length": length,
            }
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 9, "name": "dog"}],
        "annotations": [annotation(1, 3, cat), annotation(2, 9, dog)],
    }


def write_youtube_vis(folder, data=None):
    """Write the file and its frames; return (annotations.json, image folder)."""
    data = youtube_vis_data() if data is None else data
    write_frames(folder / "JPEGImages" / "a", 3)
    file = folder / "annotations.json"
    file.write_text(json.dumps(data))
    return file, folder / "JPEGImages"
