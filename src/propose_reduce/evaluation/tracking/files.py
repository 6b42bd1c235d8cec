"""Which files hold a truth and predictions for the tracking evaluation, told by their content."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.files import load_predictions
from propose_reduce.evaluation.tracking.burst import burst_videos, is_burst, is_tao, tao_videos
from propose_reduce.evaluation.tracking.mots import is_mots, load_mots
from propose_reduce.evaluation.tracking.videos import TrackedVideo, TrackedVideos
from propose_reduce.evaluation.tracks import Track, read_ground_truth, read_predictions
from propose_reduce.files import is_folder, read_json
from propose_reduce.structures import Size


def load_tracked_videos(truth: Path, predictions: Path, *, agnostic: bool = False) -> TrackedVideos:
    """Return a truth with predictions, whatever form they are in.

    Args:
        truth: annotations of YouTube-VIS, BURST or TAO, or a folder of MOTS Challenge or KITTI
            MOTS.
        predictions: in the same form; for YouTube-VIS annotations also native results.
        agnostic: take all categories as one.

    Raises:
        InputError: neither form, or a fault in a file; the message names the entry.
    """
    if is_folder(truth):
        if not is_mots(truth):
            raise InputError(
                f"'{truth}' holds no truth for trackers: give an annotation file or a "
                "folder of MOTS or KITTI MOTS (SEQ/gt/gt.txt, label_02/SEQ.txt, instances/SEQ)"
            )
        videos = load_mots(truth, predictions)
        return videos.as_one_category() if agnostic else videos
    document = read_json(truth)
    if is_burst(document):
        return burst_videos(document, read_json(predictions), agnostic=agnostic)
    if is_tao(document):
        return tao_videos(document, read_json(predictions), agnostic=agnostic)
    videos = youtube_vis_videos(document, load_predictions(predictions, document, best_class=True))
    return videos.as_one_category() if agnostic else videos


def youtube_vis_videos(
    document: Mapping[str, Any], predictions: Sequence[Mapping[str, Any]]
) -> TrackedVideos:
    """Return a truth with predictions in the YouTube-VIS form.

    Args:
        document: an annotation file: ``videos``, ``categories``, ``annotations``.
        predictions: ``video_id``, ``category_id``, ``score``, ``segmentations`` each.

    Raises:
        InputError: a fault in either; the message names the entry.
    """
    truth = read_ground_truth(document)
    found = read_predictions(predictions, truth)
    videos = []
    for id_, video in truth.videos.items():
        tracks = found.tracks[id_]
        length = max((len(t.segmentations) for t in (*video.truths, *tracks)), default=0)
        videos.append(
            TrackedVideo(
                id=id_,
                name=video.name,
                num_frames=video.num_frames or length,
                truths=tuple(_with_empty_masks(track, video.size) for track in video.truths),
                predictions=tuple(_with_empty_masks(track, video.size) for track in tracks),
            )
        )
    return TrackedVideos(truth.categories, tuple(videos), (*truth.notes, *found.notes))


def _with_empty_masks(track: Track, size: Size) -> Track:
    """Return a track with its masks without a pixel, which are detections to TrackEval."""
    if not track.empty:
        return track
    height, width = size
    nothing = rle.from_counts([height * width], height, width)
    masks = list(track.segmentations)
    for frame in track.empty:
        masks[frame] = nothing
    return replace(track, segmentations=tuple(masks))
