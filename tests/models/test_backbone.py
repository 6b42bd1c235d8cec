"""The backbone: any timm model with the right strides, frozen as far as asked."""

import pytest
import torch
from torch import nn

from propose_reduce.errors import InputError
from propose_reduce.models.backbone import Backbone, Features, normalise

IMAGE = torch.zeros(1, 3, 64, 96)
SIZES = [(16, 24), (8, 12), (4, 6), (2, 3), (1, 2)]


@pytest.mark.parametrize("name", ["resnet10t", "convnext_atto", "mobilenetv3_small_100", "dla34"])
@torch.no_grad()
def test_any_timm_model_gives_maps_at_strides_4_to_64(name):
    backbone = Backbone(name, channels=8).eval()
    features = backbone(IMAGE)
    assert [level.shape[-2:] for level in features.pyramid] == SIZES
    assert {level.shape[1] for level in features.pyramid} == {8}
    assert (features.c2.shape[-2:], features.c3.shape[-2:]) == (SIZES[0], SIZES[1])
    assert [features.c2.shape[1], features.c3.shape[1]] == backbone.map_channels[:2]


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "mixer_s32_224", "swin_tiny_patch4_window7_224"]
)
def test_a_model_without_these_maps_is_refused(name):
    with pytest.raises(InputError, match=f"'{name}' gives no feature maps at strides 4, 8, 16, 32"):
        Backbone(name)


def test_an_unknown_model_offers_the_nearest_name():
    with pytest.raises(
        InputError, match="unknown timm backbone 'resnet5O': did you mean 'resnet50'"
    ):
        Backbone("resnet5O")


@pytest.mark.parametrize(
    ("name", "frozen_stages", "last_frozen", "first_trained"),
    [
        ("resnet50", 0, None, "conv1.weight"),
        ("resnet50", 1, "bn1.bias", "layer1.0.conv1.weight"),
        ("resnet50", 2, "layer1.2.bn3.bias", "layer2.0.conv1.weight"),
        ("resnet50", 5, "layer4.2.bn3.bias", None),
        ("resnet10t", 1, "bn1.bias", "layer1.0.conv1.weight"),
        ("efficientnet_b0", 2, "blocks.1.1.bn3.bias", "blocks.2.0.conv_pw.weight"),
        ("regnetx_002", 2, "s1.b1.downsample.bn.bias", "s2.b1.conv1.conv.weight"),
        ("convnext_atto", 2, "stages_0.blocks.1.mlp.fc2.bias", "stages_1.downsample.0.weight"),
    ],
)
def test_the_first_stages_are_frozen_and_no_others(name, frozen_stages, last_frozen, first_trained):
    with torch.device("meta"):
        body = Backbone(name, 8, frozen_stages=frozen_stages).body
    names = [parameter_name for parameter_name, _ in body.named_parameters()]
    frozen = [key for key, parameter in body.named_parameters() if not parameter.requires_grad]
    assert frozen == names[: len(frozen)]
    assert (frozen or [None])[-1] == last_frozen
    assert ([*names, None])[len(frozen)] == first_trained


@pytest.mark.parametrize("freeze", [True, False])
def test_batch_norm_statistics_move_in_training_unless_frozen(freeze):
    backbone = Backbone("resnet10t", 8, freeze_batch_norm=freeze).train()
    before = backbone.body.bn1.running_mean.clone()
    features = backbone(torch.rand(2, 3, 64, 64))
    assert torch.equal(backbone.body.bn1.running_mean, before) == freeze
    features.p2.sum().backward()
    assert backbone.body.bn1.weight.grad.abs().sum() > 0  # affine parameters train all the same
    assert all(norm.training != freeze for norm in norms(backbone))
    assert not any(norm.training for norm in norms(backbone.eval()))


def norms(backbone):
    return [module for module in backbone.body.modules() if isinstance(module, nn.BatchNorm2d)]


def test_the_epsilon_is_set_everywhere_or_left_alone():
    assert {norm.eps for norm in norms(Backbone("resnet10t", 8, batch_norm_eps=0.0))} == {0.0}
    assert {norm.eps for norm in norms(Backbone("resnet10t", 8))} == {1e-5}


def test_normalised_images_are_padded_with_zeros_on_the_right_and_below():
    images = torch.full((1, 3, 33, 64), 110, dtype=torch.uint8)
    mean, std = torch.tensor([100.0, 110.0, 120.0]), torch.tensor([10.0, 1.0, 5.0])
    padded = normalise(images, mean, std)
    assert padded.dtype == torch.float32
    assert padded.shape == (1, 3, 64, 64)
    assert padded[0, :, 32, 63].tolist() == [1.0, 0.0, -2.0]
    assert not padded[:, :, 33:].any()


def test_rows_cut_frames_out_of_a_batch():
    levels = tuple(torch.arange(4.0).view(4, 1, 1, 1) for _ in range(5))
    rows = Features(levels[0], levels[1], levels).rows(1, 3)
    assert rows.p2.flatten().tolist() == rows.c3.flatten().tolist() == [1.0, 2.0]


def test_depthwise_kernels_alone_are_frozen_where_asked():
    with torch.device("meta"):
        body = Backbone("tf_efficientnet_lite0", 8, freeze_depthwise=True).body
    frozen = [name for name, parameter in body.named_parameters() if not parameter.requires_grad]
    assert len(frozen) == 16  # one of each block
    assert {name.split(".")[-2] for name in frozen} == {"conv_dw"}


@torch.no_grad()
def test_the_stride_of_a_stage_may_lie_in_its_first_convolution():
    torch.manual_seed(0)
    plain, caffe = Backbone("resnet50", 8).eval(), Backbone("resnet50", 8, stride_in_first=True)
    for name, parameter in plain.named_parameters():
        if name.endswith("bn3.weight"):  # timm starts them at 0
            parameter.fill_(1.0)
    caffe.eval().load_state_dict(plain.state_dict())
    image = torch.rand(1, 3, 64, 96)
    found, usual = caffe(image), plain(image)
    assert torch.equal(found.c2, usual.c2)
    assert found.c3.shape == usual.c3.shape
    assert not torch.allclose(found.c3, usual.c3)
    with pytest.raises(InputError, match="'resnet10t' has no bottlenecks"):
        Backbone("resnet10t", stride_in_first=True)
