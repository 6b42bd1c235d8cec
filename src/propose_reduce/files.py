"""JSON files read, what a file holds that is not what its name says, and files written whole.

They are written under a temporary name, then renamed.
"""

import codecs
import gc
import gzip
import hashlib
import io
import json
import os
import platform
import re
import shutil
import stat
import time
import uuid
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from propose_reduce.errors import InputError, cut

_PREFIX = ".propose-reduce-"
_MARK = f"{_PREFIX}{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}-"
"""How temporary names begin: whose they are, then the machine, and the process follows."""

_BEGAN = time.time_ns()

_SWEPT: set[Path] = set()

LEFT_AFTER = 7 * 24 * 3600
"""Seconds after which a temporary file cannot be at work any more."""

SIGNATURES = {
    b"ffconcat": "a list of other files: give the video itself",
    b"#extm3u": "a playlist of other files: give the video itself",
    b"<?xml": "a text in XML, not the file that was meant",
    b"version https://git-lfs": "a git-lfs pointer in place of the file: run 'git lfs pull'",
    b"<!doctype html": "a page of HTML, not the file that was to be downloaded: download it again",
    b"<html": "a page of HTML, not the file that was to be downloaded: download it again",
    b"PK\x03\x04": "a zip archive: unpack it first",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ\0": "compressed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it first",
    b"Rar!": "a rar archive: unpack it first",
}
"""How files begin that lie in the place of others, in small letters, and what to say of them."""


def foreign_content(path: Path) -> str:
    """Return what a file holds that is often found in the place of another; empty for none.

    The text goes on from "'FILE' is ": "an empty file", "a git-lfs pointer ..", "a zip archive ..".
    """
    try:
        with path.open("rb") as file:
            start = file.read(START + 1)
    except OSError:
        return ""
    return _foreign_start(start)


START = 512
"""Bytes in which a file shows what it is."""


def _foreign_start(content: bytes) -> str:
    text = content[:START].removeprefix(codecs.BOM_UTF8).lstrip()
    if not text:
        return "an empty file" if len(content) <= START else ""
    for signature, what in SIGNATURES.items():
        if content.startswith(signature) or text.lower().startswith(signature):
            return what
    return ""


def check_regular(path: Path) -> None:
    """Make sure that reading a file comes to an end: a pipe or a device may wait for ever.

    Raises:
        InputError: it is there, and neither a file nor a folder.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # reading it tells what is wrong
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"'{path}' is a pipe or a device: give a file")


def is_folder(path: Path) -> bool:
    """Return whether there is a folder; False too for a name that the system does not take."""
    try:
        return path.is_dir()
    except OSError:
        return False


NAMELESS_FOLDERS = frozenset({".", "jpegimages", "images", "img1", "img", "frames", "rgb"})
"""Folders of frames that only say what lies in them: the video is called as the folder above."""


def telling_folders(folders: Sequence[str]) -> list[str]:
    """Return folders, from the outermost inwards, without :data:`NAMELESS_FOLDERS`."""
    return [name for name in folders if name.casefold() not in NAMELESS_FOLDERS]


def distinct_names(places: Sequence[Sequence[str]]) -> list[str]:
    """Return what videos are called that lie in these places, each from the outermost inwards.

    It is the last part of the place, and empty where there is none. Where several would be called
    alike the part above goes in front, with ``_``; one place given twice has one name.
    """
    names = {tuple(parts): parts[-1] if parts else "" for parts in places}
    for depth in range(2, max(map(len, names), default=0) + 1):
        count = Counter(names.values())
        for parts, name in names.items():
            if count[name] > 1:
                names[parts] = "_".join(parts[-depth:])
    return [names[tuple(parts)] for parts in places]


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a sort key under which frame2 comes before frame10."""
    pieces = re.split(r"(\d+)", str(path).casefold())
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in pieces], str(path)


