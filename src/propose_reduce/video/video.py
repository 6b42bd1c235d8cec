"""``Video``: lazy frames with what is known of them, from a file, folder or array; finding many."""

import glob
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from propose_reduce.errors import InputError
from propose_reduce.files import (
    check_regular,
    distinct_names,
    foreign_content,
    is_folder,
    natural_order,
    telling_folders,
)
from propose_reduce.images import SUFFIXES, Pages, look
from propose_reduce.structures import Frames, SelectedFrames, Size
from propose_reduce.video.arrays import ArrayFrames
from propose_reduce.video.file import FileFrames, Index, index_file, photograph
from propose_reduce.video.folder import image_files, look_through, scaling_warning
from propose_reduce.video.stream import opened_stream

VIDEO_SUFFIXES = frozenset(
    {".avi", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts"}
    | {".ogv", ".ts", ".webm", ".wmv"}
)


def video_name(path: Path) -> str:
    """Return what a video is called: its file's name without the suffix, or its folder's.

    A folder that only says what lies in it (``dog/JPEGImages``) is called as the one above.
    """
    return video_names([path])[0]


def video_names(paths: Sequence[Path]) -> list[str]:
    """Return what the videos of one run are called; equal names get their folder's in front."""
    return distinct_names([_place(path) for path in paths])


def _place(path: Path) -> list[str]:
    if not is_folder(path):
        return [*telling_folders(path.absolute().parts[1:-1]), path.stem]
    folders = path.resolve().parts[1:]
    return telling_folders(folders) or list(folders)


def stored_digest(path: Path) -> str:
    """Return the SHA-256 of a video file, or of the names and contents of a folder's images.

    Raises:
        InputError: nothing is there, or it cannot be read.
    """
    check_regular(path)
    try:
        if not path.is_dir():
            return _content(path)
        names = hashlib.sha256()
        for file in image_files(path):
            names.update(f"{_content(file)} {file.name}\n".encode(errors="surrogateescape"))
        return names.hexdigest()
    except FileNotFoundError as error:
        raise InputError(f"video '{path}' does not exist") from error
    except OSError as error:
        raise InputError(f"video '{path}' cannot be read: {error.strerror}") from error


def find_videos(argument: str | Path) -> list[Path]:
    """Return the videos that a path or a pattern stands for, in natural order.

    A folder with images is one video. Any other folder stands for the video files in it and for
    its subfolders with images. A path that does not exist is tried as a pattern (``*``, ``**``).
    Where nothing is found the argument is returned, so that opening it tells what is wrong; so is
    what may not be entered.

    Raises:
        InputError: the argument is empty, which would mean the current folder.
    """
    if not str(argument):
        raise InputError("the name of a video is empty: give a file or a folder, '.' for this one")
    path = Path(argument)
    try:
        if path.is_dir():
            inside = [] if image_files(path) else list(path.iterdir())
        elif path.exists():
            return [path]
        else:  # pathlib's own patterns cannot start at the root
            inside = [Path(match) for match in glob.glob(str(argument), recursive=True)]  # noqa: PTH207
        return sorted(filter(_is_video, inside), key=natural_order) or [path]
    except OSError:
        return [path]


def video_files(folder: Path) -> list[Path]:
    """Return the video files directly in a folder, as their names tell, in natural order."""
    return sorted(
        (entry for entry in folder.iterdir() if not entry.is_dir() and _is_video(entry)),
        key=natural_order,
    )


def _content(file: Path) -> str:
    """Return the SHA-256 of a file."""
    with file.open("rb") as stored:
        return hashlib.file_digest(stored, "sha256").hexdigest()


def _is_video(path: Path) -> bool:
    """Tell a video, or a folder of images, from other things; our own output is none."""
    if is_folder(path):
        try:
            return not (path / "result.json").exists() and bool(image_files(path))
        except OSError:  # may not be entered: told when its turn comes
            return True
    return path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".")


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """A video, opened.

    Attributes:
        name: the file's name without its suffix, the folder's name, or "array".
        frames: T lazy frames, uint8 RGB (H, W, 3), upright, of one size.
        size: (height, width) in pixels.
        fps: mean frames per second; None for frames without times (a folder, an array).
        timestamps: T seconds from the first frame, where the frame rate varies; else None.
        frame_names: T file names without suffix, for a folder; else None.
        pixel_aspect: the width of a pixel by its height; masks are in pixels whatever it is.
        numbers: which frames of the source these are, where only some were taken; None: all.
        warnings: what the user should know, such as frames lost to a damaged file.
    """

    name: str
    frames: Frames
    size: Size
    fps: float | None = None
    timestamps: tuple[float, ...] | None = None
    frame_names: tuple[str, ...] | None = None
    warnings: tuple[str, ...] = ()
    numbers: range | None = None
    pixel_aspect: Fraction = Fraction(1)

    @property
    def frame_labels(self) -> tuple[str, ...]:
        """Return what each frame is called in files about it: its name, or its number from 0."""
        return self.frame_names or tuple(map(str, self.numbers or range(len(self.frames))))


def open_video(source: Any) -> Video:
    """Open a video file, an image, a folder of images, or frames in memory (``ArrayFrames``).

    Raises:
        InputError: nothing there, no video, no frame that decodes, images of different sizes, a
            frame beyond ``MAX_PIXELS``, or an array of another dtype or shape.
    """
    if not isinstance(source, (str, Path)):
        frames = ArrayFrames(source)
        height, width = frames[0].shape[:2]
        return Video("array", frames, (height, width))
    path = Path(source)
    try:
        if path.is_dir():
            return _open_folder(path)
        if not path.exists():
            raise InputError(f"video '{path}' does not exist")
        check_regular(path)
        if what := foreign_content(path):
            raise InputError(f"video '{path}' is {what}")
        if path.suffix.lower() in SUFFIXES:
            return _open_images(path, [path])
        return _open_file(path)
    except OSError as error:
        raise InputError(f"video '{path}' cannot be read: {error.strerror or error}") from error


