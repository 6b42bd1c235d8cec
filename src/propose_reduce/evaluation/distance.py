"""How well masks survive propagation: J against the distance from the key frame.

Figure 2 of the supplementary (section 5): sequence proposals before the reduction, grouped by how
good their mask is on the key frame. J is the region similarity of DAVIS, so that a frame on which
object and proposal are both absent counts as 1. The truth is a YouTube-VIS file or label maps.

Letters: T frames, N proposals, G objects of the truth, D distances 0, 1, .. in frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from propose_reduce import rle
from propose_reduce.data.label_maps import VOID, read_labels
from propose_reduce.data.youtube_vis import read_annotations
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.evaluation.davis import ANNOTATIONS, annotation_folder, check_has_objects
from propose_reduce.evaluation.tracks import Track, TruthVideo, ground_truth, mask_areas, overlap
from propose_reduce.files import is_folder
from propose_reduce.results import VideoResult
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
        self._annotations = read_annotations(path)
        self._truth = ground_truth(self._annotations)
        self.videos: list[TruthVideo] = list(self._truth.videos.values())

    def find(self, name: str) -> Truth:
        """Return the truth of a video by its name, or by its id as text.

        Raises:
            InputError: no video is called so, or several are.
        """
        video = self._truth.videos[self._annotations.find(name).id]
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


# Percent; figure 2 groups by such steps of the IoU on the key frame.
DEFAULT_BOUNDS = (50.0, 60.0, 70.0, 80.0, 90.0, 100.0)
# Last distances of the bins in tables, in frames: doubling, as the measurements become fewer.
BIN_ENDS = (0, 5, 10, 20, 40, 80)


@dataclass(frozen=True, slots=True, eq=False)
class FollowedProposal:
    """One sequence proposal against the object it was proposed on.

    Attributes:
        video: the video's name.
        sequence: the proposal's id in its file.
        truth: the object's id in the truth.
        key_frame: 0-based index of the frame it was proposed on.
        j: float64 (T,), region similarity on every frame.
    """

    video: str
    sequence: int
    truth: int
    key_frame: int
    j: np.ndarray

    @property
    def key_j(self) -> float:
        """The region similarity (IoU) on the key frame."""
        return float(self.j[self.key_frame])

    @property
    def distances(self) -> np.ndarray:
        """How far each frame is from the key frame, int64 (T,)."""
        return np.abs(np.arange(len(self.j)) - self.key_frame)


@dataclass(frozen=True, slots=True)
class DistanceBin:
    """The measurements at some distances.

    Attributes:
        first: smallest distance, frames.
        last: largest distance, frames.
        count: how many measurements.
        j: their mean.
        drop: how much lower that is than the same proposals are on their key frames.
    """

    first: int
    last: int
    count: int
    j: float
    drop: float


@dataclass(frozen=True, slots=True, eq=False)
class DistanceCurve:
    """One group of proposals.

    Attributes:
        lower: percent; the group has this IoU or more on the key frame.
        upper: percent; and less than this one, or up to it in a group that ends at 100.
        proposals: how many proposals.
        counts: int64 (D,), measurements at each distance; up to two per proposal.
        j: float64 (D,), their mean; NaN where there is none.
        key_j: float64 (D,), the mean that the same proposals have on their key frames.
    """

    lower: float
    upper: float
    proposals: int
    counts: np.ndarray
    j: np.ndarray
    key_j: np.ndarray

    @property
    def name(self) -> str:
        """The group as an interval, in percent."""
        return f"[{self.lower:g}, {self.upper:g}{']' if self.upper >= 100 else ')'} %"

    def bins(self, ends: Sequence[int] = BIN_ENDS) -> list[DistanceBin]:
        """Return the curve in bins that end at these distances, and one beyond; empty ones go."""
        found = []
        first = 0
        for end in (*ends, len(self.counts) - 1):
            part = slice(first, end + 1)
            count = int(self.counts[part].sum())
            if count:
                weights = self.counts[part] / count
                j = float(weights @ np.nan_to_num(self.j[part]))
                key_j = float(weights @ np.nan_to_num(self.key_j[part]))
                last = min(end, len(self.counts) - 1)
                found.append(DistanceBin(first, last, count, j, key_j - j))
            first = max(first, end + 1)
        return found


def follow(result: VideoResult, truth: Truth) -> list[FollowedProposal]:
    """Return every proposal of a video that overlaps an object on its key frame.

    Each is measured against the object with the best IoU there. Void pixels do not count.

    Args:
        result: the sequence proposals before the reduction.
        truth: the objects of the same video.

    Raises:
        InputError: sizes or numbers of frames differ, or a mask is damaged.
    """
    _check_fits(result, truth)
    proposals = [
        Track(f"sequence {s.id}", id=s.id, category=s.category, segmentations=s.segmentations)
        for s in result.sequences
    ]
    areas = [mask_areas(track) for track in proposals]
    shared = overlap(proposals, truth.objects, areas, [mask_areas(t) for t in truth.objects])
    unions = shared.unions
    if truth.void is not None:  # objects never reach into it
        void = overlap(proposals, [truth.void], areas, [mask_areas(truth.void)])
        unions = unions - void.intersections
    j = np.ones(unions.shape)  # (T, N, G); absent and not found is right
    np.divide(shared.intersections, unions, out=j, where=unions > 0)
    followed = []
    for index, sequence in enumerate(result.sequences):
        at_key = np.where(shared.intersections > 0, j, 0)[sequence.key_frame, index]
        if at_key.max(initial=0) > 0:
            best = int(at_key.argmax())
            followed.append(
                FollowedProposal(
                    result.name,
                    sequence.id,
                    truth.objects[best].id,
                    sequence.key_frame,
                    j[:, index, best],
                )
            )
    return followed


def _check_fits(result: VideoResult, truth: Truth) -> None:
    lengths = {len(track.segmentations) for track in truth.objects} - {result.num_frames}
    if lengths or result.size != truth.size:
        frames = min(lengths, default=result.num_frames)
        raise InputError(
            f"video '{result.name}': the proposals have {result.num_frames} frames of "
            f"{result.size}, the ground truth {frames} of {truth.size}: give those of one video"
        )


def parse_bounds(text: str) -> tuple[float, ...]:
    """Return the bounds written as ``50,60,100``; ``distance_curves`` checks their order.

    Raises:
        InputError: something between the commas is not a number.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"bounds '{text}' must be percentages such as 50,75,100") from error


