"""A video with its result drawn on it: mask, outline, and a label with id, category and score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from propose_reduce import rle
from propose_reduce.drawing.paint import paint
from propose_reduce.drawing.palette import COLOURS, colour_of, ink_on
from propose_reduce.results import VideoResult
from propose_reduce.structures import Frames, Size

if TYPE_CHECKING:
    from supervision import ColorPalette


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
        self._outline = max(1, round(short / 250))
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
        scene = np.ascontiguousarray(self.fill(frame, result, index)[..., ::-1])  # as BGR
        scene = self._label.annotate(scene, result.frame(index), labels)
        return np.ascontiguousarray(scene[..., ::-1])

    def fill(self, frame: np.ndarray, result: VideoResult, index: int) -> np.ndarray:
        """Return a copy of frame ``index`` with masks and outlines only."""
        present = [
            (rle.decode(mask), colour_of(sequence.id))
            for sequence in result.sequences
            if (mask := sequence.segmentations[index]) is not None
        ]
        masks, colours = zip(*present, strict=True) if present else ((), ())
        return paint(frame, masks, colours, outline=self._outline)


def _palette(colours: Sequence[tuple[int, int, int]]) -> ColorPalette:
    from supervision import Color, ColorPalette

    return ColorPalette([Color(*colour) for colour in colours])


def overlay(frames: Frames, result: VideoResult) -> Iterator[np.ndarray]:
    """Yield every frame of a video, uint8 RGB (H, W, 3), with its result drawn on it."""
    painter = Painter(result.size)
    for index in range(result.num_frames):
        yield painter.draw(frames[index], result, index)
