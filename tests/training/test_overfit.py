"""Some hundred steps on six real clips follow their objects: the path learns real pictures."""

import numpy as np
import pytest
import torch
from places import REPOSITORY, SHARED, needs_shared

from propose_reduce import rle
from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.data.youtube_vis import read_youtube_vis
from propose_reduce.models.weights import load_weights
from propose_reduce.settings import Preset, load_preset, override
from propose_reduce.structures import Seed
from propose_reduce.training.recipe import Run, train
from propose_reduce.training.sources import with_own_data
from propose_reduce.training.validation import clip_of

pytestmark = [pytest.mark.slow, *needs_shared]

CLIPS = SHARED / "realdata" / "vis_with_masks"
STAGE = {
    "steps": 400,
    "batch_size": 4,
    "optimizer": "adamw",
    "learning_rate": 5e-4,
    "schedule": "cosine",
    "true_masks": 0.5,
    "distance": 10,
}


def decoded(video, objects, t):
    """Return the masks of some objects on frame ``t``, at the video's size, as (O, H, W)."""
    runs = [obj.segmentations[t] for obj in objects]
    return [np.zeros(video.size, bool) if run is None else rle.decode(run) for run in runs]


def ious(component, preset, video):
    """Return the mean IoU of the objects on each frame that shows any, from the middle's masks."""
    clip = clip_of(video, preset)
    resized = clip.working_size
    middle = video.annotated[len(video.annotated) // 2]
    objects = [obj for obj in video.objects if obj.segmentations[middle] and not obj.crowd]

    def truth(t):
        masks = torch.from_numpy(np.stack(decoded(video, objects, t))).float()
        return torch.nn.functional.interpolate(masks[None], size=resized, mode="area")[0] > 0.5

    found = []
    with component.open(clip) as session:
        for result in session.propagate(clip, [Seed(middle, truth(middle))]):
            wanted = truth(result.frame)
            shared = (wanted & result.masks).sum((1, 2))
            union = (wanted | result.masks).sum((1, 2))
            shown = wanted.any(2).any(1)
            if result.frame in video.annotated and result.frame != middle and shown.any():
                found.append(float((shared / union.clamp(min=1))[shown].mean()))
    return found


def test_the_bundled_model_overfits_real_clips(tmp_path):
    bundled = REPOSITORY / "src/propose_reduce/weights/shapes-tiny.safetensors"
    preset = with_own_data(load_preset("shapes_tiny"), CLIPS / "instances.json", CLIPS)
    training = {
        **preset.training.model_dump(),
        "stages": {"overfit": STAGE},
        "init": str(bundled),
        "check_images": False,
    }
    preset = Preset.model_validate(preset.model_dump() | {"training": training})
    preset = override(preset, ["model.long_side=256", "model.short_side=160"])
    loaded = load_weights(train(preset, Run(tmp_path / "run")))
    component = SeqMaskRCNNComponent(loaded.network, loaded.settings.categories, loaded.inference)
    videos = read_youtube_vis(CLIPS / "instances.json", CLIPS)
    mean = np.mean([iou for video in videos.videos for iou in ious(component, preset, video)])
    assert mean >= 0.6
