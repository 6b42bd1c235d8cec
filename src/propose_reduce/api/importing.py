"""Annotations of other tools with their pictures, made into YouTube-VIS data; splitting it."""

import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from propose_reduce.data.faults import check_sound
from propose_reduce.data.foreign import read_document
from propose_reduce.data.imports import ForeignVideo, FramePictures, Reading, import_format
from propose_reduce.data.imports.videos import UNNAMED
from propose_reduce.data.label_maps import FrameNames
from propose_reduce.data.youtube_vis import scan_annotations
from propose_reduce.data.youtube_vis_writer import (
    category_entries,
    object_entry,
    video_entry,
    write_youtube_vis,
)
from propose_reduce.errors import InputError, cut
from propose_reduce.files import is_folder, replacing
from propose_reduce.images import SUFFIXES, look
from propose_reduce.structures import Size
from propose_reduce.video import Video, open_video
from propose_reduce.video.folder import image_files
from propose_reduce.video.video import VIDEO_SUFFIXES

PLACES = (".", "JPEGImages", "images", "images/default", "img1", "frames")
"""Folders near annotations in which pictures are looked for."""

JPEG_QUALITY = 95

LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, eq=False)
class ImageFiles:
    """Pictures that are files; these are copied as they are."""

    files: tuple[Path, ...]

    def size(self, t: int) -> Size:
        """Return (height, width) of a picture, upright."""
        return look(self.files[t], decode=False).size

    def write(self, t: int, folder: Path, stem: str) -> str:
        """Copy a picture."""
        name = f"{stem}{self.files[t].suffix.lower()}"
        shutil.copyfile(self.files[t], folder / name)
        return name

    def only(self, t: int) -> "ImageFiles":
        """Return one picture alone."""
        return ImageFiles((self.files[t],))


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrames:
    """Pictures that are frames of a video file; they become JPEG files."""

    video: Video
    numbers: tuple[int, ...]

    def size(self, t: int) -> Size:
        """Return (height, width) of the frames."""
        return self.video.size

    def write(self, t: int, folder: Path, stem: str) -> str:
        """Write a frame as JPEG."""
        name = f"{stem}.jpg"
        pixels = np.asarray(self.video.frames[self.numbers[t]])
        Image.fromarray(pixels).save(folder / name, quality=JPEG_QUALITY)
        return name

    def only(self, t: int) -> "DecodedFrames":
        """Return one frame alone."""
        return DecodedFrames(self.video, (self.numbers[t],))


@dataclass(frozen=True, slots=True, eq=False)
class PictureFinder:
    """Finds the pictures of videos.

    Attributes:
        places: where to look, the best first: folders, or one video file.
        asked: whether the user named the place, so that what it lacks is an error.
    """

    places: tuple[Path, ...]
    asked: bool

    def __call__(self, video: str, frames: Sequence[str]) -> FramePictures | None:
        """Return the pictures of a video's annotated frames, None where no place has them.

        A frame is found by its file's name below the place or below a folder of the video's name,
        or as the frame of its number.

        Raises:
            InputError: a place has some of the frames, or none although the user named it.
        """
        for place in self.places:
            found = self._in(place, video, frames)
            if found is not None:
                return found
        if self.asked:
            raise InputError(
                f"'{self.places[0]}' has no pictures of the video '{video}': neither "
                f"{cut(frames[0])[1:-1]} nor a folder or video of its name"
            )
        return None

    def _in(self, place: Path, video: str, frames: Sequence[str]) -> FramePictures | None:
        if place.is_file():
            return _decoded(place, frames) if place.suffix.lower() in VIDEO_SUFFIXES else None
        safe = not any(_leads_out(name) for name in frames)
        if safe and (files := _files(place, frames)):
            return ImageFiles(files)
        if _leads_out(video):
            return None
        inside = place / video
        for folder in (inside, *(inside / name for name in PLACES[1:])):
            if is_folder(folder):
                if safe and (files := _files(folder, [Path(name).name for name in frames])):
                    return ImageFiles(files)
                if images := image_files(folder):
                    return _numbered(folder, images, frames)
        for suffix in sorted(VIDEO_SUFFIXES):
            if (file := place / f"{video}{suffix}").is_file():
                return _decoded(file, frames)
        if self.asked and (images := image_files(place)):
            return _numbered(place, images, frames)
        return None


