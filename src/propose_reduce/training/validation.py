"""Judging a network by our own average precision, on the videos of an annotated set."""

from collections.abc import Iterator
from typing import Any

import torch

from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.data.videos import AnnotatedFrames, AnnotatedVideo, VideoSet
from propose_reduce.data.youtube_vis_writer import category_entries, object_entry, video_entry
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.paradigm.pipeline import segment_clip, working_clip
from propose_reduce.results import VideoResult
from propose_reduce.settings import Preset
from propose_reduce.structures import Clip, fitted_size


def clip_of(video: AnnotatedVideo, preset: Preset) -> Clip:
    """Return a video as the algorithm sees it, at the model's size."""
    size = fitted_size(
        video.size, long_side=preset.model.long_side, short_side=preset.model.short_side
    )
    return working_clip(Clip(AnnotatedFrames(video), size, video.size), preset.inference)


def segment_set(
    network: SeqMaskRCNN, preset: Preset, videos: VideoSet, precision: torch.dtype
) -> Iterator[dict[str, Any]]:
    """Yield YouTube-VIS predictions for videos in the model's categories.

    Args:
        network: in evaluation mode.
        preset: model and inference settings.
        videos: told in the model's categories.
        precision: float32 or bfloat16.
    """
    names = dict(enumerate(preset.model.categories, start=1))
    component = SeqMaskRCNNComponent(network, preset.model.categories, preset.inference, precision)
    for video in videos.videos:
        clip = clip_of(video, preset)
        with component.open(clip) as session:
            found = segment_clip(clip, session, session, session, preset.inference)
        result = VideoResult(video.name, video.size, len(video.frames), names, tuple(found))
        yield from result.to_youtube_vis(video.id, {name: id_ for id_, name in names.items()})


def truth_of_set(videos: VideoSet) -> dict[str, Any]:
    """Return an annotated set as the content of a YouTube-VIS file; ids count from 1."""
    objects = [(video, one) for video in videos.videos for one in video.objects]
    return {
        "categories": category_entries(videos.categories),
        "videos": [
            video_entry(video.id, [f"{video.id}/{path.name}" for path in video.frames], video.size)
            for video in videos.videos
        ],
        "annotations": [
            object_entry(
                number, video.id, one.category + 1, one.segmentations, video.size, crowd=one.crowd
            )
            for number, (video, one) in enumerate(objects, start=1)
        ],
    }


def judge(
    network: SeqMaskRCNN, preset: Preset, videos: VideoSet, precision: torch.dtype
) -> YoutubeVisMetrics:
    """Return average precision and recall of a network on annotated videos.

    The network comes back in the mode that it was in.
    """
    training = network.training
    network.eval()
    try:
        predictions = list(segment_set(network, preset, videos, precision))
    finally:
        network.train(training)
    return evaluate_youtube_vis(truth_of_set(videos), predictions)