def distance_curves(
    followed: Sequence[FollowedProposal], bounds: Sequence[float] = DEFAULT_BOUNDS
) -> tuple[DistanceCurve, ...]:
    """Return J against distance for groups of proposals, the poorest group first.

    Args:
        followed: the proposals, of any number of videos.
        bounds: rising percentages of the IoU on the key frame; neighbours bound a group.

    Raises:
        InputError: fewer than two bounds, or bounds that do not rise within 0 to 100.
    """
    pairs = list(pairwise(bounds))
    if not pairs or not all(0 <= a < b <= 100 for a, b in pairs):
        given = ",".join(f"{bound:g}" for bound in bounds)
        raise InputError(f"bounds must be two or more rising percentages, 0 to 100, got {given}")
    longest = max((int(proposal.distances.max()) for proposal in followed), default=0)
    return tuple(_curve(_group(followed, *pair), *pair, longest + 1) for pair in pairs)


def _group(
    followed: Sequence[FollowedProposal], lower: float, upper: float
) -> list[FollowedProposal]:
    end = np.inf if upper >= 100 else upper
    return [proposal for proposal in followed if lower <= 100 * proposal.key_j < end]


def _curve(
    group: Sequence[FollowedProposal], lower: float, upper: float, length: int
) -> DistanceCurve:
    counts, sums, key_sums = (np.zeros(length) for _ in range(3))
    for proposal in group:
        np.add.at(counts, proposal.distances, 1)
        np.add.at(sums, proposal.distances, proposal.j)
        np.add.at(key_sums, proposal.distances, proposal.key_j)
    known = np.where(counts > 0, counts, np.nan)
    return DistanceCurve(
        lower, upper, len(group), counts.astype(np.int64), sums / known, key_sums / known
    )
