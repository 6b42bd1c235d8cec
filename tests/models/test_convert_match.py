"""Names and shapes of every known checkpoint against every network, without a number."""

import json
from dataclasses import replace

import pytest
import timm
import torch
import torchvision
from checkpoints import LIBRARIES, MODEL, VARIANTS, library_shapes, shapes

from propose_reduce.errors import InputError
from propose_reduce.models.backbone import Backbone
from propose_reduce.models.build import build
from propose_reduce.models.checkpoint import Checkpoint
from propose_reduce.models.convert.detectors import (
    DETECTRON2,
    MMDETECTION,
    MMDETECTION_1,
    recognise,
)
from propose_reduce.models.convert.keys import AUTHORS, CLASSIFIER, TORCHVISION
from propose_reduce.models.convert.match import MisfitError, fill_state, match_tensors
from propose_reduce.settings import ModelSettings, load_preset


def authors_tensors(preset):
    """Return a released checkpoint's tensors, shapes only."""
    known = shapes(VARIANTS[preset])
    return {name: torch.empty(shape, device="meta") for name, shape in known.items()}


def our_tensors(preset):
    with torch.device("meta"):
        return build(load_preset(preset).model).state_dict()


@pytest.mark.parametrize("preset", VARIANTS)
def test_every_released_checkpoint_fits_its_preset_but_for_the_dead_layers(preset):
    given, wanted = authors_tensors(preset), our_tensors(preset)
    assert recognise(Checkpoint(given)) is AUTHORS
    match = match_tensors(given, wanted, AUTHORS)
    summary = json.loads((MODEL / "param_summary.json").read_text())[VARIANTS[preset]]
    dead = {f"prop_head.{name}" for name in summary["prop_head_dead"]}
    counters = {name for name in given if name.endswith("num_batches_tracked")}
    assert {report.outcome for report in match.reports} == {"dropped"}
    assert {report.name for report in match.reports} == dead | counters
    assert set(match.origins.values()) == set(given) - dead - counters
    assert set(match.origins) == {name for name in wanted if "num_batches" not in name}
    head = [name for name in match.origins if name.startswith("prop_head.")]
    assert (len(head), sum(wanted[name].numel() for name in head)) == (62, 22_177_154)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda state: state.pop("prop_head.pred2.bias"),
            r"it has nothing for 'prop_head.decoder.predict.bias' \(2,\)",
        ),
        (
            lambda state: state.update({"prop_head.pred3.bias": torch.empty(7)}),
            r"its tensor 'prop_head.pred3.bias' \(7,\) has no place",
        ),
        (
            lambda state: state.update({"bbox_head.fc_reg.bias": torch.empty(8)}),
            r"its tensor 'bbox_head.fc_reg.bias' is \(8,\), needed is \(164,\)",
        ),
    ],
    ids=["missing", "unknown", "wrong shape"],
)
def test_anything_unexpected_is_named_with_its_shape(change, says):
    given = authors_tensors("youtube_vis_2019_r50")
    change(given)
    with pytest.raises(MisfitError, match=says):
        match_tensors(given, our_tensors("youtube_vis_2019_r50"), AUTHORS)


def torchvision_tensors(*, published_names):
    with torch.device("meta"):
        state = torchvision.models.detection.maskrcnn_resnet50_fpn(
            weights=None, weights_backbone=None
        ).state_dict()
    if not published_names:
        return state
    # the file on torchvision's server is older than the names of today
    old = {}
    for name, value in state.items():
        for index in range(4):
            name = name.replace(f"mask_head.{index}.0.", f"mask_head.mask_fcn{index + 1}.")
        name = name.replace("rpn.head.conv.0.0.", "rpn.head.conv.")
        if name.startswith("backbone.fpn"):
            name = name.replace(".0.weight", ".weight").replace(".0.bias", ".bias")
        if not name.endswith("num_batches_tracked"):
            old[name] = value
    return old


@pytest.mark.filterwarnings("ignore:for .*copying from a non-meta")
def test_torchvision_itself_knows_the_published_names():
    with torch.device("meta"):
        model = torchvision.models.detection.maskrcnn_resnet50_fpn(
            weights=None, weights_backbone=None
        )
    old = torchvision_tensors(published_names=True)
    assert set(old) != set(model.state_dict())
    model.load_state_dict(old)  # strict


