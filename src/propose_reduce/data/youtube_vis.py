"""Reading the YouTube-VIS form: YouTube-VIS 2019, 2021 and 2022, OVIS, and one's own data.

``videos`` with their ``file_names``, ``categories``, and ``annotations`` with one segmentation per
frame, null where the object is absent (docs/data.md). Everything that reads it does so here; what
writes it stands in :mod:`.youtube_vis_writer`.

What cannot be meant is a fault, for every command; what is odd and can be read all the same is a
note. Reading strictly (``read_..``) raises the first fault; leniently (``scan_..``) it gives what
can be read with all faults.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from propose_reduce import rle
from propose_reduce.data.faults import (
    Fault,
    Notes,
    Placed,
    Record,
    Scan,
    WholeNumber,
    categories_by_id,
    check_length,
    check_sound,
    entries,
    file_fault,
    load_json,
    sound,
    unique,
)
from propose_reduce.data.foreign import check_own
from propose_reduce.data.segmentations import TrackMasks, box_fault, read_tracks
from propose_reduce.data.videos import AnnotatedVideo, VideoObject, VideoSet
from propose_reduce.data.youtube_vis_writer import object_entry, video_entry
from propose_reduce.errors import InputError, cut, unknown_name
from propose_reduce.files import distinct_names, telling_folders
from propose_reduce.structures import Size

Positive = Annotated[WholeNumber, Field(ge=1)]


class _Video(Record):
    id: WholeNumber
    name: Any = None
    file_names: list[str] | None = None
    height: Positive
    width: Positive
    length: WholeNumber | None = None


class _Annotation(Record):
    id: WholeNumber
    video_id: WholeNumber
    category_id: WholeNumber
    iscrowd: Annotated[bool, BeforeValidator(lambda flag: False if flag is None else flag)] = False
    segmentations: list[Any]
    areas: list[float | None] | None = None
    height: Any = None
    width: Any = None
    length: Any = None
    bboxes: Any = None
    occlusions: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class VideoEntry:
    """A video as its file lists it.

    Attributes:
        id: its id.
        name: its ``name``, or else the folder of its frames (``files.distinct_names``), or else its
            id as text.
        size: (height, width) in pixels.
        num_frames: T.
        file_names: T image files, with ``/``, below a folder that the file does not name; or none.
    """

    id: int
    name: str
    size: Size
    num_frames: int
    file_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ObjectEntry:
    """An annotated object.

    Attributes:
        place: where it stands in the file, such as "annotations[3]".
        id: as in the file.
        category: the category's id.
        crowd: a region that is neither right nor wrong.
        masks: T sound masks.
        areas: the file's own pixels per frame, None where absent; the masks' where it has none.
        occlusions: T shares that something hides (see ``VideoObject``); None: not known.
    """

    place: str
    id: int
    category: int
    crowd: bool
    masks: TrackMasks
    areas: tuple[float | None, ...]
    occlusions: tuple[float | None, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """What a file says.

    Attributes:
        categories: names by id, rising.
        videos: by id, in the order of the file.
        objects: by video id, in the order of the file.
        has_truth: whether it has ``annotations`` at all, which public validation sets keep back.
        faults: what cannot be read.
        notes: what is odd, one line each.
    """

    categories: dict[int, str]
    videos: dict[int, VideoEntry]
    objects: dict[int, tuple[ObjectEntry, ...]]
    has_truth: bool
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]

    def find(self, name: str) -> VideoEntry:
        """Return the video of a name, or else of an id as text, or else of a folder in its name.

        Raises:
            InputError: no video is called so, or several are.
        """
        for called in (
            lambda video: video.name,
            lambda video: str(video.id),
            lambda video: PurePosixPath(video.name).name,
        ):
            found = [video for video in self.videos.values() if called(video) == name]
            if len(found) > 1:
                ids = ", ".join(str(video.id) for video in found[:10])
                raise InputError(
                    f"video {cut(name)} is ambiguous: the annotations have it under the ids {ids}"
                )
            if found:
                return found[0]
        raise unknown_name("video", name, [video.name for video in self.videos.values()])


def read_annotations(path: Path, *, objects: bool = True) -> Annotations:
    """Return the content of a sound file.

    Args:
        path: the JSON file.
        objects: False where videos and categories are all that matters.

    Raises:
        InputError: the file cannot be read or has a fault.
    """
    document = load_json(path)
    found = scan_annotations(document if objects else {**document, "annotations": None})
    check_sound(found.faults, f"'{path}': ")
    return found


def scan_annotations(document: Mapping[str, Any]) -> Annotations:
    """Return what can be read of a document, with all its faults.

    Raises:
        InputError: it is a list or lists images, so that it is something else altogether.
    """
    _check_form(document)
    faults, notes = list[Fault](), Notes()
    categories = categories_by_id(document, faults, notes)
    listed = unique(entries(_Video, document, "videos", faults), faults)
    videos = _videos(list(listed.values()), faults, notes)
    has_truth = document.get("annotations") is not None
    read = entries(_Annotation, document, "annotations", faults) if has_truth else []
    objects: dict[int, list[ObjectEntry]] = {number: [] for number in videos}
    known = [
        (place, annotation)
        for place, annotation in unique(read, faults).values()
        if _refers(place, annotation, listed, categories, faults) and annotation.video_id in videos
    ]
    masks = read_tracks(
        [(place, a.segmentations, videos[a.video_id].size) for place, a in known], faults, notes
    )
    for (place, annotation), shape in zip(known, masks, strict=True):
        video = videos[annotation.video_id]
        objects[video.id].append(_object(place, annotation, video, shape, faults, notes))
    return Annotations(
        categories,
        videos,
        {number: tuple(found) for number, found in objects.items()},
        has_truth,
        tuple(faults),
        notes.lines(),
    )


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
        InputError: the file is not a JSON object of this form at all.
    """
    found = scan_annotations(load_json(path))
    readable = video_set(found, str(path), images)
    imageless = len(found.videos) - len(readable.videos)
    return Scan(readable, list(found.faults), found.notes, imageless)