def read_bytes(path: Path) -> bytes:
    """Return the content of a regular file.

    Raises:
        InputError: it is missing, a folder or a device, or cannot be read.
    """
    check_regular(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a zero byte in the name
        raise InputError(f"{cut(str(path))} cannot be read: {error}") from error


def read_text(path: Path) -> str:
    """Return the content of a text file, in UTF-8, or in UTF-16 with its mark.

    Raises:
        InputError: it cannot be read, or is something else than text.
    """
    content = read_bytes(path)
    if content and (what := _foreign_start(content)):
        raise InputError(f"'{path}' is {what}")
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' cannot be read: it is not text in UTF-8") from error


def json_text(path: Path) -> str:
    """Return the text of a JSON file, in UTF-8, 16 or 32; it may be packed by gzip or zip.

    Raises:
        InputError: it cannot be read, or is no text.
    """
    content = _unpacked(path, read_bytes(path))
    if what := _foreign_start(content):
        raise InputError(f"'{path}' is {what}")
    try:
        return content.decode(json.detect_encoding(content), "surrogatepass")
    except ValueError as error:
        raise InputError(f"'{path}' is not valid JSON: {error}") from error


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, in UTF-8, 16 or 32; it may be packed by gzip or zip.

    Raises:
        InputError: it cannot be read, or is something else than JSON; the message gives the line.
    """
    text = json_text(path)
    # hundreds of thousands of new objects make the garbage collector search in vain, half the time
    collecting = gc.isenabled()
    gc.disable()
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError(f"'{path}' is not valid JSON: it is nested too deep") from error
    except ValueError as error:
        message = " ".join(str(error).split())
        if message.startswith("Extra data") and _is_json_lines(text):
            message = "it is JSON lines, one value per line: write one list of them"
        raise InputError(f"'{path}' is not valid JSON: {message}") from error
    finally:
        if collecting:
            gc.enable()


MOST_UNPACKED = 2**26, 64
"""Bytes that a packed file may grow to, or how many times its size, whichever is more: masks shrink
to a fifth or so, and a few bytes that unpack to all of the memory are no data."""


def _unpacked(path: Path, content: bytes) -> bytes:
    """Return what is in a gzip file or in a zip archive of one JSON file; else the bytes as given.

    Raises:
        InputError: it is damaged, holds none or several, or grows beyond all reason.
    """
    least, times = MOST_UNPACKED
    limit = max(least, times * len(content))
    try:
        if content.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
                inside = packed.read(limit + 1)
        elif content.startswith(b"PK\x03\x04"):
            with (
                zipfile.ZipFile(io.BytesIO(content)) as archive,
                archive.open(_only_json(path, archive)) as packed_file,
            ):
                inside = packed_file.read(limit + 1)
        else:
            return content
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
        raise InputError(f"'{path}' is a damaged archive: {error}") from error
    except RuntimeError as error:  # what zipfile says of a password
        raise InputError(f"'{path}' is an archive with a password: unpack it") from error
    if len(inside) > limit:
        raise InputError(f"'{path}' unpacks to more than {limit} bytes: unpack it yourself")
    return inside


def _only_json(path: Path, archive: zipfile.ZipFile) -> str:
    names = [
        name
        for name in archive.namelist()
        if name.lower().endswith(".json") and not name.startswith("__MACOSX/")
    ]
    if len(names) != 1:
        inside = ", ".join(names[:5]) or "none"
        raise InputError(f"'{path}' must hold one .json file, got {len(names)} ({cut(inside)})")
    return names[0]


def _is_json_lines(text: str) -> bool:
    try:
        json.loads(text.split("\n", 1)[0])
    except ValueError:
        return False
    return True


def check_folder(folder: Path) -> None:
    """Make sure, before the work for them, that files can be written there; nothing is made.

    Raises:
        InputError: it or what it would be made in is a file, or may not be changed.
    """
    place = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    if not place.is_dir():
        raise InputError(f"cannot write into '{folder}': '{place}' is a file; give another output")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(
            f"cannot write into '{folder}': '{place}' may not be changed; give another output"
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to, a file or a folder of files.

    Leaving without an error renames it to ``path`` and replaces what was there; leaving with one,
    Ctrl-C included, removes it and what was there stays. Missing parent folders are made. The
    temporary name keeps the suffix, by which some libraries choose a format. What a killed process
    has left in the folder goes when the next one writes there.

    Raises:
        InputError: the system refuses to write there (a parent that is a file, no permission, no
            space left, a file size limit).
    """
    if not path.name:
        raise InputError(f"cannot write '{path}': it is a folder; give another output path")
    temporary = path.with_name(
        f"{_MARK}{os.getpid()}.{_BEGAN}-{uuid.uuid4().hex[:12]}{path.suffix[:20]}"
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        yield temporary
        if temporary.is_dir() and path.is_dir():  # a folder is not renamed over a full one
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"cannot write '{path}': {reason}; give another output path") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with suppress(OSError):
            temporary.unlink()


def _sweep(folder: Path) -> None:
    """Remove what killed processes have left in a folder; looked for once in a process.

    Only processes of this machine can be asked whether they live: what others left goes by age.
    """
    if folder in _SWEPT:
        return
    _SWEPT.add(folder)
    with suppress(OSError):
        for path in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError, ValueError):
                if _is_left(path):
                    _remove(path)


def _is_left(path: Path) -> bool:
    """Tell the file of a process that has ended, or one so old that it must have."""
    if time.time() - path.lstat().st_mtime > LEFT_AFTER:
        return True
    if not path.name.startswith(_MARK):  # another machine's, on a shared disk
        return False
    process, began = map(int, path.name.removeprefix(_MARK).split("-")[0].split("."))
    if process == os.getpid():  # in a container every run may have the same number
        return began != _BEGAN
    if os.name == "nt":  # there asking would end it
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:  # another user's
        return False
    return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all.

    Halves of characters, which JSON can name and UTF-8 cannot hold, are written as escapes.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
