"""A whole video on one picture: a row of frames, then a row for each sequence.

A sequence's row shows the object cut out of the same frames, and below them a bar over all frames:
coloured where the object is present, with a mark on the key frame it was proposed on.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from propose_reduce import rle
from propose_reduce.drawing.overlay import Painter
from propose_reduce.drawing.palette import Colour, colour_of, ink_on
from propose_reduce.results import VideoResult
from propose_reduce.structures import Frames, InstanceSequence

Font: TypeAlias = ImageFont.ImageFont | ImageFont.FreeTypeFont

COLUMNS = 6
ROWS = 12  # the best sequences; of more the sheet only says how many
LABELS, CELL, CROP = 150, 190, 108  # widths of the label column and a cell, height of a cut-out
GAP, BAR, HEADER = 8, 7, 34
PAPER, INK, FAINT = (255, 255, 255), (40, 40, 40), (225, 225, 225)
FADED = 0.75  # share of light grey around a cut-out object; dark ones stand out from it too
MARGIN = 0.12  # of an object's box, shown around it


def contact_sheet(frames: Frames, result: VideoResult) -> np.ndarray:
    """Return the sheet: uint8 RGB (height, width, 3).

    Args:
        frames: the video, uint8 RGB (H, W, 3).
        result: its sequences.
    """
    last = result.num_frames - 1
    columns = sorted({last * k // max(COLUMNS - 1, 1) for k in range(COLUMNS)})
    pictures = {index: frames[index] for index in columns}
    shown = result.sequences[:ROWS]
    sheet = _Sheet(len(columns), len(shown), result)
    painter = Painter(result.size)
    for column, (index, picture) in enumerate(pictures.items()):
        sheet.frame(column, index, painter.fill(picture, result, index))
        for row, sequence in enumerate(shown):
            mask = sequence.segmentations[index]
            if mask is not None:
                sheet.cutout(row, column, _cutout(picture, rle.decode(mask), sequence.id))
    for row, sequence in enumerate(shown):
        sheet.label(row, sequence)
        sheet.bar(row, sequence)
    return np.asarray(sheet.image)


def _cutout(picture: np.ndarray, mask: np.ndarray, sequence_id: int) -> Image.Image:
    """Return the box around a mask, outside the mask faded, fitted into a cell."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    grown = round(MARGIN * max(np.ptp(rows), np.ptp(columns))) + 2
    box = np.s_[
        max(rows[0] - grown, 0) : rows[-1] + 1 + grown,
        max(columns[0] - grown, 0) : columns[-1] + 1 + grown,
    ]
    inside = mask[box][..., None]
    around = (1 - FADED) * picture[box] + FADED * FAINT[0]
    faded = np.where(inside, picture[box], around).astype(np.uint8)
    height, width = faded.shape[:2]
    scale = min(CELL / width, CROP / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = Image.fromarray(faded).resize(size, Image.Resampling.LANCZOS)
    edged = Image.new("RGB", (size[0] + 4, size[1] + 4), colour_of(sequence_id))
    edged.paste(image, (2, 2))
    return edged.crop((1, 1, size[0] + 3, size[1] + 3))


class _Sheet:
    """Where things go on the paper."""

    def __init__(self, columns: int, rows: int, result: VideoResult) -> None:
        height, width = result.size
        self._frame_height = max(1, round(CELL * min(height / width, 1.5)))
        self._top = HEADER + GAP + self._frame_height + 20 + GAP
        self._row_height = CROP + BAR + 3 * GAP
        self._columns = columns
        hidden = len(result.sequences) - rows
        size = (
            LABELS + columns * (CELL + GAP) + GAP,
            self._top + max(rows, 1) * self._row_height + (24 if hidden else GAP),
        )
        self.image = Image.new("RGB", size, PAPER)
        self._draw = ImageDraw.Draw(self.image)
        count = f"objects {len(result.sequences)}, frames {result.num_frames}"
        room = size[0] - 4 * GAP - _font(14).getlength(count)
        self._draw.text((GAP, GAP), _cut(result.name, _font(18), room), INK, _font(18))
        self._draw.text((size[0] - GAP, GAP + 3), count, INK, _font(14), anchor="ra")
        if not rows:
            self._draw.text((LABELS, self._top), "no object was found", INK, _font(16))
        if hidden:
            note = f"and {hidden} more"
            self._draw.text((GAP, size[1] - 22), note, INK, _font(14))

    def frame(self, column: int, index: int, picture: np.ndarray) -> None:
        """Put a whole frame into the top row."""
        image = Image.fromarray(picture)
        image.thumbnail((CELL, self._frame_height), Image.Resampling.LANCZOS)
        x = LABELS + column * (CELL + GAP)
        self.image.paste(image, (x + (CELL - image.width) // 2, HEADER + GAP))
        place = (x + CELL // 2, HEADER + GAP + self._frame_height + 3)
        self._draw.text(place, f"frame {index}", INK, _font(13), anchor="ma")

    def cutout(self, row: int, column: int, image: Image.Image) -> None:
        """Put a cut-out object into its cell, centred."""
        x = LABELS + column * (CELL + GAP) + (CELL - image.width) // 2
        y = self._top + row * self._row_height + (CROP - image.height) // 2
        self.image.paste(image, (x, y))

    def label(self, row: int, sequence: InstanceSequence) -> None:
        """Write id, category, score and presence at the left of a row."""
        y = self._top + row * self._row_height
        colour = colour_of(sequence.id)
        self._chip((GAP, y), str(sequence.id), colour)
        frames = len(sequence.segmentations)
        present = sum(mask is not None for mask in sequence.segmentations)
        name = _cut(sequence.category, _font(15), LABELS - 2 * GAP)
        lines = (name, f"score {sequence.score:.2f}", f"{present} of {frames} frames")
        for number, line in enumerate(lines):
            font = _font(15 if number == 0 else 12)
            self._draw.text((GAP, y + 28 + 18 * number), line, INK, font)

    def bar(self, row: int, sequence: InstanceSequence) -> None:
        """Draw where in the video a sequence is present, below its row."""
        frames = len(sequence.segmentations)
        left, width = LABELS, self._columns * (CELL + GAP) - GAP
        y = self._top + row * self._row_height + CROP + GAP
        edges = [left + round(width * frame / frames) for frame in range(frames + 1)]
        self._draw.rectangle((left, y, left + width - 1, y + BAR - 1), FAINT)
        for frame, mask in enumerate(sequence.segmentations):
            if mask is not None:
                right = max(edges[frame], edges[frame + 1] - 1)
                colour = colour_of(sequence.id)
                self._draw.rectangle((edges[frame], y, right, y + BAR - 1), colour)
        middle = (edges[sequence.key_frame] + edges[sequence.key_frame + 1]) // 2
        self._draw.polygon([(middle - 5, y - 5), (middle + 5, y - 5), (middle, y + 3)], INK, PAPER)

    def _chip(self, corner: tuple[int, int], text: str, colour: Colour) -> None:
        font = _font(15)
        width = max(24, round(font.getlength(text)) + 12)
        x, y = corner
        self._draw.rounded_rectangle((x, y, x + width, y + 22), 4, colour)
        self._draw.text((x + width / 2, y + 11), text, ink_on(colour), font, anchor="mm")


def _cut(text: str, font: Font, width: float) -> str:
    """Return a text with its end left out where it is wider than so many pixels."""
    while font.getlength(text) > width and len(text) > 1:
        text = text.removesuffix("…")[:-1] + "…"
    return text


def _font(size: int) -> Font:
    return ImageFont.load_default(size)
