"""Files that appear whole or not at all: written under a temporary name, then renamed."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from propose_reduce.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path`` to write to, a file or a folder of files.

    Leaving without an error renames it to ``path`` and replaces what was there; leaving with one,
    Ctrl-C included, removes it and what was there stays. Missing parent folders are made. The
    temporary name keeps the suffix, by which some libraries choose a format.

    Raises:
        InputError: the system refuses to write there (a parent that is a file, no permission, no
            space left, a file size limit).
    """
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
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


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
