"""torchvision's models as a proposer: a scripted one for geometry, a tiny random one end to end."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

from propose_reduce.components import torchvision_detector
from propose_reduce.components.torchvision_detector import TorchvisionDetector, model_names
from propose_reduce.errors import InputError
from propose_reduce.structures import Clip

LABELS = ["__background__", "cat", "N/A", "dog"]
NAME = "maskrcnn_resnet50_fpn"


def clip(frames=3, size=(48, 64), working=(24, 32)):
    random = np.random.default_rng(0)
    return Clip(random.integers(0, 256, (frames, *size, 3), dtype=np.uint8), working, size)


class Scripted(nn.Module):
    """Sees a box in the top left quarter, as label 3, and one of too low a score."""

    def __init__(self, objects=2):
        super().__init__()
        self.objects = objects
        self.seen = []

    def forward(self, images):
        (image,) = images
        self.seen.append(image)
        masks = torch.zeros(2, 1, *image.shape[1:])
        masks[:, :, : image.shape[1] // 2, : image.shape[2] // 2] = 0.9
        found = {"masks": masks, "labels": torch.tensor([3, 1]), "scores": torch.tensor([0.8, 0.1])}
        return [{name: value[: self.objects] for name, value in found.items()}]


class Backbone(nn.Module):
    """One layer of stride 8."""

    out_channels = 8

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 3, 8, 1)

    def forward(self, images):
        return self.layer(images)


def tiny_mask_rcnn(num_classes=4, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MaskRCNN(
            Backbone(),
            num_classes=num_classes,
            min_size=32,
            max_size=64,
            rpn_anchor_generator=AnchorGenerator(((8, 16),), ((1.0,),)),
            box_roi_pool=MultiScaleRoIAlign(["0"], 2, 2),
            box_head=nn.Sequential(nn.Flatten(), nn.Linear(8 * 4, 1024)),
            mask_roi_pool=MultiScaleRoIAlign(["0"], 4, 2),
            box_detections_per_img=20,
            **options,
        )


def test_masks_come_at_the_working_size_with_the_class_in_its_column():
    model = Scripted()
    found = TorchvisionDetector(model, LABELS).propose(clip(), 2)
    assert found.masks.shape == (1, 24, 32)
    assert found.masks[0, :12, :16].all()
    assert int(found.masks.sum()) == 12 * 16
    torch.testing.assert_close(found.class_scores, torch.tensor([[0.2, 0.0, 0.8]]))
    expected = torch.from_numpy(clip().frames[2]).permute(2, 0, 1) / 255
    assert torch.equal(model.seen[0], expected)  # RGB in [0, 1], in the video's own pixels


def test_a_frame_larger_than_the_models_use_is_shrunk_first():
    model = Scripted()
    found = TorchvisionDetector(model, LABELS).propose(clip(1, size=(1600, 1600)), 0)
    assert model.seen[0].shape == (3, 800, 800)
    assert found.masks.shape == (1, 24, 32)


def test_nothing_seen_is_nothing_proposed():
    found = TorchvisionDetector(Scripted(objects=0), LABELS).propose(clip(1), 0)
    assert found.masks.shape == (0, 24, 32)
    assert found.class_scores.shape == (0, 3)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_mask_rcnn_proposes_many_objects_best_first(precision):
    model = tiny_mask_rcnn(box_score_thresh=0.0)
    detector = TorchvisionDetector(model, LABELS, min_score=0.05, precision=precision)
    found = detector.propose(clip(), 1)
    assert detector.categories == ("cat", "dog")
    assert len(found) > 5
    assert found.masks.shape[1:] == (24, 32)
    best = found.class_scores[:, 1:].amax(1)
    assert (best.diff() <= 0).all()
    torch.testing.assert_close(found.class_scores.sum(1), torch.ones(len(found)))


@pytest.fixture
def tiny_weights(monkeypatch, tmp_path):
    """A state dict file of the tiny network, which every name now stands for."""

    def get_model(name, *, weights, weights_backbone, **options):
        assert weights is None
        assert weights_backbone is None
        return tiny_mask_rcnn(**options)

    monkeypatch.setattr(torchvision_detector, "get_model", get_model)
    file = tmp_path / "tiny.pth"
    torch.save({"model": tiny_mask_rcnn().state_dict()}, file)
    return file


def test_weights_of_a_file_find_what_they_found_before(tiny_weights):
    loaded = TorchvisionDetector.load(NAME, tiny_weights, categories=["a", "b", "c"], min_score=0.1)
    original = TorchvisionDetector(
        tiny_mask_rcnn(box_score_thresh=0.1), ["", "a", "b", "c"], min_score=0.1
    )
    assert loaded.categories == ("a", "b", "c")
    found, expected = loaded.propose(clip(), 0), original.propose(clip(), 0)
    assert len(found)
    assert torch.equal(found.masks, expected.masks)
    assert torch.equal(found.class_scores, expected.class_scores)


@pytest.mark.parametrize(("categories", "names"), [((), 90), (("a", "b"), 2)])
def test_names_that_do_not_fit_the_weights_are_refused(tiny_weights, categories, names):
    with pytest.raises(InputError, match=f"3 classes apart, but there are names for {names}"):
        TorchvisionDetector.load(NAME, tiny_weights, categories=categories)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda state: state.pop("backbone.layer.weight"), "does not fit.*backbone.layer.weight"),
        (lambda state: state.pop(torchvision_detector.CLASS_BIAS), "has no 'roi_heads"),
    ],
)
def test_weights_of_another_network_are_one_line(tiny_weights, change, fault):
    state = tiny_mask_rcnn().state_dict()
    change(state)
    torch.save(state, tiny_weights)
    with pytest.raises(InputError, match=fault) as caught:
        TorchvisionDetector.load(NAME, tiny_weights, categories=["a", "b", "c"])
    assert "\n" not in str(caught.value)


def test_an_unknown_name_offers_the_nearest():
    assert {NAME, f"{NAME}_v2"} <= set(model_names())
    with pytest.raises(InputError, match=f"did you mean '{NAME}'"):
        TorchvisionDetector.load("maskrcnn_resnet50_fnp")


def test_weights_that_cannot_be_fetched_say_where_to_put_them(monkeypatch):
    def unreachable(name, **options):
        raise OSError("<urlopen error timed out>")

    monkeypatch.setattr(torchvision_detector, "get_model", unreachable)
    with pytest.raises(
        InputError, match=r"cannot be fetched: .*timed out.*by hand.*\.pth"
    ) as caught:
        TorchvisionDetector.load(NAME)
    assert "\n" not in str(caught.value)