def _leads_out(name: str) -> bool:
    path = Path(name.replace("\\", "/"))
    return path.is_absolute() or ".." in path.parts or "\0" in name or not name


def _files(folder: Path, frames: Sequence[str]) -> tuple[Path, ...]:
    """Return the frames' files in a folder, with any suffix of an image; all or none."""
    found = []
    for name in frames:
        path = folder / name
        stem = path.with_suffix("") if path.suffix.lower() in SUFFIXES else path
        choices = (path, *(stem.with_name(f"{stem.name}{s}") for s in sorted(SUFFIXES)))
        file = next((c for c in choices if c.suffix.lower() in SUFFIXES and c.is_file()), None)
        if file is None:
            return ()
        found.append(file)
    return tuple(found)


def _decoded(path: Path, frames: Sequence[str]) -> FramePictures:
    video = open_video(path)
    return DecodedFrames(video, _positions(path, len(video.frames), frames))


def _numbered(folder: Path, images: Sequence[Path], frames: Sequence[str]) -> FramePictures:
    names = FrameNames(tuple(image.stem for image in images))
    named = [names.index(Path(frame).stem) for frame in frames]
    if names.counted or None in named:
        places = _positions(folder, len(images), frames)
    else:
        places = tuple(index for index in named if index is not None)
    return ImageFiles(tuple(images[place] for place in places))


def _positions(source: Path, length: int, frames: Sequence[str]) -> tuple[int, ...]:
    """Return which frames of a video are meant, by the numbers that their names end in."""
    ends = [re.search(r"(\d+)$", Path(name).stem if "." in name else name) for name in frames]
    numbers = [int(end.group()) for end in ends if end and len(end.group()) < 10]
    if len(set(numbers)) < len(frames):
        numbers = list(range(len(frames)))
    if max(numbers) == length and min(numbers) > 0:  # counted from 1
        numbers = [number - 1 for number in numbers]
    if max(numbers) >= length:
        raise InputError(
            f"'{source}' has {length} frames, the annotations speak of frame {max(numbers)}: is it "
            "the same video?"
        )
    return tuple(numbers)


def import_data(
    path: Path,
    form: str,
    output: Path,
    *,
    images: Path | None = None,
    category: str = UNNAMED,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Make YouTube-VIS data of annotations in another tool's format, all or nothing.

    The folder gets ``annotations.json`` and, where pictures are found, ``JPEGImages/<video>/``:
    image files as they are, frames of video files as JPEG. Each annotation keeps the object's own
    id as ``track_id``.

    Args:
        path: the file or folder.
        form: the format's name.
        output: a folder that does not exist yet, or is empty.
        images: where the pictures are: a video file, a folder of frames, or a folder that holds
            such by the videos' names or the files that the annotations name. None: near the
            annotations, or nowhere.
        category: of objects where the format has none.
        progress: called with videos done and videos in all.

    Returns:
        What is in annotations.json, and what the user should know, one line each.

    Raises:
        InputError: an unknown format, a fault in the annotations, pictures that do not fit them, or
            a folder in use.
    """
    chosen = import_format(form)
    if not path.exists():
        raise InputError(f"'{path}' does not exist")
    if images is not None and not images.exists():
        raise InputError(f"the pictures '{images}' do not exist")
    if output.exists() and (not is_folder(output) or any(output.iterdir())):
        raise InputError(f"'{output}' exists and is not empty: give a new folder")
    base = path if path.is_dir() else path.parent
    near = tuple(place / name for place in (base, base.parent) for name in PLACES)
    finder = PictureFinder((images,) if images is not None else near, images is not None)
    reading = Reading(path, finder, category)
    videos = list(chosen.read(reading))
    if not videos:
        raise InputError(f"'{path}' has no video")
    if images is not None and len(videos) > 1 and images.is_file() and form != "yolo-seg":
        raise InputError(f"'{images}' is one video, the annotations speak of {len(videos)}")
    found: dict[str, Any] = {
        "info": {"description": f"imported from {form}"},
        "categories": category_entries(
            list(dict.fromkeys(one.category for video in videos for one in video.objects))
        ),
        "videos": [],
        "annotations": [],
    }
    folders = _folder_names([video.name for video in videos])
    with replacing(output) as temporary:
        temporary.mkdir()
        for number, (video, folder) in enumerate(zip(videos, folders, strict=True), start=1):
            pictures = video.pictures or finder(video.name, video.frames)
            _add_video(video, number, folder, pictures, found, temporary / "JPEGImages")
            if progress is not None:
                progress(number, len(videos))
        write_youtube_vis(temporary / "annotations.json", found)
    without = sum("file_names" not in video for video in found["videos"])
    told = [f"{without} of {len(videos)} videos have no pictures, so that they can be evaluated "
            "but not trained on: give these by --images"] if without else []  # fmt: skip
    return found, (*told, *reading.notes.lines())


def _folder_names(names: Sequence[str]) -> list[str]:
    """Return distinct names of folders that no video's name leads out of."""
    count: Counter[str] = Counter()
    folders = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "_", name).strip("._")[:LONGEST_NAME] or "video"
        count[plain.casefold()] += 1
        again = count[plain.casefold()]
        folders.append(plain if again == 1 else f"{plain}_{again}")
    return folders


