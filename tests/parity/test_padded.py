"""From raw frames to the kept sequences, on frames that need padding, against the authors' code."""

import numpy as np
import pytest
import torch
from checkpoints import MODEL

from propose_reduce.components.seq_mask_rcnn import SeqMaskRCNNComponent
from propose_reduce.paradigm.pipeline import segment_clip, working_clip
from propose_reduce.settings import InferenceSettings, category_set, load_preset, override
from propose_reduce.structures import Clip, fitted_size, padded_size

pytestmark = pytest.mark.parity

CATEGORIES = category_set("youtube_vis_2019")


@pytest.fixture(scope="module", params=["a", "b"])
def case(request):
    return dict(np.load(MODEL / "e2e_padded" / f"padded_{request.param}.npz"))


def settings_of(case) -> InferenceSettings:
    order = "score" if case["sorted_by_score"] else "class"
    return override(
        load_preset("authors_youtube_vis").inference,
        [
            f"propose.key_frames={case['K']}",
            f"propose.max_objects={case['max_objects']}",
            f"propose.order={order}",
            f"propagate.memory_every={case['memory_every']}",
        ],
    )


@pytest.fixture(scope="module")
def found(case, networks):
    settings, frames = settings_of(case), case["frames"]
    original = frames.shape[1:3]
    long_side, short_side = case["input"].tolist()
    size = fitted_size(original, long_side=long_side, short_side=short_side)
    assert size == tuple(case["working"])
    assert padded_size(size) == tuple(case["padded"])
    clip = working_clip(Clip(frames, size, original), settings)
    component = SeqMaskRCNNComponent(networks("B"), CATEGORIES, settings)
    # oneDNN's kernels move one box in forty by a pixel through rounding
    with torch.backends.mkldnn.flags(enabled=False), component.open(clip) as session:
        return segment_clip(clip, session, session, session, settings)


def test_the_same_sequences_in_the_same_order_with_the_same_scores(case, found):
    wanted = torch.from_numpy(case["class_scores"])
    assert len(found) == len(wanted)
    scores = torch.tensor(
        [[sequence.class_scores.get(name, 0.0) for name in CATEGORIES] for sequence in found]
    )
    reported = wanted[:, 1:].masked_fill(wanted[:, 1:] < 0.05, 0)
    torch.testing.assert_close(scores, reported, rtol=0, atol=1e-5)


def test_masks_agree_within_a_few_pixels(case, found):
    width = case["frames"].shape[2]
    wanted = np.unpackbits(case["masks"], axis=-1)[..., :width].astype(bool)
    differing = np.stack([sequence.masks for sequence in found]) ^ wanted
    assert differing.sum(axis=(1, 2, 3)).max() <= 70
