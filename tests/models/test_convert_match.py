"""Names and shapes of every known checkpoint against every network, without a number."""

import json

import pytest
import timm
import torch
import torchvision
from checkpoints import MODEL, VARIANTS, shapes

from propose_reduce.models.backbone import Backbone
from propose_reduce.models.build import build
from propose_reduce.models.convert.keys import AUTHORS, CLASSIFIER, TORCHVISION, recognise
from propose_reduce.models.convert.match import MisfitError, match_tensors
from propose_reduce.settings import load_preset


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
    assert recognise(given) is AUTHORS
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
    assert recognise(given) is TORCHVISION
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
    assert recognise(given) is CLASSIFIER
    match = match_tensors(given, wanted, CLASSIFIER)
    body = {key for key in wanted if "body" in key and not key.endswith("num_batches_tracked")}
    assert set(match.origins) == body


def test_imagenet_classifiers_of_torchvision_have_the_same_names():
    with torch.device("meta"):
        given = torchvision.models.resnet101(weights=None).state_dict()
    match = match_tensors(given, our_tensors("davis_r101"), CLASSIFIER)
    dropped = {report.name for report in match.reports if report.outcome == "dropped"}
    assert {name for name in dropped if "num_batches" not in name} == {"fc.weight", "fc.bias"}
