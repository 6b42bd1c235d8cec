"""BURST and TAO: categories that were labelled on some frames only (Athar et al., WACV 2023).

A video names the categories that it certainly does not show (``neg_category_ids``) and those of
which not all objects are labelled (``not_exhaustive_category_ids``). A prediction that matches no
object counts against a tracker only where its category was labelled.
"""

from collections import defaultdict
from collections.abc import Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from propose_reduce import rle
from propose_reduce.errors import InputError, cut, unknown_name
from propose_reduce.evaluation.tracking.fields import field as required
from propose_reduce.evaluation.tracking.fields import (
    list_field,
    listed_id,
    mapping,
    positive,
    score,
    whole_number,
)
from propose_reduce.evaluation.tracking.videos import TrackedVideo, TrackedVideos
from propose_reduce.evaluation.tracks import Track
from propose_reduce.structures import Size

# fmt: off
DISTRACTORS = frozenset({
    20, 63, 108, 180, 188, 204, 212, 247, 303, 403, 407, 415, 490, 504, 507, 513, 529, 567, 569,
    588, 672, 691, 702, 708, 711, 720, 736, 737, 798, 813, 815, 827, 831, 851, 877, 883, 912, 971,
    976, 1130, 1133, 1134, 1169, 1184, 1220,
})
# fmt: on
"""Categories of TAO that BURST does not evaluate (TrackEval)."""

BOXES = (
    "masks are compared here; TrackEval takes the boxes around BURST's masks, and '--iou boxes' "
    "gives its numbers"
)


class BurstMask(NamedTuple):
    """One mask of one track: the frame's index, the track's id, its category and score."""

    frame: int
    track: Hashable
    category: int
    score: float
    encoding: rle.Rle


@dataclass(slots=True, eq=False)
class _BurstVideo:
    """One video as its file has it.

    Attributes:
        id: the sequence's or video's id.
        name: what it is called.
        size: (height, width) in pixels.
        frames: index of each labelled frame by its file's name or image's id.
        negative: categories that it does not show.
        not_exhaustive: categories of which not all objects are labelled.
        truths: masks of objects.
        predictions: masks of predicted tracks.
    """

    id: int
    name: str
    size: Size
    frames: dict[Hashable, int]
    negative: frozenset[int]
    not_exhaustive: frozenset[int]
    truths: list[BurstMask] = field(default_factory=list)
    predictions: list[BurstMask] = field(default_factory=list)


def is_burst(document: Any) -> bool:
    """Return whether a truth is in the form of BURST."""
    return isinstance(document, Mapping) and "sequences" in document


def is_tao(document: Any) -> bool:
    """Return whether a truth is in the form of TAO: annotations of images, in tracks."""
    return isinstance(document, Mapping) and "images" in document and "tracks" in document


def burst_videos(
    document: Mapping[str, Any], predictions: Any, *, agnostic: bool = False
) -> TrackedVideos:
    """Return a truth with predictions in the form of BURST.

    Args:
        document: ``sequences``, each with ``annotated_image_paths``, ``segmentations`` (per frame
            ``{track: {"rle": counts}}``), ``track_category_ids`` and the two lists of categories.
        predictions: the same; frames that the truth lacks are passed over.
        agnostic: take all categories as one, those that the truth does not show included (the
            open world).

    Raises:
        InputError: a fault in either; the message names the sequence.
    """
    videos: dict[str, _BurstVideo] = {}
    for place, entry in enumerate(list_field(document, "sequences", "the ground truth")):
        video = _burst_video(entry, f"sequence number {place} of the ground truth")
        if video.name in videos:
            raise InputError(f"the ground truth has two sequences {cut(video.name)}")
        videos[video.name] = video
        video.truths = _burst_masks(entry, video, f"sequence '{video.name}' of the ground truth")
    for place, entry in enumerate(list_field(predictions, "sequences", "the predictions")):
        name = _burst_name(entry, f"sequence number {place} of the predictions")
        if name not in videos:
            raise unknown_name("sequence in the predictions:", name, videos)
        video = videos[name]
        video.predictions = _burst_masks(entry, video, f"sequence '{name}' of the predictions")
    found = _tracked(videos.values(), _category_names(document), agnostic)
    return replace(found, notes=(*found.notes, BOXES))


