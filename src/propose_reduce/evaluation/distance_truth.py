"""The truth that proposals are measured against: a YouTube-VIS file or DAVIS label maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from propose_reduce import rle
from propose_reduce.data.label_maps import VOID, read_labels
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.evaluation.davis_files import ANNOTATIONS, annotation_folder
from propose_reduce.evaluation.davis_sequence import check_has_objects
from propose_reduce.evaluation.tracks import Track, Video, read_ground_truth
from propose_reduce.files import is_folder, read_json
from propose_reduce.structures import Size


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is known about one video.

    Attributes:
        size: (height, width) in pixels.
        objects: the objects; crowds are none.
        void: pixels that do not count, or None.
    """

    size: Size
    objects: tuple[Track, ...]
    void: Track | None = None


class AnnotatedVideos:
    """The videos of a YouTube-VIS annotation file.

    Attributes:
        videos: all of them.
    """

    def __init__(self, path: Path) -> None:
        self.videos: list[Video] = list(read_ground_truth(read_json(path)).videos.values())

    def find(self, name: str) -> Truth:
        """Return the truth of a video by its name, or by its id as text.

        Raises:
            InputError: no video is called so, or several are.
        """
        found = [video for video in self.videos if video.name == name]
        found = found or [video for video in self.videos if str(video.id) == name]
        if not found:
            raise unknown_name("video of the ground truth", name, [v.name for v in self.videos])
        if len(found) > 1:
            ids = ", ".join(str(video.id) for video in found)
            raise InputError(f"the ground truth has several videos called '{name}': ids {ids}")
        (video,) = found
        return Truth(video.size, tuple(track for track in video.truths if not track.crowd))


class LabelFolders:
    """The sequences of a DAVIS root, or of a folder with one folder of PNGs per sequence.

    Attributes:
        folder: the folder of sequence folders.
    """

    def __init__(self, path: Path) -> None:
        many = (path / ANNOTATIONS["unsupervised"]).is_dir()
        self.folder = annotation_folder(path, "unsupervised" if many else "semi-supervised")

    def find(self, name: str) -> Truth:
        """Return the truth of a sequence by its folder's name; void (255) does not count.

        Raises:
            InputError: no folder is called so, a file in it cannot be read, or sizes differ.
        """
        paths = sorted((self.folder / name).glob("*.png"))
        if not paths:
            known = [path.name for path in self.folder.iterdir() if path.is_dir()]
            raise unknown_name("sequence of the ground truth", name, known)
        maps = [read_labels(path) for path in paths]
        present = sorted({int(label) for labels in maps for label in np.unique(labels)} - {0})
        check_has_objects(name, present)
        tracks = {label: _track(name, maps, label) for label in present}
        void = tracks.pop(VOID, None)
        sizes = {(labels.shape[0], labels.shape[1]) for labels in maps}
        if len(sizes) > 1:
            raise InputError(f"'{name}' has label maps of several sizes: {sorted(sizes)}")
        return Truth(sizes.pop(), tuple(tracks.values()), void)


def _track(name: str, maps: list[np.ndarray], label: int) -> Track:
    masks = [labels == label for labels in maps]
    segmentations = tuple(rle.encode(mask) if mask.any() else None for mask in masks)
    return Track(f"{name}, label {label}", id=label, category=None, segmentations=segmentations)


def open_truth(path: Path) -> AnnotatedVideos | LabelFolders:
    """Return the truth at a path: an annotation file, a DAVIS root or sequence folders.

    Raises:
        InputError: there is nothing of that kind.
    """
    return LabelFolders(path) if is_folder(path) else AnnotatedVideos(path)
