"""A whole video on one picture: a row of frames, then a row for each sequence.

A sequence's row shows the object cut out of the same frames, and below them a bar over all frames:
coloured where the object is present, with a mark on the key frame it was proposed on.
"""

import cv2
import numpy as np
from PIL import Image, ImageDraw

from propose_reduce import rle
from propose_reduce.drawing.overlay import fill
from propose_reduce.drawing.paint import chip, colour_of, fitted_text, font
from propose_reduce.results import VideoResult
from propose_reduce.structures import Frames, InstanceSequence

COLUMNS = 6
ROWS = 12  # the best sequences; of more the sheet only says how many
PAPER, INK, FAINT = (255, 255, 255), (40, 40, 40), (225, 225, 225)
FADED = 0.75  # share of light grey around a cut-out object; dark ones stand out from it too
MARGIN = 0.12  # of an object's box, shown around it
STRAY = 0.05  # parts of a mask smaller than this share of its largest part do not widen a cut-out
FULL_SIZE = 1280
"""Videos whose longer side has this many pixels get a sheet as drawn here; larger ones a larger
sheet, up to ``LARGEST`` times, smaller ones the same."""
LARGEST = 3.0


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
    for column, (index, picture) in enumerate(pictures.items()):
        sheet.frame(column, index, fill(picture, result, index))
        for row, sequence in enumerate(shown):
            mask = sequence.segmentations[index]
            if mask is not None:
                sheet.cutout(row, column, picture, rle.decode(mask), sequence.id)
    for row, sequence in enumerate(shown):
        sheet.label(row, sequence)
        sheet.bar(row, sequence)
    return np.asarray(sheet.image)