def tao_videos(
    document: Mapping[str, Any], predictions: Any, *, agnostic: bool = False
) -> TrackedVideos:
    """Return a truth with predictions in the form of TAO, with masks.

    Args:
        document: ``videos``, ``images``, ``tracks``, ``categories``, and ``annotations`` with
            ``image_id``, ``track_id``, ``category_id``, ``segmentation``.
        predictions: a list with ``image_id``, ``track_id``, ``category_id``, ``score`` and
            ``segmentation``.
        agnostic: take all categories as one, as above.

    Raises:
        InputError: a fault in either; the message names the entry.
    """
    videos: dict[int, _BurstVideo] = {}
    for place, entry in enumerate(list_field(document, "videos", "the ground truth")):
        where = f"video number {place}"
        id_ = _new_id(entry, videos, where)
        videos[id_] = _BurstVideo(
            id=id_,
            name=str(entry.get("name", id_)),
            size=(positive(entry, "height", where), positive(entry, "width", where)),
            frames={},
            negative=_ids(entry, "neg_category_ids", where),
            not_exhaustive=_ids(entry, "not_exhaustive_category_ids", where),
        )
    images: dict[int, _BurstVideo] = {}
    listed = list_field(document, "images", "the ground truth")
    for image in sorted(listed, key=lambda i: whole_number(i, "frame_index", "an image")):
        id_ = _new_id(image, images, "an image")
        video = videos[listed_id(image, "video_id", videos, f"image {id_}")]
        images[id_] = video
        video.frames[id_] = len(video.frames)
    for place, entry in enumerate(list_field(document, "annotations", "the ground truth")):
        where = f"annotation number {place}"
        video = images[listed_id(entry, "image_id", images, where)]
        video.truths.append(_tao_mask(entry, video, where, 0.0))
    if not isinstance(predictions, list | tuple):
        raise InputError(f"predictions for TAO are a list, got {cut(predictions)}")
    for place, entry in enumerate(predictions):
        where = f"prediction {place}"
        video = images[listed_id(entry, "image_id", images, where)]
        video.predictions.append(_tao_mask(entry, video, where, score(entry, where)))
    return _tracked(videos.values(), _category_names(document), agnostic)


def _burst_name(entry: Any, where: str) -> str:
    known = mapping(entry, where)
    parts = [str(known[key]) for key in ("dataset", "seq_name") if key in known]
    return "/".join(parts) or str(required(entry, "id", where))


def _burst_video(entry: Any, where: str) -> _BurstVideo:
    name = _burst_name(entry, where)
    frames = list_field(entry, "annotated_image_paths", where)
    if len(set(map(str, frames))) < len(frames):
        raise InputError(f"{where}: 'annotated_image_paths' names a frame twice")
    return _BurstVideo(
        id=whole_number(entry, "id", where),
        name=name,
        size=(positive(entry, "height", where), positive(entry, "width", where)),
        frames={str(frame): index for index, frame in enumerate(frames)},
        negative=_ids(entry, "neg_category_ids", where),
        not_exhaustive=_ids(entry, "not_exhaustive_category_ids", where),
    )


def _burst_masks(entry: Any, video: _BurstVideo, where: str) -> list[BurstMask]:
    frames = list_field(entry, "annotated_image_paths", where)
    segmentations = list_field(entry, "segmentations", where)
    if len(frames) != len(segmentations):
        raise InputError(
            f"{where}: {len(segmentations)} segmentations for {len(frames)} annotated_image_paths"
        )
    categories = mapping(
        required(entry, "track_category_ids", where), f"{where}: 'track_category_ids'"
    )
    masks = []
    for frame, present in zip(frames, segmentations, strict=True):
        if str(frame) not in video.frames:  # results may have a higher frame rate
            continue
        for track, found in mapping(present, f"{where}, frame {cut(frame)}").items():
            if not (track.isdecimal() and len(track) < 19):
                raise InputError(f"{where}: a track is called by a number, got {cut(track)}")
            place = f"{where}, frame {cut(frame)}, track {track}"
            category = mapping(found, place).get("category_id", categories.get(track))
            if not isinstance(category, int):
                raise InputError(f"{place}: it has no whole number in 'track_category_ids'")
            counts = required(found, "rle", place)
            masks.append(
                BurstMask(
                    frame=video.frames[str(frame)],
                    track=track,
                    category=category,
                    score=score(found, place) if "score" in found else 1.0,
                    encoding=rle.Rle(size=list(video.size), counts=_counts_text(counts, place)),
                )
            )
    return masks


