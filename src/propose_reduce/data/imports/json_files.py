"""COCO with track ids, labelme, SA-V and Scalabel (BDD100K): formats in JSON."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
from PIL import Image
from pydantic import Field

from propose_reduce import rle
from propose_reduce.data.coco import CocoAnnotation, CocoImage
from propose_reduce.data.faults import (
    Fault,
    Record,
    WholeNumber,
    categories_by_id,
    check_sound,
    entries,
    load_json,
    unique,
)
from propose_reduce.data.imports.videos import (
    BOXES,
    ForeignVideo,
    Reading,
    TrackMasks,
    checked,
    json_files,
    objects_of,
    sound_mask,
)
from propose_reduce.errors import InputError, cut
from propose_reduce.files import distinct_names, natural_order, telling_folders
from propose_reduce.structures import Size

Side = Annotated[WholeNumber, Field(ge=1)]

# ---- COCO


def read_tracked_coco(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield the videos of a COCO instances file whose annotations have a ``track_id``.

    Images of one ``video_id`` are a video, or else those of one folder; in the order of their
    ``frame_id``, or else of their names. CVAT and datumaro write the id among the ``attributes``.

    Raises:
        InputError: the file has a fault, or no annotation has a track id.
    """
    faults: list[Fault] = []
    document = load_json(reading.path)
    categories = categories_by_id(document, faults)
    images = unique(entries(CocoImage, document, "images", faults), faults)
    annotations = entries(CocoAnnotation, document, "annotations", faults)
    check_sound(faults, f"'{reading.path}': ", lister="")
    if not any(annotation.track is not None for _, annotation in annotations):
        raise InputError(
            f"'{reading.path}' has no track_id at any annotation: its images are no videos; "
            "'train --data' takes it as it is"
        )
    by_image: dict[int, list[tuple[str, CocoAnnotation]]] = defaultdict(list)
    for place, annotation in annotations:
        entry = f"'{reading.path}': {place.at()}"
        if annotation.image_id not in images or annotation.category_id not in categories:
            raise InputError(
                f"{entry}: unknown image {annotation.image_id} or category {annotation.category_id}"
            )
        by_image[annotation.image_id].append((entry, annotation))
    for name, frames in _coco_videos(document, [image for _, image in images.values()], reading):
        size = (frames[0].height, frames[0].width)
        tracks: dict[int | str, TrackMasks] = {}
        for t, image in enumerate(frames):
            if (image.height, image.width) != size:
                raise InputError(
                    f"'{reading.path}': the images of '{name}' differ in size, so they are several "
                    "videos: keep each in a folder of its own"
                )
            for entry, annotation in by_image[image.id]:
                mask = sound_mask(annotation.segmentation, size, entry)
                if mask is None and annotation.bbox is not None:
                    reading.notes.add(BOXES, entry)
                track = annotation.track
                key = f"annotation {annotation.id}" if track is None else track
                category = categories[annotation.category_id]
                tracks.setdefault(key, TrackMasks(category, annotation.iscrowd)).add(t, mask)
        files = tuple(image.file_name for image in frames)
        yield ForeignVideo(name, size, files, objects_of(tracks))


def _coco_videos(
    document: Mapping[str, Any], images: Sequence[CocoImage], reading: Reading
) -> Iterator[tuple[str, list[CocoImage]]]:
    listed = document.get("videos")
    videos = listed if isinstance(listed, list) else []
    named = {
        video.get("id"): str(video.get("name") or f"video {video.get('id')}")
        for video in videos
        if isinstance(video, dict)
    }
    folders = {
        image.id: PurePosixPath(image.file_name.replace("\\", "/")).parts for image in images
    }
    places = {parts[:-1] for parts in folders.values()}
    names = distinct_names([telling_folders(parts) for parts in sorted(places)])
    called = dict(zip(sorted(places), names, strict=True))
    groups: dict[tuple[int, str], list[CocoImage]] = defaultdict(list)
    for image in images:
        if image.video_id in named:
            groups[int(image.video_id or 0), named[image.video_id]].append(image)
        else:
            groups[-1, called[folders[image.id][:-1]] or reading.path.stem].append(image)
    for (_, name), group in groups.items():
        numbered = all(image.frame_id is not None for image in group)
        if numbered:
            group.sort(key=lambda image: image.frame_id or 0)
        else:
            group.sort(key=lambda image: natural_order(Path(image.file_name)))
        yield name, group


# ---- labelme


class _Shape(Record):
    label: str
    points: tuple[tuple[float, float], ...] = ()
    group_id: int | str | None = None
    shape_type: str | None = "polygon"
    mask: str | None = None


class _LabelmeFile(Record):
    shapes: list[_Shape]
    imagePath: str  # noqa: N815  # labelme's word
    imageHeight: Side  # noqa: N815
    imageWidth: Side  # noqa: N815


