"""``VideoResult``: what segmenting one video gives, and all that can be done with it.

Letters: T frames, N sequences, C foreground classes, H and W the video's own pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.results import formats, native
from propose_reduce.results.sequences import VideoSequences

if TYPE_CHECKING:
    from rich.table import Table
    from supervision import Detections


@dataclass(frozen=True, slots=True, eq=False)
class VideoResult(VideoSequences):
    """The instance sequences of one video; its attributes are those of ``VideoSequences``."""

    def save(self, folder: str | Path, file_name: str = native.FILE_NAME) -> Path:
        """Write ``folder/result.json`` whole or not at all, and return its path."""
        path = Path(folder) / file_name
        native.write(self, path)
        return path

    @classmethod
    def load(cls, file: str | Path) -> VideoResult:
        """Return the result in a native file.

        Raises:
            InputError: the file cannot be read, or is no result; the message gives the place.
        """
        return native.read(Path(file), cls)

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
        """
        return formats.davis(self)

    def table(self) -> Table:
        """Return the sequences as a table to print with rich."""
        from rich.table import Table
        from rich.text import Text

        title = f"{self.name}: sequences {len(self.sequences)}, frames {self.num_frames}"
        table = Table(title=Text(title), title_justify="left")
        for heading in ("id", "category", "score", "key frame", "frames", "present"):
            table.add_column(heading, justify="left" if heading == "category" else "right")
        for sequence in self.sequences:
            shown = [t for t, mask in enumerate(sequence.segmentations) if mask is not None]
            table.add_row(
                str(sequence.id),
                Text(sequence.category),
                f"{sequence.score:.3f}",
                str(sequence.key_frame),
                str(len(shown)),
                f"{shown[0]}-{shown[-1]}" if shown else "-",
            )
        return table