def main_box(mask: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns of the box around a mask's main parts, stray pixels left out.

    Args:
        mask: bool (H, W), not empty.
    """
    count, _, statistics, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    areas = statistics[:, cv2.CC_STAT_AREA]
    kept = [part for part in range(1, count) if areas[part] >= STRAY * areas[1:].max()]
    left, top, width, height = (statistics[kept, column] for column in range(4))
    return (
        slice(int(top.min()), int((top + height).max())),
        slice(int(left.min()), int((left + width).max())),
    )


class _Sheet:
    """Where things go on the paper; all lengths in pixels, scaled with the video."""

    def __init__(self, columns: int, rows: int, result: VideoResult) -> None:
        height, width = result.size
        self._result = result
        self._scale = min(max(max(result.size) / FULL_SIZE, 1.0), LARGEST)
        self._labels, self._cell, self._crop = self._px(150), self._px(190), self._px(108)
        self._gap, self._bar = self._px(8), self._px(7)
        self._frame_top = self._px(34) + self._gap
        self._frame_height = max(1, round(self._cell * min(height / width, 1.5)))
        self._top = self._frame_top + self._frame_height + self._px(20) + self._gap
        self._row_height = self._crop + self._bar + 3 * self._gap
        self._columns = columns
        hidden = len(result.sequences) - rows
        size = (
            self._labels + columns * (self._cell + self._gap) + self._gap,
            self._top + max(rows, 1) * self._row_height + (self._px(24) if hidden else self._gap),
        )
        self.image = Image.new("RGB", size, PAPER)
        self._draw = ImageDraw.Draw(self.image)
        count = f"objects {len(result.sequences)}, frames {result.num_frames}"
        title, small, gap = font(self._px(18)), font(self._px(14)), self._gap
        room = size[0] - 4 * gap - small.getlength(count)
        self._draw.text((gap, gap), fitted_text(result.name, title, room), INK, title)
        self._draw.text((size[0] - gap, gap + self._px(3)), count, INK, small, anchor="ra")
        if not rows:
            place = (self._labels, self._top)
            self._draw.text(place, "no object was found", INK, font(self._px(16)))
        if hidden:
            place = (gap, size[1] - self._px(22))
            self._draw.text(place, f"and {hidden} more", INK, small)

    def _px(self, pixels: float) -> int:
        return round(pixels * self._scale)

    def frame(self, column: int, index: int, picture: np.ndarray) -> None:
        """Put a whole frame into the top row."""
        image = Image.fromarray(picture)
        image.thumbnail((self._cell, self._frame_height), Image.Resampling.LANCZOS)
        x = self._labels + column * (self._cell + self._gap)
        self.image.paste(image, (x + (self._cell - image.width) // 2, self._frame_top))
        place = (x + self._cell // 2, self._frame_top + self._frame_height + self._px(3))
        text = f"frame {index}{self._seconds(index)}"
        self._draw.text(place, text, INK, font(self._px(13)), anchor="ma")

    def _seconds(self, index: int) -> str:
        """Return when a frame is shown, nothing for frames without times."""
        if self._result.timestamps is not None:
            return f", {self._result.timestamps[index]:.2f} s"
        return f", {index / self._result.fps:.2f} s" if self._result.fps else ""

    def cutout(
        self, row: int, column: int, picture: np.ndarray, mask: np.ndarray, sequence_id: int
    ) -> None:
        """Put an object, cut out of a frame, into its cell, centred; around it the frame fades."""
        rows, columns = main_box(mask)
        grown = round(MARGIN * max(rows.stop - rows.start, columns.stop - columns.start)) + 2
        box = np.s_[
            max(rows.start - grown, 0) : rows.stop + grown,
            max(columns.start - grown, 0) : columns.stop + grown,
        ]
        around = (1 - FADED) * picture[box] + FADED * FAINT[0]
        faded = np.where(mask[box][..., None], picture[box], around).astype(np.uint8)
        height, width = faded.shape[:2]
        scale = min(self._cell / width, self._crop / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = Image.fromarray(faded).resize(size, Image.Resampling.LANCZOS)
        x = self._labels + column * (self._cell + self._gap) + (self._cell - image.width) // 2
        y = self._top + row * self._row_height + (self._crop - image.height) // 2
        edge = self._px(1)
        corners = (x - edge, y - edge, x + image.width + edge - 1, y + image.height + edge - 1)
        self._draw.rectangle(corners, colour_of(sequence_id))
        self.image.paste(image, (x, y))

    def label(self, row: int, sequence: InstanceSequence) -> None:
        """Write id, category, score and presence at the left of a row."""
        y = self._top + row * self._row_height
        room = self._labels - 2 * self._gap
        label = chip(f" {sequence.id} ", colour_of(sequence.id), self._px(15), room)
        self.image.paste(Image.fromarray(label), (self._gap, y))
        frames = len(sequence.segmentations)
        present = sum(mask is not None for mask in sequence.segmentations)
        lines = (sequence.category, f"score {sequence.score:.2f}", f"{present} of {frames} frames")
        for number, line in enumerate(lines):
            face = font(self._px(15 if number == 0 else 12))
            place = (self._gap, y + self._px(28 + 18 * number))
            self._draw.text(place, fitted_text(line, face, room), INK, face)

    def bar(self, row: int, sequence: InstanceSequence) -> None:
        """Draw where in the video a sequence is present, below its row."""
        frames = len(sequence.segmentations)
        left, width = self._labels, self._columns * (self._cell + self._gap) - self._gap
        y = self._top + row * self._row_height + self._crop + self._gap
        bottom = y + self._bar - 1
        edges = [left + round(width * frame / frames) for frame in range(frames + 1)]
        self._draw.rectangle((left, y, left + width - 1, bottom), FAINT)
        for frame, mask in enumerate(sequence.segmentations):
            if mask is not None:
                right = max(edges[frame], edges[frame + 1] - 1)
                self._draw.rectangle((edges[frame], y, right, bottom), colour_of(sequence.id))
        middle = (edges[sequence.key_frame] + edges[sequence.key_frame + 1]) // 2
        side = self._px(5)
        mark = [(middle - side, y - side), (middle + side, y - side), (middle, y + self._px(3))]
        self._draw.polygon(mark, INK, PAPER)
