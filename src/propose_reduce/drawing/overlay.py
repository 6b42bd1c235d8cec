"""A video with its result drawn on it: mask, outline, and a label with id, category and score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from propose_reduce.drawing.colours import COLOURS, colour_of, ink_on
from propose_reduce.results import VideoResult
from propose_reduce.structures import Frames, Size

if TYPE_CHECKING:
    from supervision import ColorPalette

OPACITY = 0.45  # the mask is seen, and so is what it covers


class Painter:
    """Draws what is present on a frame, in sizes that fit the video.

    Args:
        size: (height, width) of the frames.
    """

    def __init__(self, size: Size) -> None:
        import supervision

        fills = [colour_of(sequence_id) for sequence_id in range(COLOURS)]
        colours, short = _palette(fills), min(size)
        by_id = supervision.ColorLookup.TRACK
        self._mask = supervision.MaskAnnotator(colours, opacity=OPACITY, color_lookup=by_id)
        self._outline = supervision.PolygonAnnotator(
            colours, thickness=max(1, round(short / 250)), color_lookup=by_id
        )
        self._label = supervision.RichLabelAnnotator(
            colours,
            color_lookup=by_id,
            text_color=_palette([ink_on(fill) for fill in fills]),
            font_size=int(np.clip(short / 28, 10, 40)),
            text_padding=max(2, short // 180),
            smart_position=True,
        )

    def draw(self, frame: np.ndarray, result: VideoResult, index: int) -> np.ndarray:
        """Return a copy of frame ``index``, uint8 RGB (H, W, 3), with the result on it."""
        present = [s for s in result.sequences if s.segmentations[index] is not None]
        labels = [f"{s.id} {s.category} {s.score:.2f}" for s in present]
        scene = np.ascontiguousarray(self.fill(frame, result, index)[..., ::-1])
        scene = self._label.annotate(scene, result.frame(index), labels)
        return np.ascontiguousarray(scene[..., ::-1])

    def fill(self, frame: np.ndarray, result: VideoResult, index: int) -> np.ndarray:
        """Return a copy of frame ``index`` with masks and outlines only."""
        detections = result.frame(index)
        scene = np.ascontiguousarray(frame[..., ::-1])  # supervision draws BGR
        scene = self._outline.annotate(self._mask.annotate(scene, detections), detections)
        return np.ascontiguousarray(scene[..., ::-1])


def _palette(colours: Sequence[tuple[int, int, int]]) -> ColorPalette:
    from supervision import Color, ColorPalette

    return ColorPalette([Color(*colour) for colour in colours])


def overlay(frames: Frames, result: VideoResult) -> Iterator[np.ndarray]:
    """Yield every frame of a video, uint8 RGB (H, W, 3), with its result drawn on it."""
    painter = Painter(result.size)
    for index in range(result.num_frames):
        yield painter.draw(frames[index], result, index)