def possible_sizes(path: Path) -> set[Size]:
    """Return the sizes (height, width) that a video may have, as its first frame tells.

    Raises:
        InputError: it cannot be opened.
    """
    if path.is_dir():
        for file in image_files(path):
            try:
                return {look(file, decode=False).size}
            except InputError:  # a damaged image is left out
                continue
        return set()
    if path.suffix.lower() in SUFFIXES:
        return {look(path, decode=False).size}
    with opened_stream(path) as source:
        frame = next(source.frames(), None)
    if frame is None:
        return set()
    return {(frame.height, frame.width), (frame.width, frame.height)}


def _open_folder(path: Path) -> Video:
    """Open a folder's images; video files beside them are left out, which is told."""
    images, others = image_files(path), video_files(path)
    if not images and others:
        raise InputError(f"folder '{path}' has videos but no images: give one of the videos")
    if not images:
        raise InputError(
            f"folder '{path}' has no videos and no images ({' '.join(sorted(SUFFIXES))})"
        )
    video = _open_images(path, images)
    if not others:
        return video
    told = (
        f"its {len(images)} images are taken for the frames of one video, the video files beside "
        f"them are left out: name '{others[0]}' to have it done"
    )
    return replace(video, warnings=(*video.warnings, told))


def _open_images(path: Path, files: list[Path]) -> Video:
    """Open images as frames; the pictures of a file that is alone are frames too."""
    folder = look_through(path, files)
    if len(files) == 1 and folder.facts[0].pictures > 1:
        return _open_pages(path, files[0])
    return Video(
        name=video_name(path),
        frames=folder.frames,
        size=folder.facts[0].size,
        frame_names=tuple(file.stem for file in folder.files),
        warnings=folder.warnings,
    )


def _open_pages(path: Path, file: Path) -> Video:
    """Open the pictures in one file."""
    pages = Pages(file)
    left_out = f"of its {pages.left_out + len(pages)} pictures {pages.left_out} are left out: "
    told = [left_out + "damaged, or of another size than the first"] if pages.left_out else []
    times = tuple(np.cumsum([0.0, *pages.seconds[:-1]]).tolist())
    timed = all(pages.seconds)
    constant = len(set(pages.seconds)) == 1
    return Video(
        name=video_name(path),
        frames=pages,
        size=pages.size,
        fps=len(pages) / sum(pages.seconds) if timed else None,
        timestamps=times if timed and not constant else None,
        warnings=(*told, *scaling_warning(pages.extent)),
    )


def _open_file(path: Path) -> Video:
    index = index_file(path)
    still = photograph(path, index)
    times = _seconds(index)
    fps = _constant_rate(index, times)
    mean = (len(times) - 1) / times[-1] if len(times) > 1 else float(index.rate or 1)
    return Video(
        name=video_name(path),
        frames=FileFrames(path, index) if still is None else ArrayFrames(still),
        size=index.to_rgb.size,
        fps=fps or mean,
        timestamps=None if fps else times,
        warnings=index.warnings,
        pixel_aspect=1 / index.pixel_aspect if index.to_rgb.swaps else index.pixel_aspect,
    )


def _seconds(index: Index) -> tuple[float, ...]:
    """Return seconds from the first frame; by the declared rate where the file has no times."""
    unit = index.time_base if index.rising else 1 / (index.rate or 25)
    return tuple(float((time - index.times[0]) * unit) for time in index.times)


def _constant_rate(index: Index, times: tuple[float, ...]) -> float | None:
    """Return the declared rate if every frame keeps it to within the units times come in."""
    if not index.rate:
        return None
    steps = np.arange(len(times)) / float(index.rate)
    tolerance = float(index.time_base) * 1.001
    return float(index.rate) if np.abs(steps - times).max() <= tolerance else None


def select_frames(
    video: Video, *, start: float | None = None, end: float | None = None, every: int = 1
) -> Video:
    """Return a part of a video.

    Args:
        video: what to take it from.
        start: the first second taken; for frames without times, the first frame number.
        end: the second, or frame number, before which to stop.
        every: take each Nth frame of these.

    Raises:
        InputError: nothing is left, or ``every`` is below 1.
    """
    if every < 1:
        raise InputError(f"every must be 1 or more, got {every}")
    total = len(video.frames)
    times = np.arange(total) / (video.fps or 1.0)
    if video.timestamps is not None:
        times = np.array(video.timestamps)
    rounding = 1e-6  # 1/30 s and the like have no exact number
    first = 0 if start is None else int(np.searchsorted(times, start - rounding))
    last = total if end is None else int(np.searchsorted(times, end - rounding))
    indices = range(first, last, every)
    if not indices:
        unit = "s" if video.fps else "frames"
        until = total / video.fps if video.fps else total
        raise InputError(
            f"no frame of '{video.name}' lies between {start or 0} and "
            f"{until if end is None else end} {unit}: it has {until:.6g} {unit}"
        )
    stamps, names = video.timestamps, video.frame_names
    return replace(
        video,
        frames=SelectedFrames(video.frames, indices),
        fps=video.fps and video.fps / every,
        timestamps=stamps and tuple(stamps[i] - stamps[first] for i in indices),
        frame_names=names and tuple(names[i] for i in indices),
        numbers=(video.numbers or range(total))[first:last:every],
    )