@pytest.mark.parametrize("published_names", [False, True])
def test_torchvision_weights_fill_everything_but_the_seq_prop_head(published_names):
    given = torchvision_tensors(published_names=published_names)
    assert recognise(Checkpoint(given)) is TORCHVISION
    wanted = our_tensors("youtube_vis_2019_r50")
    match = match_tensors(given, wanted, TORCHVISION)
    fresh = {report.name for report in match.reports if report.outcome == "initialised"}
    assert fresh == {name for name in wanted if name.startswith("prop_head.")}
    assert len(match.origins) == 281 + 26


def test_a_later_torchvision_detector_is_another_network():
    with torch.device("meta"):
        given = torchvision.models.detection.maskrcnn_resnet50_fpn_v2(
            weights=None, weights_backbone=None
        ).state_dict()
    with pytest.raises(MisfitError, match="has no place"):
        match_tensors(given, our_tensors("youtube_vis_2019_r50"), TORCHVISION)


@pytest.mark.parametrize(
    "name", ["resnet50", "resnext101_64x4d", "convnext_atto", "efficientnet_b0"]
)
def test_imagenet_classifiers_of_timm_fill_the_backbone(name):
    with torch.device("meta"):
        given, backbone = timm.create_model(name).state_dict(), Backbone(name)
    wanted = {f"backbone.{key}": value for key, value in backbone.state_dict().items()}
    assert recognise(Checkpoint(given)) is CLASSIFIER
    match = match_tensors(given, wanted, CLASSIFIER)
    body = {key for key in wanted if "body" in key and not key.endswith("num_batches_tracked")}
    assert set(match.origins) == body


def test_imagenet_classifiers_of_torchvision_have_the_same_names():
    with torch.device("meta"):
        given = torchvision.models.resnet101(weights=None).state_dict()
    match = match_tensors(given, our_tensors("davis_r101"), CLASSIFIER)
    dropped = {report.name for report in match.reports if report.outcome == "dropped"}
    assert {name for name in dropped if "num_batches" not in name} == {"fc.weight", "fc.bias"}


def library_tensors(name):
    return {key: torch.empty(shape, device="meta") for key, shape in library_shapes(name).items()}


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("mmdet_r50", "resnet50"),
        ("mmdet_r101", "resnet101"),
        ("mmdet_x101_32x4d", "resnext101_32x4d"),
        ("mmdet_x101_64x4d", "resnext101_64x4d"),
        ("detectron2_r50", "resnet50"),
        ("detectron2_r101", "resnet101"),
        ("detectron2_x101_32x8d", "resnext101_32x8d"),
    ],
)
def test_detectors_of_other_libraries_fill_everything_but_the_seq_prop_head(name, backbone):
    given = library_tensors(name)
    source = recognise(Checkpoint(given))
    assert source.backbone == source.alone["backbone"] == backbone
    assert len(source.categories) == 80
    settings = {**source.settings, **source.alone, "categories": source.categories}
    with torch.device("meta"):
        wanted = build(ModelSettings.model_validate(settings)).state_dict()
    match = match_tensors(given, wanted, source)
    fresh = {report.name for report in match.reports if report.outcome == "initialised"}
    assert fresh == {key for key in wanted if key.startswith("prop_head.")}
    assert set(match.origins.values()) == {key for key in given if "num_batches" not in key}


@pytest.mark.parametrize(("name", "source"), [("mmdet", MMDETECTION), ("detectron2", DETECTRON2)])
def test_their_names_are_torchvisions_as_the_map_says(name, source):
    pairs = json.loads((LIBRARIES / f"map_{name}_r50_to_torchvision.json").read_text())
    for theirs, torchvisions in pairs:
        ours = TORCHVISION.rename(torchvisions)
        assert source.rename(theirs) == ours


def told(config="", name="", middle=(64, 64, 3, 3), style=None):
    """Return the source of a small part of an MMDetection checkpoint."""
    tensors = {"roi_head.bbox_head.fc_cls.bias": torch.zeros(81)}
    for block in range(6 if middle[0] == middle[1] else 23):
        tensors[f"backbone.layer3.{block}.bn1.bias"] = torch.zeros(1)
    tensors["backbone.layer1.0.conv2.weight"] = torch.zeros(middle)
    return recognise(Checkpoint(tensors, config=config, name=name), style)