def video_set(found: Annotations, name: str, images: Path) -> VideoSet:
    """Return the videos of a file that have image files.

    Args:
        found: the content of the file.
        name: of the set, for messages.
        images: the folder that ``file_names`` start from.
    """
    names = list(dict.fromkeys(found.categories.values()))
    index = {number: names.index(called) for number, called in found.categories.items()}
    videos = tuple(
        AnnotatedVideo(
            id=video.id,
            name=video.name,
            size=video.size,
            frames=tuple(images / name for name in video.file_names),
            annotated=tuple(range(video.num_frames)),
            objects=tuple(
                VideoObject(
                    one.id, index[one.category], one.crowd, one.masks.segmentations, one.occlusions
                )
                for one in found.objects[video.id]
            ),
        )
        for video in found.videos.values()
        if video.file_names
    )
    return VideoSet(name, tuple(names), videos)


def document(found: Annotations, videos: Iterable[int]) -> dict[str, Any]:
    """Return some videos of a file, by id, as the content of a file that is written plainly."""
    chosen = [found.videos[number] for number in videos]
    return {
        "categories": [{"id": id_, "name": name} for id_, name in found.categories.items()],
        "videos": [video_entry(video.id, video.file_names, video.size) for video in chosen],
        "annotations": [
            object_entry(
                one.id, video.id, one.category, one.masks.segmentations, video.size, crowd=one.crowd
            )
            | {"areas": list(one.areas)}
            for video in chosen
            for one in found.objects[video.id]
        ],
    }


def _check_form(document: object) -> None:
    """Raise InputError for what is known to be something else."""
    if isinstance(document, list | tuple):
        check_own(document)
        raise InputError(
            "annotations are an object with 'videos', got a list, as predictions are: is this the "
            "other file?"
        )
    if not isinstance(document, Mapping):
        raise InputError(f"annotations are an object with 'videos', got {cut(document)}")
    check_own(document)
    if "videos" not in document and "images" in document:
        raise InputError(
            "this is a COCO file of images, not of videos: it needs 'videos' and one segmentation "
            "per frame (docs/data.md)"
        )
    if "format" in document and "videos" not in document:
        raise InputError("this is a result of ours, not annotations: is this the other file?")


def _videos(
    listed: Sequence[tuple[Placed, _Video]], faults: list[Fault], notes: Notes
) -> dict[int, VideoEntry]:
    """Return the videos that can be read, by id."""
    files = [tuple(n.replace("\\", "/") for n in video.file_names or ()) for _, video in listed]
    folders = [PurePosixPath(each[0]).parts[:-1] if each else () for each in files]
    names = distinct_names(list(map(telling_folders, folders)))
    found: dict[int, VideoEntry] = {}
    seen: Counter[str] = Counter()
    for (place, video), own, name in zip(listed, files, names, strict=True):
        wrong = list(_video_faults(place, video))
        faults += wrong
        if wrong:
            continue
        _note_video(place, video, notes)
        if own and seen[own[0]]:
            notes.add("videos that show the same files as another one", place.at("file_names"))
        seen[own[0] if own else ""] += bool(own)
        called = str(video.name)[:1000] if video.name not in (None, "") else name or str(video.id)
        length = len(own) or video.length or 0
        found[video.id] = VideoEntry(video.id, called, (video.height, video.width), length, own)
    return found


