"""Small pictures of sequences for pages."""

import numpy as np
from PIL import Image

from propose_reduce import rle
from propose_reduce.drawing.contact_sheet import main_box
from propose_reduce.drawing.strips import data_uri
from propose_reduce.results import VideoResult
from propose_reduce.structures import Frames

SIDE = 88
"""Pixels of a thumbnail's longer side: twice as many as the page shows, for fine screens."""

POSTER_WIDTH = 320


def thumbnails(frames: Frames, result: VideoResult) -> dict[int, str]:
    """Return each sequence cut out of its key frame as a ``data:`` URL, by sequence id.

    Where it is absent from its key frame the nearest frame that shows it counts; one that is
    nowhere has no picture.
    """
    chosen: dict[int, list[int]] = {}  # sequence ids by frame, so that each is decoded once
    for sequence in result.sequences:
        shown = [t for t, mask in enumerate(sequence.segmentations) if mask and rle.area(mask)]
        if shown:
            distances = [abs(t - sequence.key_frame) for t in shown]
            frame = shown[distances.index(min(distances))]
            chosen.setdefault(frame, []).append(sequence.id)
    pictures = {}
    for frame in sorted(chosen):
        image = frames[frame]
        for id_ in chosen[frame]:
            mask = result[id_].segmentations[frame]
            if mask is not None:
                pictures[id_] = data_uri(_small(image[main_box(rle.decode(mask))], SIDE))
    return pictures


def poster(frames: Frames) -> str:
    """Return the first frame of a video as a small ``data:`` URL."""
    return data_uri(_small(frames[0], POSTER_WIDTH))


def _small(image: np.ndarray, side: int) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((side, side))
    return np.asarray(picture)
