"""Annotated videos in the formats of other tools, read: a table of them (docs/data.md)."""

from propose_reduce.data.imports.table import IMPORTS, ImportFormat, import_format
from propose_reduce.data.imports.videos import FindPictures, ForeignVideo, FramePictures, Reading

__all__ = [
    "IMPORTS",
    "FindPictures",
    "ForeignVideo",
    "FramePictures",
    "ImportFormat",
    "Reading",
    "import_format",
]
