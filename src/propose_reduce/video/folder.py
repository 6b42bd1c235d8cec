"""A folder of images as frames, in natural order."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from propose_reduce.errors import InputError
from propose_reduce.files import IMAGE_FAULTS
from propose_reduce.video.pixels import check_size, on_black

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm"}
)


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Return a sort key under which frame2 comes before frame10."""
    pieces = re.split(r"(\d+)", str(path).casefold())
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in pieces], str(path)


def image_files(folder: Path) -> list[Path]:
    """Return the images directly in a folder, in natural order; hidden files are left out."""
    return sorted(
        (
            entry
            for entry in folder.iterdir()
            if entry.suffix.lower() in SUFFIXES
            and not entry.name.startswith(".")
            and entry.is_file()
        ),
        key=natural_order,
    )


def read_image(path: Path) -> np.ndarray:
    """Return an image as uint8 RGB (H, W, 3): turned as its EXIF says, alpha on black.

    Raises:
        InputError: the file is no image, damaged, or absurdly large.
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")  # about odd metadata; the pixels are what counts
            check_size(str(path), image.height, image.width)
            return _rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise InputError(f"'{path}' is no image") from error
    except Image.DecompressionBombError as error:
        raise InputError(f"'{path}' is too large: {error}") from error
    except IMAGE_FAULTS as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"'{path}' cannot be decoded: {error}") from error


def pictures_in(path: Path) -> int:
    """Return how many pictures an image file holds that ``read_image`` can read."""
    with warnings.catch_warnings(), Image.open(path) as image:
        warnings.simplefilter("ignore")
        return getattr(image, "n_frames", 1)


def _rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PNG"):
        grey = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        return on_black(np.asarray(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


class FolderFrames:
    """Images of one size, each read when asked for."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int, /) -> np.ndarray:
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} is not among 0..{len(self) - 1}")
        return read_image(self._files[index])


def readable_files(files: Sequence[Path]) -> list[Path]:
    """Return the images before the first damaged one, having looked at each.

    Raises:
        InputError: the first image is damaged, or one has another size than the first.
    """
    expected = read_image(files[0]).shape
    for index, file in enumerate(files):
        try:
            shape = read_image(file).shape
        except InputError:
            return list(files[:index])
        if shape != expected:
            raise InputError(
                f"'{file}' is {shape[1]} x {shape[0]} pixels, the images before it are "
                f"{expected[1]} x {expected[0]}: frames must have one size"
            )
    return list(files)
