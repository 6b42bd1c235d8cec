"""A converted torchvision Mask R-CNN finds what torchvision finds with the same random weights."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet50
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.backbone_utils import _resnet_fpn_extractor
from torchvision.ops import FrozenBatchNorm2d

from propose_reduce.models.convert.convert import convert
from propose_reduce.models.weights import load_weights

pytestmark = pytest.mark.parity

HEIGHT, WIDTH = 120, 180  # padded to 128 x 192, which the maps of all levels divide


def image():
    """Return a smooth RGB picture, float32 (3, H, W), 0-1."""
    coarse = torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(3))
    return nn.functional.interpolate(coarse, (HEIGHT, WIDTH), mode="bicubic")[0].clamp(0, 1)


@pytest.fixture(scope="module")
def theirs():
    """Return torchvision's model as its COCO weights are run, with random ones."""
    torch.manual_seed(4)
    backbone = _resnet_fpn_extractor(resnet50(weights=None, norm_layer=FrozenBatchNorm2d), 5)
    model = MaskRCNN(backbone, 91, min_size=HEIGHT, max_size=WIDTH, box_score_thresh=0.1)
    overwrite_eps(model, 0.0)
    with torch.no_grad():
        for name, buffer in model.named_buffers():
            if name.endswith("running_var"):
                buffer.uniform_(0.5, 1.5)
        # a random ResNet's activations are large: heads that make detections of many scores
        model.rpn.head.bbox_pred.weight.mul_(0.1)
        model.roi_heads.box_predictor.bbox_pred.weight.mul_(0.3)
        model.roi_heads.box_predictor.cls_score.weight.mul_(0.5)
    return model.eval()


@pytest.fixture(scope="module")
def network(theirs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("torchvision")
    torch.save(theirs.state_dict(), folder / "coco.pth")
    convert(folder / "coco.pth", folder / "own.safetensors")
    return load_weights(folder / "own.safetensors").network


@torch.no_grad()
def test_boxes_labels_scores_and_masks_are_torchvisions(theirs, network):
    padded, _ = theirs.transform([image()])
    assert padded.image_sizes == [(HEIGHT, WIDTH)]  # not resized
    features = theirs.backbone(padded.tensors)
    proposals, _ = theirs.rpn(padded, features)
    wanted = theirs.roi_heads(features, proposals, padded.image_sizes)[0][0]
    assert len(wanted["boxes"]) == 100
    assert len(wanted["labels"].unique()) > 1
    assert wanted["masks"].std() > 0.01
    pyramid = network.features(255 * image()[None]).pyramid
    found = network.detector.detect(
        pyramid, (HEIGHT, WIDTH), min_score=0.1, nms=0.5, max_objects=100
    )
    masks = network.detector.small_masks(pyramid, [found.boxes], found.labels)
    # nearly equal scores may change places
    different = (found.boxes - wanted["boxes"][:, None]).abs().amax(dim=2)
    places = (different + 1e3 * (found.labels != wanted["labels"][:, None])).argmin(dim=1)
    assert (places - torch.arange(100)).abs().max() <= 1
    assert len(places.unique()) == 100
    assert torch.equal(found.labels[places], wanted["labels"])
    torch.testing.assert_close(found.boxes[places], wanted["boxes"], rtol=0, atol=5e-3)
    torch.testing.assert_close(found.scores[places], wanted["scores"], rtol=0, atol=1e-4)
    torch.testing.assert_close(masks[places], wanted["masks"][:, 0], rtol=0, atol=1e-3)
