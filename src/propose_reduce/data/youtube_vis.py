"""YouTube-VIS annotation files: YouTube-VIS 2019, 2021 and 2022, OVIS, and one's own data.

The format: ``videos`` with their ``file_names``, ``categories``, and ``annotations`` with one
segmentation per frame, null where the object is absent (docs/data.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from propose_reduce import rle
from propose_reduce.data.faults import (
    Fault,
    Placed,
    Record,
    Scan,
    categories_by_id,
    entries,
    file_fault,
    load_json,
    sound,
    unique,
)
from propose_reduce.data.segmentations import box_fault, read_segmentations
from propose_reduce.data.videos import AnnotatedVideo, VideoObject, VideoSet
from propose_reduce.errors import InputError


class _Video(Record):
    id: int
    file_names: list[str] = Field(min_length=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    length: int | None = None


class _Annotation(Record):
    id: int
    video_id: int
    category_id: int
    iscrowd: bool = False
    height: int | None = None
    width: int | None = None
    length: int | None = None
    segmentations: list[Any]
    bboxes: list[list[float] | None] | None = None
    areas: list[float | None] | None = None
    occlusions: list[float | None] | None = None


def read_youtube_vis(path: Path, images: Path) -> VideoSet:
    """Return the data set of an annotation file; categories in the order of their ids.

    Args:
        path: the JSON file. One without ``annotations`` (a public validation set) has no objects.
        images: the folder that ``file_names`` start from.

    Raises:
        InputError: the file cannot be read or has a fault; image files are not looked at yet.
    """
    return sound(scan_youtube_vis(path, images))


def scan_youtube_vis(path: Path, images: Path) -> Scan:
    """Return what can be read of an annotation file, with all its faults.

    Raises:
        InputError: the file is no JSON object at all.
    """
    data, faults = load_json(path), list[Fault]()
    categories = categories_by_id(data, faults)
    videos = unique(entries(_Video, data, "videos", faults), faults)
    refused = set()
    for place, video in videos.values():
        names = [
            fault
            for t, name in enumerate(video.file_names)
            if (fault := file_fault(place.at(f"file_names[{t}]"), name))
        ]
        refused |= {video.id} if names else set()
        faults += _video_faults(place, video) + names
    objects: dict[int, list[VideoObject]] = {number: [] for number in videos}
    found = (
        entries(_Annotation, data, "annotations", faults)
        if data.get("annotations") is not None
        else []
    )
    for place, annotation in unique(found, faults).values():
        faults += _reference_faults(place, annotation, videos, categories)
        if annotation.video_id in videos and annotation.category_id in categories:
            video = videos[annotation.video_id][1]
            category = list(categories).index(annotation.category_id)
            objects[video.id].append(_object(place, annotation, video, category, faults))
    told = [
        _told(video, images, objects[video.id])
        for _, video in videos.values()
        if video.id not in refused
    ]
    return Scan(VideoSet(str(path), tuple(categories.values()), tuple(told)), faults)


def _told(video: _Video, images: Path, objects: Sequence[VideoObject]) -> AnnotatedVideo:
    return AnnotatedVideo(
        id=video.id,
        name=PurePosixPath(video.file_names[0]).parent.as_posix(),
        size=(video.height, video.width),
        frames=tuple(images / name for name in video.file_names),
        annotated=tuple(range(len(video.file_names))),
        objects=tuple(objects),
    )


def _video_faults(place: Placed, video: _Video) -> list[Fault]:
    faults = []
    if video.length is not None and video.length != len(video.file_names):
        text = f"{video.length}, but there are {len(video.file_names)} file_names"
        faults.append(Fault(place.at("length"), text))
    return faults


def _reference_faults(
    place: Placed,
    annotation: _Annotation,
    videos: dict[int, tuple[Placed, _Video]],
    categories: dict[int, str],
) -> list[Fault]:
    faults = []
    if annotation.category_id not in categories:
        known = ", ".join(str(number) for number in list(categories)[:10])
        text = f"unknown category {annotation.category_id}, known: {known}"
        faults.append(Fault(place.at("category_id"), text))
    if annotation.video_id not in videos:
        faults.append(Fault(place.at("video_id"), f"unknown video {annotation.video_id}"))
        return faults
    video = videos[annotation.video_id][1]
    frames = len(video.file_names)
    for field in ("height", "width"):
        stated, expected = getattr(annotation, field), getattr(video, field)
        if stated is not None and stated != expected:
            faults.append(Fault(place.at(field), f"{stated}, but the video's is {expected}"))
    for field in ("segmentations", "bboxes", "areas", "occlusions"):
        values = getattr(annotation, field)
        if values is not None and len(values) != frames:
            text = f"{len(values)} entries for {frames} frames"
            faults.append(Fault(place.at(field), text))
    return faults


def _object(
    place: Placed, annotation: _Annotation, video: _Video, category: int, faults: list[Fault]
) -> VideoObject:
    """Return the object with every mask that can be read; the faults of the others are noted."""
    frames, size = len(video.file_names), (video.height, video.width)
    masks: list[rle.Rle | None] = []
    for t, mask in enumerate(read_segmentations(annotation.segmentations[:frames], size)):
        if isinstance(mask, InputError):
            faults.append(Fault(place.at(f"segmentations[{t}]"), str(mask)))
        masks.append(None if isinstance(mask, InputError) else mask)
    masks += [None] * (frames - len(masks))
    for t, box in enumerate((annotation.bboxes or [])[:frames]):
        text = None if box is None else box_fault(box, masks[t], size)
        faults += [Fault(place.at(f"bboxes[{t}]"), text)] if text else []
    hidden = annotation.occlusions
    known = hidden is not None and len(hidden) == frames
    return VideoObject(
        id=annotation.id,
        category=category,
        crowd=annotation.iscrowd,
        segmentations=tuple(masks),
        occlusions=tuple(hidden) if hidden is not None and known else None,
    )
