"""``VideoResult``: what segmenting one video gives, and all that can be done with it.

Letters: T frames, N sequences, C foreground classes, H and W the video's own pixels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.files import is_folder
from propose_reduce.results import exports, formats, native
from propose_reduce.results.sequences import SHOW_SCORE, VideoSequences

if TYPE_CHECKING:
    import pandas
    from rich.table import Table
    from supervision import Detections


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VideoResult(VideoSequences):
    """The instance sequences of one video; its attributes are those of ``VideoSequences``."""

    def save(self, folder: str | Path, file_name: str = native.FILE_NAME) -> Path:
        """Write ``folder/result.json`` whole or not at all, and return its path."""
        path = Path(folder) / file_name
        native.write(self, path)
        return path

    @classmethod
    def load(cls, file: str | Path) -> VideoResult:
        """Return the result in a native file, or in the folder that holds it.

        Raises:
            InputError: the file cannot be read, or is no result; the message gives the place.
        """
        path = Path(file)
        return native.read(path / native.FILE_NAME if is_folder(path) else path, cls)

    def __repr__(self) -> str:
        """Return what it is in one line."""
        height, width = self.size
        counts = Counter(sequence.category for sequence in self.sequences)
        found = ", ".join(f"{count} {name}" for name, count in counts.items()) or "no object"
        return f"VideoResult({self.name!r}: {found}; {self.num_frames} frames, {width} x {height})"

    def _repr_html_(self) -> str:
        """Return the table of ``table`` as HTML, which notebooks show."""
        cells, shown = "</td><td>", self._shown(SHOW_SCORE)
        rows = "".join(
            f"<tr><td>{cells.join(map(escape, row))}</td></tr>" for row in shown._table_rows()
        )
        caption = f"{self!r}{self._weaker(shown, SHOW_SCORE)}"
        heads = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
        return f"<table><caption>{escape(caption)}</caption><tr>{heads}</tr>{rows}</table>"

    def frame(self, index: int) -> Detections:
        """Return what is present on a frame, as supervision knows it.

        ``mask`` is bool (n, H, W), ``class_id`` the category id, ``confidence`` the sequence's
        score (steady through the video; ``data["frame_score"]`` has the frame's own, NaN where
        unknown), ``tracker_id`` the sequence's id; ``xyxy`` has exclusive right and lower edges.

        Args:
            index: 0-based frame index.
        """
        import supervision

        if not 0 <= index < self.num_frames:
            raise InputError(f"frame {index} is not among 0..{self.num_frames - 1}")
        ids = self.category_ids
        present = [s for s in self.sequences if s.segmentations[index] is not None]
        encodings = [e for s in present if (e := s.segmentations[index]) is not None]
        boxes = np.array([rle.box(e) for e in encodings], dtype=np.float64).reshape(-1, 4)
        masks = np.array([rle.decode(e) for e in encodings], dtype=bool)
        scores = [s.frame_scores[index] for s in present]
        return supervision.Detections(
            xyxy=np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1),
            mask=masks.reshape(-1, *self.size),
            confidence=np.array([s.score for s in present], dtype=np.float64),
            class_id=np.array([ids[s.category] for s in present], dtype=np.int64),
            tracker_id=np.array([s.id for s in present], dtype=np.int64),
            data={
                "class_name": np.array([s.category for s in present], dtype=np.str_),
                "frame_score": np.array(
                    [np.nan if score is None else score for score in scores], dtype=np.float64
                ),
            },
        )

    def to_youtube_vis(
        self, video_id: int = 1, category_ids: Mapping[str, int] | None = None
    ) -> list[dict[str, Any]]:
        """Return YouTube-VIS predictions: one per (sequence, class) pair, sharing the masks.

        Args:
            video_id: the video's id in the annotation file.
            category_ids: the file's ids by category name; this result's own ids without it.

        Raises:
            InputError: a class of a sequence that ``category_ids`` does not name.
        """
        return formats.youtube_vis(self, video_id, category_ids or self.category_ids)

    def to_davis(self) -> Iterator[np.ndarray]:
        """Yield one label map per frame: uint8 (H, W), 0 background, objects from 1 by rank.

        At most 20 objects, the best-scoring; where masks overlap the better one has the pixel.
        Where the objects were given, all of them under their own ids, in uint16 if these need it;
        a pixel then belongs to the one that is surest on that frame.
        """
        return formats.davis(self)

    def export(self, name: str, folder: str | Path, frames: Sequence[str] | None = None) -> Path:
        """Write it in another tool's format into a folder, and return the file or folder made.

        Args:
            name: of the format: "coco", "cvat", "mots" and others (docs/formats.md).
            folder: where it goes.
            frames: T file names of the frames; ``frame_000000.png`` and so on without it.

        Raises:
            InputError: an unknown format, or a folder that cannot be written to.
        """
        return exports.export(self, name, folder, frames=frames)

    def table(self, *, show_score: float = SHOW_SCORE) -> Table:
        """Return the sequences as a table to print with rich.

        Args:
            show_score: sequences that score less are counted in its title alone, unless the
                objects were given.
        """
        from rich.table import Table
        from rich.text import Text

        shown = self._shown(show_score)
        title = f"{self.name}: sequences {len(shown.sequences)}, frames {self.num_frames}"
        title += self._weaker(shown, show_score)
        table = Table(title=Text(title), title_justify="left")
        for heading in _HEADINGS:
            table.add_column(heading, justify="left" if heading == "category" else "right")
        for row in shown._table_rows():
            table.add_row(*map(Text, row))
        return table

    def _shown(self, show_score: float) -> VideoResult:
        return self if self.objects_given else self.filter(min_score=show_score)

    def _weaker(self, shown: VideoResult, show_score: float) -> str:
        """Return what to say of the sequences that are not shown."""
        count = len(self.sequences) - len(shown.sequences)
        return f"; {count} more below a score of {show_score:g}" if count else ""

    def _table_rows(self) -> Iterator[tuple[str, ...]]:
        for sequence in self.sequences:
            shown = [t for t, mask in enumerate(sequence.segmentations) if mask is not None]
            yield (
                str(sequence.id),
                sequence.category,
                f"{sequence.score:.3f}",
                str(sequence.key_frame),
                str(len(shown)),
                f"{shown[0]}-{shown[-1]}" if shown else "-",
            )

    def to_pandas(self) -> pandas.DataFrame:
        """Return one row for each sequence and frame on which it is present.

        The columns are those of the export format ``csv`` but the run lengths.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise InputError("to_pandas needs pandas: pip install pandas") from error
        boxes, areas, rows = self.boxes, self.areas, []
        for index, t, _ in self._present():
            one, (x1, y1, x2, y2) = self.sequences[index], boxes[index, t]
            time = self.timestamps[t] if self.timestamps else t / (self.fps or np.nan)
            row = (t, time, one.id, one.category, one.score, one.frame_scores[t])
            rows.append((*row, x1, y1, x2 - x1, y2 - y1, areas[index, t]))
        columns = ("frame", "time", "id", "category", "score", "frame_score")
        return pandas.DataFrame(rows, columns=[*columns, "x", "y", "width", "height", "area"])


_HEADINGS = ("id", "category", "score", "key frame", "frames", "present")
