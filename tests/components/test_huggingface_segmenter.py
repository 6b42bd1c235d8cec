"""Networks of the transformers library as proposers: tiny random ones, loaded from folders."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_transformers import NAMES, write_model

from propose_reduce.components.huggingface_segmenter import HuggingFaceSegmenter
from propose_reduce.errors import InputError
from propose_reduce.structures import Clip

transformers = pytest.importorskip("transformers")

KINDS = ["mask2former", "maskformer", "oneformer", "eomt", "detr", "rf_detr"]


def clip(frames=2, working=(24, 40)):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (frames, 48, 80, 3), dtype=np.uint8)
    return Clip(images, working, (48, 80))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {kind: write_model(kind, root / kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_proposes_from_a_folder(folders, kind):
    component = HuggingFaceSegmenter.load(folders[kind], min_score=-1.0)
    assert component.categories == ("cat", "dog")  # the N/A in between is no class
    found = component.propose(clip(), 1)
    assert 0 < len(found) <= 7
    assert found.masks.shape[1:] == (24, 40)
    assert found.class_scores.shape[1] == 3
    torch.testing.assert_close(found.class_scores.sum(1), torch.ones(len(found)))
    assert (found.class_scores[:, 1:].amax(1).diff() <= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_confident_is_nothing_proposed(folders, kind):
    found = HuggingFaceSegmenter.load(folders[kind], min_score=0.999).propose(clip(1), 0)
    assert found.masks.shape == (0, 24, 40)
    assert found.class_scores.shape == (0, 3)


def test_bfloat16_and_another_working_size_change_little(folders):
    kind = "eomt"
    exact = HuggingFaceSegmenter.load(folders[kind], min_score=0.0).propose(clip(), 0)
    rounded = HuggingFaceSegmenter.load(
        folders[kind], min_score=0.0, precision=torch.bfloat16
    ).propose(clip(working=(48, 80)), 0)
    torch.testing.assert_close(exact.class_scores, rounded.class_scores, atol=0.02, rtol=0)
    assert rounded.masks.shape == (len(exact), 48, 80)
    doubled = exact.masks.repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert (doubled ^ rounded.masks).float().mean() < 0.1


def test_masks_and_scores_are_those_of_the_librarys_post_processing(folders):
    """EoMT gives a map where the last query is on top: queries on top of it are exactly ours."""
    model = transformers.EomtForUniversalSegmentation.from_pretrained(folders["eomt"]).eval()
    processor = transformers.EomtImageProcessor.from_pretrained(folders["eomt"])
    video = clip(working=(48, 80))
    inputs = processor(images=video.frames[0], return_tensors="pt")
    with torch.inference_mode():
        outputs = model(**inputs)
    (expected,) = processor.post_process_instance_segmentation(
        outputs, target_sizes=[(48, 80)], threshold=0.0
    )
    top = expected["segments_info"][-1]
    component = HuggingFaceSegmenter(model, processor, min_score=0.0)
    found = component.propose(video, 0)
    kept = [segment for segment in expected["segments_info"] if NAMES[segment["label_id"]] != "N/A"]
    scores = torch.tensor(sorted((segment["score"] for segment in kept), reverse=True))
    # ours is the mean inside the mask before it is stretched to the frame
    torch.testing.assert_close(found.class_scores[:, 1:].amax(1), scores, atol=0.05, rtol=0)
    painted = expected["segmentation"] == top["id"]
    agreement = (found.masks & painted).sum((1, 2)) / (found.masks | painted).sum((1, 2))
    assert NAMES[top["label_id"]] == "N/A" or agreement.max() > 0.95


class Scripted(torch.nn.Module):
    """Two overlapping queries and one of no object, as DETR answers."""

    config = SimpleNamespace(id2label=NAMES, model_type="detr")

    def forward(self, pixel_values):
        masks = torch.full((1, 3, 6, 10), -9.0)
        masks[0, 0, :, :5] = 9
        masks[0, 1, 2:4] = 9
        logits = torch.tensor([[[9.0, 0, 0, 0], [0, 0, 7.0, 0], [0, 0, 0, 9.0]]])
        return {"logits": logits, "pred_masks": masks}


class Processor:
    """Hands frames through; its post-processing knows no separate masks."""

    def __call__(self, images, return_tensors):
        pixels = torch.from_numpy(images).permute(2, 0, 1)[None].float()
        return transformers.BatchFeature({"pixel_values": pixels})

    def post_process_instance_segmentation(self, outputs):
        raise AssertionError("its map would lose the overlap")


def test_a_lone_object_does_not_take_the_background_and_objects_may_overlap():
    found = HuggingFaceSegmenter(Scripted(), Processor()).propose(clip(), 0)
    assert found.class_scores[:, 1:].argmax(1).tolist() == [0, 1]
    left, middle = found.masks
    assert left[:, :20].all()
    assert not left[:, 22:].any()
    assert middle[9:15].all()
    assert not middle[:7].any()
    assert (left & middle).any()


def test_a_model_without_masks_is_refused(tmp_path):
    transformers.ResNetConfig().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="is a resnet model, not one for instance segmentation"):
        HuggingFaceSegmenter.load(tmp_path)


def test_a_folder_without_its_processor_is_one_line(folders, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folders["detr"] / name).read_bytes())
    with pytest.raises(InputError, match="AutoImageProcessor cannot be loaded from") as caught:
        HuggingFaceSegmenter.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_one_line(folders, tmp_path):
    for file in folders["detr"].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:3000])
    with pytest.raises(InputError, match="cannot be loaded from") as caught:
        HuggingFaceSegmenter.load(tmp_path)
    assert "\n" not in str(caught.value)
