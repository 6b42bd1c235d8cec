"""The videos an ablation runs on, with the truth about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from propose_reduce.data.videos import AnnotatedVideo
from propose_reduce.data.youtube_vis import document, read_annotations, video_set
from propose_reduce.errors import InputError
from propose_reduce.files import read_bytes
from propose_reduce.structures import Clip, fitted_size


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedClips:
    """Videos and their truth.

    Attributes:
        clips: lazy videos by id.
        truth: a YouTube-VIS annotation file about these videos and no others.
        digest: changes when the annotations, the choice of videos or the size of an image
            file does.
    """

    clips: dict[int, Clip]
    truth: dict[str, Any]
    digest: str

    def category_ids(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the truth's ids of categories; one that it does not list stands for itself.

        Raises:
            InputError: it lists none of them, so that nothing could ever be right.
        """
        listed = {category["name"]: category["id"] for category in self.truth["categories"]}
        if not listed.keys() & set(names):
            raise InputError(
                f"the annotations list none of the model's categories ({', '.join(names[:5])}, ..) "
                f"but {', '.join(list(listed)[:5])}, ..: give weights for these"
            )
        return {name: listed.get(name, name) for name in names}


class _ImageFrames:
    """The frames of an annotated video, each read when asked for."""

    def __init__(self, video: AnnotatedVideo) -> None:
        self._video = video

    def __len__(self) -> int:
        return len(self._video.frames)

    def __getitem__(self, index: int, /) -> np.ndarray:
        return self._video.image(index)


def read_clips(
    annotations: Path, images: Path, *, long_side: int, short_side: int, videos: int | None = None
) -> AnnotatedClips:
    """Return the videos of a YouTube-VIS data set.

    Args:
        annotations: the JSON file.
        images: the folder that its ``file_names`` start from.
        long_side: the longer side of what networks see fits into this, pixels.
        short_side: the same of the shorter side.
        videos: the first so many; all of them by default.

    Raises:
        InputError: the file cannot be read or has a fault, no object of these videos is annotated,
            or an image file is missing.
    """
    found = read_annotations(annotations)
    chosen = video_set(found, str(annotations), images).videos[:videos]
    clips = {
        video.id: Clip(
            _ImageFrames(video),
            fitted_size(video.size, long_side=long_side, short_side=short_side),
            video.size,
        )
        for video in chosen
    }
    truth = document(found, clips)
    if not truth["annotations"]:
        raise InputError(
            f"'{annotations}' annotates no object in these videos: nothing to evaluate"
        )
    return AnnotatedClips(clips, truth, _set_digest(annotations, chosen))


def _set_digest(annotations: Path, videos: Sequence[AnnotatedVideo]) -> str:
    digest = sha256(read_bytes(annotations))
    for video in videos:
        for file in video.frames:
            try:
                size = file.stat().st_size
            except OSError as error:
                raise InputError(f"image '{file}' cannot be read: {error.strerror}") from error
            digest.update(f"{video.id} {size}\n".encode())
    return digest.hexdigest()