@pytest.mark.parametrize(
    ("source", "stride", "deviation", "reversed_channels"),
    [
        (told("backbone=dict(style='pytorch')"), "3x3", 58.395, False),
        (told('"style": "caffe"'), "1x1", 1, True),
        (told(name="mask_rcnn_r50_caffe_fpn_1x_coco.pth"), "1x1", 1, True),
        (told("style='pytorch'", style="caffe"), "1x1", 1, True),
        (told(middle=(256, 8, 3, 3)), "3x3", 58.395, True),
        (
            told("style='pytorch', mean=[1, 2, 3], std=[4.0, 5.0, 6.0], to_rgb=False"),
            "3x3",
            6,
            True,
        ),
    ],
    ids=["pytorch", "caffe", "by its name", "as the user says", "x101 32x8d", "own scaling"],
)
def test_how_a_backbone_was_trained_is_told(source, stride, deviation, reversed_channels):
    assert source.settings["stride_in"] == stride
    assert source.settings["pixel_std"][0] == deviation
    assert source.reversed_channels == reversed_channels


def test_where_nothing_says_how_it_is_noted():
    assert "give --style caffe" in told().note
    assert not told("style='caffe'").note
    assert not recognise(Checkpoint(library_tensors("detectron2_r50"))).note


def test_a_style_of_another_kind_of_checkpoint_is_refused():
    with pytest.raises(InputError, match="--style is of MMDetection's checkpoints, and this is"):
        recognise(Checkpoint(library_tensors("detectron2_r50")), "caffe")


def test_the_first_mmdetection_has_the_authors_conventions():
    given = {
        name: value
        for name, value in authors_tensors("youtube_vis_2019_r50").items()
        if not name.startswith("prop_head.")
    }
    for end, rows in (("fc_cls", 81), ("fc_reg", 324)):
        for kind in ("weight", "bias"):
            key = f"bbox_head.{end}.{kind}"
            given[key] = torch.empty(rows, *given[key].shape[1:], device="meta")
    source = recognise(Checkpoint(given))
    assert source.title == MMDETECTION_1.title
    assert (source.settings["anchor_offset"], source.background_last) == (0.5, False)
    assert len(source.categories) == 80


def test_rows_of_classes_move_where_the_background_is_the_last():
    names = ("dog", "cat", "zebra")
    source = replace(DETECTRON2, categories=names, reversed_channels=True)
    given = {
        "roi_heads.box_predictor.cls_score.bias": torch.arange(4.0),
        "roi_heads.box_predictor.bbox_pred.bias": torch.arange(12.0),
        "roi_heads.mask_head.predictor.bias": torch.arange(3.0),
        "backbone.bottom_up.stem.conv1.weight": torch.arange(3.0).reshape(1, 3, 1, 1),
    }
    state = {
        "detector.box_head.predictor.cls_score.bias": torch.full((3,), -1.0),
        "detector.box_head.predictor.bbox_pred.bias": torch.full((12,), -1.0),
        "detector.mask_head.predictor.mask_fcn_logits.bias": torch.full((3,), -1.0),
        "backbone.body.conv1.weight": torch.zeros(1, 3, 1, 1),
    }
    match = match_tensors(given, state, source)
    reports = fill_state(state, given, match, source, ("cat", "owl"))
    classes, boxes, masks, stem = state.values()
    assert classes.tolist() == [3, 1, -1]  # background, cat, owl
    assert boxes.tolist() == [-1] * 4 + [4, 5, 6, 7] + [-1] * 4
    assert masks.tolist() == [-1, 1, -1]
    assert stem.flatten().tolist() == [2, 1, 0]
    of_masks = [(r.outcome, r.values) for r in reports if "mask_fcn" in r.name]
    assert of_masks == [("loaded", 1), ("dropped", 2), ("initialised", 1), ("initialised", 1)]
    given["roi_heads.box_predictor.bbox_pred.bias"] = torch.zeros(16)
    with pytest.raises(MisfitError, match=r"is \(16,\), needed is \(12,\)"):
        match_tensors(given, state, source)
