"""The ids that predictions need: those of an annotation file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from propose_reduce.data import youtube_vis
from propose_reduce.errors import InputError


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """The videos and categories of a YouTube-VIS file; what it annotates does not matter."""

    listed: youtube_vis.Annotations

    @classmethod
    def read(cls, path: Path) -> Annotations:
        """Return what an annotation file says of videos and categories.

        Raises:
            InputError: the file cannot be read, or has a fault there.
        """
        return cls(youtube_vis.read_annotations(path, objects=False))

    def video_id(self, name: str, num_frames: int) -> int:
        """Return the id of a video.

        Raises:
            InputError: the file has no such video or several, or gives it another number of frames.
        """
        video = self.listed.find(name)
        if video.num_frames != num_frames:
            raise InputError(
                f"the annotations give video '{name}' {video.num_frames} frames, it has "
                f"{num_frames}: give the annotated frames alone"
            )
        return video.id

    @property
    def category_ids(self) -> dict[str, int]:
        """Return ids by category name."""
        return {name: number for number, name in self.listed.categories.items()}