def _add_video(
    video: ForeignVideo,
    number: int,
    folder: str,
    pictures: FramePictures | None,
    found: dict[str, Any],
    images: Path,
) -> None:
    """Append a video and its annotations; its frames go below ``images``."""
    size = video.size or (pictures.size(0) if pictures else None)
    if size is None:
        raise InputError(f"the video '{video.name}' has no mask and no picture to tell its size")
    if pictures is None:
        entry = video_entry(number, [], size) | {"length": len(video.frames)}
        del entry["file_names"]
    else:
        (images / folder).mkdir(parents=True)
        names = []
        for t, frame in enumerate(video.frames):
            if pictures.size(t) != size:
                got, expected = (f"{s[1]}x{s[0]}" for s in (pictures.size(t), size))
                raise InputError(
                    f"frame '{frame}' of the video '{video.name}' is {got} pixels, its masks "
                    f"{expected}: are these its pictures?"
                )
            names.append(f"{folder}/{pictures.write(t, images / folder, f'{t:05d}')}")
        entry = video_entry(number, names, size)
    found["videos"].append({**entry, "name": video.name[:1000]})
    ids = {category["name"]: category["id"] for category in found["categories"]}
    for one in video.objects:
        masks = [one.masks.get(t) for t in range(len(video.frames))]
        entry = object_entry(
            len(found["annotations"]) + 1, number, ids[one.category], masks, size, crowd=one.crowd
        )
        found["annotations"].append({**entry, "track_id": one.id})


def split_data(
    path: Path, output: Path, *, validation: float = 0.2, seed: int = 0
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Write the videos of YouTube-VIS data as two files, so that no video is in both.

    Args:
        path: the annotations.
        output: the folder that gets ``train.json`` and ``val.json``; where it is the folder of
            ``path``, JPEGImages beside them serves all three.
        validation: the share of the videos that are for validation; at least one stays on each
            side.
        seed: of the draw.

    Returns:
        How many videos ``train`` and ``val`` have, and what the user should know.

    Raises:
        InputError: the file has a fault or fewer than two videos, or a file is there already.
    """
    if not 0 < validation < 1:
        raise InputError(f"the share of the validation must lie between 0 and 1, got {validation}")
    for part in ("train", "val"):
        if (output / f"{part}.json").exists():
            raise InputError(f"'{output / part}.json' exists: give another folder by -o")
    content = read_document(path)
    whole = scan_annotations(content)
    check_sound(whole.faults, f"'{path}': ")
    videos = sorted(whole.videos)
    if len(videos) < 2:
        raise InputError(f"'{path}' has {len(videos)} video: a split needs two or more")
    taken = min(max(1, round(len(videos) * validation)), len(videos) - 1)
    drawn = set(random.Random(seed).sample(videos, taken))  # no secret
    counts, told = {}, []
    for part, chosen in (("train", set(videos) - drawn), ("val", drawn)):
        entries = {
            key: [one for one in content.get(key) or () if int(one[field]) in chosen]
            for key, field in (("videos", "id"), ("annotations", "video_id"))
            if key in content
        }
        shown = {one.category for number in chosen for one in whole.objects[number]}
        missing = [name for number, name in whole.categories.items() if number not in shown]
        if missing and whole.has_truth:
            told.append(f"{part}.json has no object of {', '.join(missing[:10])}")
        write_youtube_vis(output / f"{part}.json", {**content, **entries})
        counts[part] = len(chosen)
    return counts, tuple(told)