def _video_faults(place: Placed, video: _Video) -> Iterable[Fault]:
    try:
        rle.check_mask_size(video.height, video.width)
    except InputError as error:
        yield Fault(place.at("height"), str(error))
    try:
        check_length(video.length or 0)
    except InputError as error:
        yield Fault(place.at("length"), str(error))
    if not video.file_names and (video.length or 0) < 1:
        yield Fault(place.at("file_names"), "needs at least 1 item, or a length beside it")
    for t, name in enumerate(video.file_names or ()):
        if fault := file_fault(place.at(f"file_names[{t}]"), name):
            yield fault


def _note_video(place: Placed, video: _Video, notes: Notes) -> None:
    if not video.file_names:
        text = "videos without file_names, which can be evaluated but not trained on"
        notes.add(text, place.at("file_names"))
        return
    if video.length is not None and video.length != len(video.file_names):
        text = "videos whose length is not the number of their file_names, which counts"
        notes.add(text, place.at("length"))
    if len(set(video.file_names)) < len(video.file_names):
        notes.add("videos that list a file twice", place.at("file_names"))


def _refers(
    place: Placed,
    annotation: _Annotation,
    videos: Mapping[int, tuple[Placed, _Video]],
    categories: Mapping[int, str],
    faults: list[Fault],
) -> bool:
    """Return whether an annotation's video and category are listed; if not, that is a fault."""
    before = len(faults)
    for name, number, known in (
        ("category", annotation.category_id, categories),
        ("video", annotation.video_id, videos),
    ):
        if number not in known:
            ids = ", ".join(map(str, list(known)[:10])) + ", .." * (len(known) > 10)
            text = f"unknown {name} {number}, known: {ids or 'none'}"
            faults.append(Fault(place.at(f"{name}_id"), text))
    return len(faults) == before


def _object(
    place: Placed,
    annotation: _Annotation,
    video: VideoEntry,
    masks: TrackMasks,
    faults: list[Fault],
    notes: Notes,
) -> ObjectEntry:
    frames = video.num_frames
    if len(masks.segmentations) != frames:
        text = f"{len(masks.segmentations)} entries for {frames} frames"
        faults.append(Fault(place.at("segmentations"), text))
        masks = masks.fitted(frames)
    counted = tuple(int(area) if area else None for area in masks.areas)
    areas = annotation.areas
    if areas is not None and len(areas) != frames:
        faults.append(Fault(place.at("areas"), f"{len(areas)} entries for {frames} frames"))
    stated = (annotation.height, annotation.width, annotation.length)
    if any(n not in (None, m) for n, m in zip(stated, (*video.size, frames), strict=True)):
        text = "annotations with a height, width or length that is not their video's, which counts"
        notes.add(text, place.at())
    _note_boxes(place, annotation.bboxes, masks, video, notes)
    hidden = _hidden_shares(annotation.occlusions, frames)
    if annotation.occlusions is not None and hidden is None:
        notes.add("occlusions that are not one share of 0 to 1 per frame", place.at("occlusions"))
    return ObjectEntry(
        place=place.at(),
        id=annotation.id,
        category=annotation.category_id,
        crowd=annotation.iscrowd,
        masks=masks,
        areas=counted if areas is None else tuple(areas),
        occlusions=hidden,
    )


def _note_boxes(
    place: Placed, boxes: Any, masks: TrackMasks, video: VideoEntry, notes: Notes
) -> None:
    """Take note of boxes that do not fit their masks; nothing here reads them."""
    if boxes is None:
        return
    if not isinstance(boxes, list | tuple) or len(boxes) != video.num_frames:
        notes.add("bboxes that are not one box or null per frame", place.at("bboxes"))
        return
    for t, (box, mask) in enumerate(zip(boxes, masks.segmentations, strict=False)):
        fault = None if box is None else box_fault(box, mask, video.size)
        if fault:
            notes.add(
                "boxes that do not fit (the masks count)", f"{place.at(f'bboxes[{t}]')}, {fault}"
            )


def _hidden_shares(values: Any, frames: int) -> tuple[float | None, ...] | None:
    """Return the shares of an object that are hidden, None where they are not what they should."""
    if not isinstance(values, list | tuple) or len(values) != frames:
        return None
    fits = all(
        value is None or (isinstance(value, int | float) and 0 <= value <= 1) for value in values
    )
    return tuple(values) if fits else None
