"""Which videos an argument of the command line stands for."""

import glob
import hashlib
from collections.abc import Sequence
from pathlib import Path

from propose_reduce.errors import InputError
from propose_reduce.files import check_regular, distinct_names, is_folder, telling_folders
from propose_reduce.video.folder import image_files, natural_order

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
