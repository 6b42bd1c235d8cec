"""Folders of label PNGs, for tests."""

import struct
import zlib

import numpy as np
from PIL import Image

CUT_PNG = (
    b"\x89PNG\r\n\x1a\n"
    + struct.pack(">I", 5)
    + b"IHDR"
    + bytes(5)
    + struct.pack(">I", zlib.crc32(b"IHDR" + bytes(5)))
)
"""A PNG whose header is too short by eight bytes, which Pillow answers with a ValueError."""


def write_labels(folder, maps, suffix=".png"):
    """Write label maps (T, H, W) as palette PNGs 00000.png, 00001.png, ..; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame, labels in enumerate(np.asarray(maps, dtype=np.uint8)):
        image = Image.fromarray(labels)
        image.putpalette(np.arange(768, dtype=np.uint8).tobytes())
        image.save(folder / f"{frame:05d}{suffix}")
    return folder