def read_labelme(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield one video for each folder of labelme files: the folder itself, or those in it.

    Shapes of one ``group_id`` are one object. A shape without it is the object of its label, where
    a frame has one such shape at most.

    Raises:
        InputError: a file with a fault, or two shapes of one label and without ``group_id``.
    """
    root = reading.path if reading.path.is_dir() else reading.path.parent
    files = [reading.path] if reading.path.is_file() else sorted(root.rglob("*.json"))
    if not files:
        raise InputError(f"folder '{reading.path}' has no .json file")
    for folder, group in groupby(files, key=lambda file: file.parent):
        pages = [
            (file, checked(_LabelmeFile, content, f"'{file}'"))
            for one in sorted(group, key=natural_order)
            for file, content in json_files(one)
        ]
        sizes = {(page.imageHeight, page.imageWidth) for _, page in pages}
        if len(sizes) > 1:
            raise InputError(f"the pictures of '{folder}' differ in size: they are no video")
        tracks: dict[int | str, TrackMasks] = {}
        for t, (file, page) in enumerate(pages):
            _add_shapes(t, file, page, tracks, reading)
        names = tuple(f"{file.stem}{PurePosixPath(page.imagePath).suffix}" for file, page in pages)
        yield ForeignVideo(folder.resolve().name, sizes.pop(), names, objects_of(tracks))


def _add_shapes(
    t: int, file: Path, page: _LabelmeFile, tracks: dict[int | str, TrackMasks], reading: Reading
) -> None:
    size = (page.imageHeight, page.imageWidth)
    alone: set[str] = set()
    for number, shape in enumerate(page.shapes):
        place = f"'{file}': shapes[{number}]"
        mask = _shape_mask(shape, size, place)
        if mask is None:
            reading.notes.add("shapes that enclose no pixel, left out", place)
            continue
        if shape.group_id is None:
            if shape.label in alone:
                raise InputError(
                    f"{place}: a second '{cut(shape.label)[1:-1]}' without group_id: give each "
                    "object a group_id, the same on all frames"
                )
            alone.add(shape.label)
        key = shape.label if shape.group_id is None else shape.group_id
        tracks.setdefault(key, TrackMasks(shape.label)).add(t, mask)


def _shape_mask(shape: _Shape, size: Size, place: str) -> rle.Rle | None:
    points = np.array(shape.points, dtype=float).reshape(-1, 2)
    if shape.shape_type == "mask":
        return _pasted(shape, points, size, place)
    if shape.shape_type == "rectangle" and len(points) == 2:
        (left, top), (right, bottom) = points
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    elif shape.shape_type == "circle" and len(points) == 2:
        angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
        around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        points = points[0] + np.linalg.norm(points[1] - points[0]) * around
    elif shape.shape_type not in {"polygon", None} or len(points) < 3:
        return None  # points and lines
    return sound_mask([points.ravel().tolist()], size, place)


def _pasted(shape: _Shape, points: np.ndarray, size: Size, place: str) -> rle.Rle | None:
    """Return the mask of a PNG that stands at its box's corner."""
    try:
        with Image.open(BytesIO(b64decode(shape.mask or "")), formats=["PNG"]) as image:
            inside = np.array(image.convert("L")) > 0
        left, top = (int(number) for number in points[0])
    except (OSError, NotBase64, ValueError, IndexError, Image.DecompressionBombError) as error:
        raise InputError(f"{place}: its mask is no PNG with a corner: {error}") from error
    whole = np.zeros(size, dtype=bool)
    if min(left, top) < 0 or left >= size[1] or top >= size[0]:
        raise InputError(f"{place}: its mask begins at {left}, {top}, outside of the picture")
    room = whole[top : top + inside.shape[0], left : left + inside.shape[1]]
    room |= inside[: room.shape[0], : room.shape[1]]
    return rle.encode(whole) if whole.any() else None


# ---- SA-V


class _Masklets(Record):
    video_id: str
    video_frame_count: float
    video_height: float
    video_width: float
    masklet: list[list[Any]]
    masklet_id: tuple[int, ...] = ()
    masklet_category: tuple[str, ...] = ()


def read_sa_v(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield the videos of SA-V files: one, or all in a folder.

    Manual masklets are on every fourth frame, which the number of frames tells.

    Raises:
        InputError: a file with a fault.
    """
    for file, content in json_files(reading.path):
        page = checked(_Masklets, content, f"'{file}'")
        size = (int(page.video_height), int(page.video_width))
        step = max(1, round(page.video_frame_count / max(1, len(page.masklet))))
        tracks: dict[int | str, TrackMasks] = {}
        for t, masklets in enumerate(page.masklet):
            for place, value in enumerate(masklets):
                number = page.masklet_id[place] if place < len(page.masklet_id) else place
                named = place < len(page.masklet_category)
                category = page.masklet_category[place] if named else reading.category
                mask = sound_mask(value, size, f"'{file}': masklet[{t}][{place}]")
                tracks.setdefault(number, TrackMasks(category)).add(t, mask)
        frames = tuple(str(t * step) for t in range(len(page.masklet)))
        yield ForeignVideo(page.video_id, size, frames, objects_of(tracks))


# ---- Scalabel, BDD100K


class _Polygon(Record):
    vertices: list[tuple[float, float]]
    types: str = ""


class _Attributes(Record):
    crowd: bool = False
    ignored: bool = False


class _Label(Record):
    id: int | str
    category: str
    rle: Any = None
    poly2d: list[_Polygon] | None = None
    attributes: Any = None


class _FrameSize(Record):
    width: Side
    height: Side


class _ScalabelFrame(Record):
    name: str
    videoName: str | None = None  # noqa: N815  # Scalabel's words
    frameIndex: WholeNumber | None = None  # noqa: N815
    size: _FrameSize | None = None
    labels: list[_Label] | None = None


def read_scalabel(reading: Reading) -> Iterator[ForeignVideo]:
    """Yield the videos of Scalabel files, as BDD100K has them: one file, or all in a folder.

    Masks are run lengths (``rle``) or polygons (``poly2d``).

    Raises:
        InputError: a file with a fault, or polygons of frames whose size nothing tells.
    """
    videos: dict[str, list[tuple[str, _ScalabelFrame, Size | None]]] = defaultdict(list)
    for file, content in json_files(reading.path):
        listed = content.get("frames") if isinstance(content, dict) else content
        if not isinstance(listed, list):
            raise InputError(f"'{file}' has no list of frames, as Scalabel's files do")
        config = content.get("config") if isinstance(content, dict) else None
        stated = config.get("imageSize") if isinstance(config, dict) else None
        common = checked(_FrameSize, stated, f"'{file}': config.imageSize") if stated else None
        for number, entry in enumerate(listed):
            frame = checked(_ScalabelFrame, entry, f"'{file}': [{number}]")
            known = frame.size or common
            size = (known.height, known.width) if known else None
            videos[frame.videoName or file.stem].append((f"'{file}': [{number}]", frame, size))
    for name, frames in videos.items():
        if all(frame.frameIndex is not None for _, frame, _ in frames):
            frames.sort(key=lambda entry: entry[1].frameIndex or 0)
        files = tuple(frame.name for _, frame, _ in frames)
        sizes = {size for _, _, size in frames if size} | set(_rle_sizes(frames))
        if not sizes and (pictures := reading.find(name, files)):
            sizes = {pictures.size(0)}
        if len(sizes) != 1:
            said = "differ in size" if sizes else "have no size: give the pictures by --images"
            raise InputError(f"'{reading.path}': the frames of '{name}' {said}")
        size = sizes.pop()
        tracks: dict[int | str, TrackMasks] = {}
        for t, (place, frame, _) in enumerate(frames):
            for label in frame.labels or []:
                mask = _label_mask(label, size, f"{place}.labels")
                if mask is None:
                    reading.notes.add(BOXES, place)
                marks = label.attributes if isinstance(label.attributes, dict) else {}
                crowd = any(marks.get(word) is True for word in ("crowd", "ignored"))
                tracks.setdefault(label.id, TrackMasks(label.category, crowd)).add(t, mask)
        yield ForeignVideo(name, size, files, objects_of(tracks))


def _rle_sizes(frames: Sequence[tuple[str, _ScalabelFrame, Size | None]]) -> Iterator[Size]:
    for place, frame, _ in frames:
        for label in frame.labels or []:
            if isinstance(label.rle, dict):
                sides = label.rle.get("size")
                if not isinstance(sides, list) or len(sides) != 2:
                    raise InputError(f"{place}: the size of a mask is [height, width]")
                yield int(sides[0]), int(sides[1])


def _label_mask(label: _Label, size: Size, place: str) -> rle.Rle | None:
    if label.rle is not None:
        return sound_mask(label.rle, size, place)
    rings = [_flattened(polygon).ravel().tolist() for polygon in label.poly2d or []]
    return sound_mask(rings, size, place) if rings else None


def _flattened(polygon: _Polygon) -> np.ndarray:
    """Return corners (P, 2); two control points (``C``) between corners are a Bezier curve."""
    points = np.array(polygon.vertices, dtype=float).reshape(-1, 2)
    kinds = polygon.types if len(polygon.types) == len(points) else "L" * len(points)
    corners: list[np.ndarray] = []
    shares = np.linspace(0, 1, 9)[1:-1, None]
    t = 0
    while t < len(points):
        curve = kinds[t : t + 2] == "CC" and corners
        if curve:
            start, (one, two), end = corners[-1], points[t : t + 2], points[(t + 2) % len(points)]
            rest = 1 - shares
            corners += [
                *(rest**3 * start + 3 * rest**2 * shares * one
                  + 3 * rest * shares**2 * two + shares**3 * end)
            ]  # fmt: skip
        else:
            corners.append(points[t])
        t += 2 if curve else 1
    return np.array(corners)
