"""The ids that predictions need: those of an annotation file, or numbers in order."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from propose_reduce.errors import InputError, nearest
from propose_reduce.evaluation.tracks import name_of


class _Video(BaseModel):
    id: int
    name: str | None = None
    file_names: list[str] = Field(min_length=1)

    @property
    def called(self) -> str:
        """Return its name as the evaluation finds it."""
        return name_of(self.model_dump(exclude_none=True))


class _Category(BaseModel):
    id: int
    name: str


class Annotations(BaseModel):
    """The videos and categories of a YouTube-VIS file; the annotations themselves do not matter."""

    videos: list[_Video]
    categories: list[_Category]

    @classmethod
    def read(cls, path: Path) -> Annotations:
        """Return what an annotation file says of videos and categories.

        Raises:
            InputError: the file cannot be read, or lacks them.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise InputError(f"annotations '{path}' cannot be read: {error.strerror}") from error
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in fault["loc"]) or "the file"
            raise InputError(f"annotations '{path}': {place}: {fault['msg']}") from error

    def video_id(self, name: str, num_frames: int) -> int:
        """Return the id of a video.

        Raises:
            InputError: the file has no such video or several, or gives it another number of frames.
        """
        found = [video for video in self.videos if video.called == name]
        if not found:
            guess = nearest(name, [video.called for video in self.videos])
            advice = f"; did you mean '{guess}'?" if guess else ""
            raise InputError(f"the annotations have no video '{name}'{advice}")
        if len(found) > 1:
            ids = ", ".join(str(video.id) for video in found)
            raise InputError(f"the annotations have video '{name}' under the ids {ids}")
        (video,) = found
        if len(video.file_names) != num_frames:
            raise InputError(
                f"the annotations give video '{name}' {len(video.file_names)} frames, it has "
                f"{num_frames}: give the annotated frames alone"
            )
        return video.id

    @property
    def category_ids(self) -> dict[str, int]:
        """Return ids by category name."""
        return {category.name: category.id for category in self.categories}
