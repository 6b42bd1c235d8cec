import pytest
import torch
from training_runs import network, preset
from videosets import SIZE, rectangle, video_set

from propose_reduce.components.seq_mask_rcnn import Session
from propose_reduce.evaluation import evaluate_youtube_vis
from propose_reduce.settings import override
from propose_reduce.training.validation import clip_of, judge, segment_set, truth_of_set


def moving_cat(folder):
    masks = [rectangle(2 + t, 3, 12 + t, 15) for t in range(3)]
    dog = [None, rectangle(20, 10, 30, 20), None]
    return video_set(folder, [(0, masks), (1, dog)])


def test_the_truth_as_predictions_scores_one(tmp_path):
    truth = truth_of_set(moving_cat(tmp_path))
    perfect = [
        {
            "video_id": entry["video_id"],
            "category_id": entry["category_id"],
            "score": 0.9,
            "segmentations": entry["segmentations"],
        }
        for entry in truth["annotations"]
    ]
    scores = evaluate_youtube_vis(truth, perfect).scores
    assert scores["AP"] == pytest.approx(1.0)
    assert scores["AR10"] == pytest.approx(1.0)


def test_a_clip_is_fitted_into_the_models_size(tmp_path):
    clip = clip_of(moving_cat(tmp_path).videos[0], preset())
    assert (clip.original_size, clip.working_size) == (SIZE, (58, 96))
    assert clip.frames[2].shape == (*SIZE, 3)


@pytest.mark.parametrize(
    ("paradigm", "frames"),
    [("propose-reduce", [1]), ("track-by-detect", [0, 1, 2]), ("clip-match", [0, 1, 2])],
)
def test_a_set_is_segmented_by_the_paradigm_that_is_set(tmp_path, monkeypatch, paradigm, frames):
    asked = []
    real = Session.propose
    monkeypatch.setattr(
        Session, "propose", lambda self, clip, t: (asked.append(t), real(self, clip, t))[1]
    )
    chosen = preset(model={"categories": ["cat", "dog"]})
    inference = override(chosen.inference, [f"paradigm={paradigm}", "propose.key_frames=1"])
    chosen = chosen.model_copy(update={"inference": inference})
    list(segment_set(network(chosen).eval(), chosen, moving_cat(tmp_path), torch.float32))
    assert asked == frames


def test_judging_leaves_the_network_in_its_mode(tmp_path):
    chosen = preset(model={"categories": ["cat", "dog"]})
    built = network(chosen).train()
    scores = judge(built, chosen, moving_cat(tmp_path), torch.float32).scores
    assert built.training
    assert 0 <= scores["AP"] <= 1
