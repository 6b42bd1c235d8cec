"""Strips of frames with masks over them, small enough to lie inside a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracks import Track, Video
from propose_reduce.files import IMAGE_FAULTS

COLOURS = (
    (0, 158, 115),
    (230, 159, 0),
    (86, 180, 233),
    (204, 121, 167),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
)
"""RGB of objects in their order, again from the start after the last (Okabe and Ito, 2008)."""

OTHER_COLOUR = (235, 235, 235)
"""RGB of predictions that show no object."""

OPACITY = 0.45
GAP = 4
"""Pixels between the frames of a strip."""


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A track and its colour, RGB 0-255."""

    track: Track
    colour: tuple[int, int, int]


def colour(place: int) -> tuple[int, int, int]:
    """Return the RGB colour of an object by its place in the video, -1 for no object."""
    return OTHER_COLOUR if place < 0 else COLOURS[place % len(COLOURS)]


def spread(frames: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of the frames, evenly spread, the first and the last among them."""
    if len(frames) <= count:
        return list(frames)
    return [frames[round(place)] for place in np.linspace(0, len(frames) - 1, count)]


def strip(
    video: Video, folder: Path, frames: Sequence[int], painted: Sequence[Painted], width: int = 220
) -> np.ndarray:
    """Return frames side by side with masks over them: uint8 RGB (H, W, 3).

    Args:
        video: the video; its ``frame_names`` lie in ``folder``.
        folder: where the images are.
        frames: which frames, 0-based.
        painted: what to draw, the first on top.
        width: of one frame in the strip, pixels.

    Raises:
        InputError: no frames, or an image is missing or cannot be read.
    """
    if not frames:
        raise InputError(
            f"video {video.id} ('{video.name}') has neither a length nor file names; leave out the "
            "frames"
        )
    size = (width, max(1, round(width * video.size[0] / video.size[1])))
    parts = []
    for frame in frames:
        picture = _picture(video, folder, frame, size)
        for each in reversed(painted):
            masks = each.track.segmentations
            mask = masks[frame] if frame < len(masks) else None
            if mask is not None:
                _paint(picture, mask, each.colour)
        parts += [picture, np.full((size[1], GAP, 3), 255.0)]
    return np.concatenate(parts[:-1], axis=1).astype(np.uint8)


def _picture(video: Video, folder: Path, frame: int, size: tuple[int, int]) -> np.ndarray:
    if frame >= len(video.frame_names):
        raise InputError(
            f"video {video.id} ('{video.name}') has no file name for frame {frame}; leave out "
            "the frames"
        )
    path = folder / video.frame_names[frame]
    try:
        with Image.open(path) as image:
            image.draft("RGB", size)  # JPEG files are decoded at about the size needed
            small = image.convert("RGB").resize(size, Image.Resampling.BOX)
    except IMAGE_FAULTS as error:
        raise InputError(
            f"frame '{path}' cannot be read: {getattr(error, 'strerror', None) or error}; the "
            "file names of the ground truth are taken relative to the folder of frames"
        ) from error
    return np.asarray(small, dtype=np.float64).copy()


def _paint(picture: np.ndarray, mask: rle.Rle, rgb: tuple[int, int, int]) -> None:
    """Tint the mask's pixels and draw its edge, in place."""
    height, width = picture.shape[:2]
    full = Image.fromarray(rle.decode(mask).view(np.uint8) * 255)
    inside = full.resize((width, height), Image.Resampling.BOX).point(lambda v: 255 * (v > 127))
    shrunk = inside.filter(ImageFilter.MinFilter(3))
    whole, core = np.asarray(inside) > 0, np.asarray(shrunk) > 0
    picture[core] = (1 - OPACITY) * picture[core] + OPACITY * np.array(rgb)
    picture[whole & ~core] = rgb


def data_uri(image: np.ndarray) -> str:
    """Return a uint8 RGB image (H, W, 3) as a JPEG inside a link."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
