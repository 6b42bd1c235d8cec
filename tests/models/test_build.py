"""Every model setting arrives in the network."""

import pytest
import torch
from networks import TINY, tiny_network

from propose_reduce.errors import InputError
from propose_reduce.models.build import build
from propose_reduce.settings import ModelSettings, load_preset, preset_names
from propose_reduce.settings.training import TrainingSettings


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({"anchor_offset": 0.25}, lambda n: n.detector.rpn.anchor_generator.offset),
        ({"anchor_rounding": False}, lambda n: n.detector.rpn.anchor_generator.rounding),
        ({"anchor_ratios": (1.0,)}, lambda n: n.detector.rpn.anchor_generator.ratios),
        ({"anchor_sizes": (8, 16, 32, 64, 128)}, lambda n: n.detector.rpn.anchor_generator.sizes),
        ({"rpn_proposals": 7}, lambda n: n.detector.rpn.post_nms_top_n()),
        ({"rpn_nms": 0.3}, lambda n: n.detector.rpn.nms_thresh),
        ({"roi_aligned": True}, lambda n: n.detector.roi_features.aligned),
        ({"roi_minimum_cell": True}, lambda n: n.detector.roi_features.minimum_cell),
        ({"roi_samples": 3}, lambda n: n.detector.roi_features.samples),
        ({"box_channels": 9}, lambda n: n.detector.box_head.layers.fc7.out_features),
        ({"mask_channels": 9}, lambda n: n.detector.mask_head.predictor.conv5_mask.out_channels),
        ({"mask_layers": 3}, lambda n: len(n.detector.mask_head.layers)),
        ({"pyramid_channels": 24}, lambda n: n.backbone.pyramid.layer_blocks[0][0].out_channels),
        ({"propagation_channels": 12}, lambda n: n.prop_head.decoder.fuse.out_channels),
        ({"key_channels": 5}, lambda n: n.prop_head.query_encoder.key.out_channels),
        ({"batch_norm_eps": 0.5}, lambda n: n.backbone.body.bn1.eps),
        ({"freeze_batch_norm": True}, lambda n: n.backbone.freeze_batch_norm),
        ({"pixel_mean": (1.0, 2.0, 3.0)}, lambda n: tuple(n.pixel_mean.tolist())),
        ({"pixel_std": (4.0, 5.0, 6.0)}, lambda n: tuple(n.pixel_std.tolist())),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_a_model_setting_arrives(changes, read):
    (name, value), *_ = changes.items()
    assert read(tiny_network(**changes)) == value
    assert read(tiny_network()) != value, f"{name} is that by default"


def test_the_sample_counts_of_training_arrive():
    network = build(TINY, TrainingSettings(rpn_samples=8, box_samples=6, box_positive=0.5))
    assert network.detector.rpn.fg_bg_sampler.batch_size_per_image == 8
    assert network.detector.sampler.batch_size_per_image == 6
    assert network.detector.sampler.positive_fraction == 0.5


def test_the_heads_have_a_row_per_category_and_background():
    predictor = tiny_network(categories=("a", "b", "c")).detector.box_head.predictor
    assert (predictor.cls_score.out_features, predictor.bbox_pred.out_features) == (4, 16)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_builds(name):
    model = load_preset(name).model
    with torch.device("meta"):
        network = build(model)
    assert not network.training
    assert network.detector.box_head.predictor.cls_score.out_features == len(model.categories) + 1


def test_an_unknown_backbone_is_the_users_mistake():
    with pytest.raises(InputError, match="did you mean 'resnet50'"):
        build(ModelSettings(backbone="resnet5O"))