def _tao_mask(entry: Any, video: _BurstVideo, where: str, given_score: float) -> BurstMask:
    encoding = required(entry, "segmentation", where)
    if not isinstance(encoding, Mapping):
        raise InputError(f"{where}: 'segmentation' must be a run-length encoding")
    counts = required(encoding, "counts", where)
    return BurstMask(
        frame=video.frames[entry["image_id"]],
        track=whole_number(entry, "track_id", where),
        category=whole_number(entry, "category_id", where),
        score=given_score,
        encoding=rle.Rle(size=list(video.size), counts=_counts_text(counts, where)),
    )


def _new_id(entry: Any, known: Container[int], where: str) -> int:
    """Return an entry's id, which no other one may have."""
    id_ = whole_number(entry, "id", where)
    if id_ in known:
        raise InputError(f"{where}: another one has the id {id_} too")
    return id_


def _counts_text(counts: Any, where: str) -> str:
    if not isinstance(counts, str):
        raise InputError(f"{where}: its mask must be compressed run lengths, as text")
    return counts


def _ids(entry: Mapping[str, Any], key: str, where: str) -> frozenset[int]:
    found = list_field(entry, key, where) if key in entry else []
    if not all(isinstance(id_, int) for id_ in found):
        raise InputError(f"{where}: '{key}' must hold ids of categories, got {cut(found)}")
    return frozenset(found)


def _category_names(document: Mapping[str, Any]) -> dict[int, str]:
    listed = (
        list_field(document, "categories", "the ground truth") if "categories" in document else ()
    )
    return {
        whole_number(entry, "id", "a category"): str(entry.get("name", entry["id"]))[:1000]
        for entry in listed
    }


def _tracked(
    videos: Iterable[_BurstVideo], names: Mapping[int, str], agnostic: bool
) -> TrackedVideos:
    """Return what is compared: the categories that the truth shows, on frames that show any."""
    given = list(videos)
    shown = {mask.category for video in given for mask in video.truths} - DISTRACTORS
    unlisted = 0
    tracked = []
    for video in given:
        truths = [mask for mask in video.truths if mask.category in shown]
        labelled = {mask.frame for mask in truths}
        found = [mask for mask in video.predictions if mask.frame in labelled]
        if not agnostic:
            unlisted += len({(m.track, m.category) for m in found if m.category not in shown})
            found = [mask for mask in found if mask.category in shown]
        tracked.append(
            TrackedVideo(
                id=video.id,
                name=video.name,
                num_frames=len(video.frames),
                truths=_entry_tracks(truths, len(video.frames), f"object in '{video.name}'"),
                predictions=_entry_tracks(found, len(video.frames), f"track in '{video.name}'"),
                unlabelled=_unlabelled(video, truths, {mask.category for mask in found}),
            )
        )
    notes = (
        "predicted tracks that do not count, because the truth shows no object of their "
        f"category: {unlisted}"
    )
    result = TrackedVideos(
        categories={id_: names.get(id_, str(id_)) for id_ in sorted(shown)},
        videos=tuple(tracked),
        notes=(notes,) if unlisted else (),
    )
    return result.as_one_category() if agnostic else result


def _unlabelled(
    video: _BurstVideo, truths: Sequence[BurstMask], categories: Iterable[int]
) -> dict[Hashable, np.ndarray]:
    """Return, by category, the frames on which what matches nothing does not count: bool (T,)."""
    frames: dict[Hashable, np.ndarray] = {}
    for category in categories:
        free = np.full(len(video.frames), category not in video.negative)
        free[[mask.frame for mask in truths if mask.category == category]] = False
        frames[category] = free | (category in video.not_exhaustive)
    return frames


def _entry_tracks(masks: Iterable[BurstMask], num_frames: int, entry: str) -> tuple[Track, ...]:
    grouped: dict[tuple[Hashable, int], list[BurstMask]] = defaultdict(list)
    for mask in masks:
        grouped[mask.track, mask.category].append(mask)
    tracks = []
    for (id_, category), members in grouped.items():
        frames: list[rle.Rle | None] = [None] * num_frames
        for mask in members:
            if frames[mask.frame] is not None:
                raise InputError(f"{entry}: id {id_} is on frame {mask.frame} twice")
            frames[mask.frame] = mask.encoding
        mean = float(np.mean([mask.score for mask in members]))
        tracks.append(Track(f"{entry}, id {id_}", int(str(id_)), category, tuple(frames), mean))
    return tuple(tracks)
