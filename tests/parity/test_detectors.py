"""Converted checkpoints of MMDetection and Detectron2 find what these libraries find.

Weights and input by formula, and their numbers, are those of tests/reference/weights/README.md.
"""

import numpy as np
import pytest
import torch
from checkpoints import LIBRARIES, library_state, save_library

from propose_reduce.models.convert.convert import convert
from propose_reduce.models.weights import load_weights
from propose_reduce.structures import padded_size

pytestmark = pytest.mark.parity

SIZE = (96, 128)
LEVELS = ("P2", "P3", "P4", "P5", "P6")


class Case:
    """A converted network beside the numbers of its library."""

    def __init__(self, name, folder):
        self.wanted = dict(np.load(LIBRARIES / f"{name}.npz"))
        checkpoint = save_library(name, library_state(name), folder)
        convert(checkpoint, folder / "own.safetensors")
        self.background = -1  # of their class columns
        loaded = load_weights(folder / "own.safetensors")
        self.settings, self.network = loaded.settings, loaded.network
        self.image = torch.from_numpy(self.wanted["image_rgb"])[None]
        with torch.no_grad():
            self.features = self.network.features(self.image)

    def close(self, found, name, tolerance):
        wanted = torch.from_numpy(self.wanted[name])
        torch.testing.assert_close(found, wanted.to(found.dtype), rtol=0, atol=tolerance)


@pytest.fixture(scope="module", params=["mmdet_r50", "mmdet_r50_caffe", "detectron2_r50"])
def case(request, tmp_path_factory):
    return Case(request.param, tmp_path_factory.mktemp(request.param))


def test_the_features(case):
    maps = dict(zip(LEVELS, case.features.pyramid, strict=True))
    maps |= {"C2": case.features.c2, "C3": case.features.c3}
    steps = {"P2": 32, "C2": 32, "C3": 32, "P3": 16, "P4": 16, "P5": 8, "P6": 4}
    for name, value in maps.items():
        case.close(value[0, :: steps[name]], f"{name}.ch_0_step{steps[name]}", 2e-5)
        whole = value.double()
        sums = torch.stack([whole.sum(), whole.mean(), whole.std(), whole.abs().max()])
        wanted = torch.from_numpy(case.wanted[f"{name}.sum_mean_std_absmax"])
        assert abs(sums[0] - wanted[0]) < 1e-6 * whole.numel()
        torch.testing.assert_close(sums[1:], wanted[1:], rtol=0, atol=2e-5)


@torch.no_grad()
def test_the_region_proposals(case):
    rpn = case.network.detector.rpn
    objectness, codes = rpn.head(list(case.features.pyramid))
    for level, name in enumerate(LEVELS):
        steps = (2, 4) if name == "P2" else (1, 1)
        case.close(
            objectness[level][0, :, :: steps[0], :: steps[0]], f"rpn.{name}.objectness", 5e-5
        )
        case.close(codes[level][0, :, :: steps[1], :: steps[1]], f"rpn.{name}.deltas", 5e-5)
        anchors = rpn.anchor_generator.level(
            level, objectness[level].shape[-2:], torch.device("cpu")
        )
        case.close(torch.cat([anchors[:6], anchors[-3:]]), f"anchors.{name}.first6_last3", 1e-4)
    found = rpn.propose(case.features.pyramid, [SIZE])[0][0]
    wanted = torch.from_numpy(case.wanted["proposals"])
    assert len(found) == len(wanted)
    distance = (found[:, None] - wanted).abs().amax(dim=2)
    assert distance.amin(dim=0).max() < 1e-3
    assert distance.amin(dim=1).max() < 1e-3


@torch.no_grad()
def test_the_heads_on_given_boxes(case):
    detector, pyramid = case.network.detector, case.features.pyramid
    boxes = torch.from_numpy(case.wanted["fixed_boxes"])
    pooled = {bins: detector.roi_features(pyramid, [boxes], bins) for bins in (7, 14)}
    case.close(pooled[7][:, ::32], "roi7.ch_0_step32", 2e-5)
    case.close(pooled[14][:, ::64], "roi14.ch_0_step64", 2e-5)
    output = detector.box_head(pooled[7])
    case.close(output.logits.roll(-1, dims=1), "cls_logits", 5e-5)
    case.close(output.codes[:, 4:], "box_deltas", 5e-5)
    case.close(
        detector.mask_head(pooled[14])[:, 1::16][:, :, ::2, ::2], "mask_logits.class_0_step16", 5e-5
    )


@pytest.mark.parametrize(("name", "size"), [("det", SIZE), ("det90x117", (90, 117))])
@torch.no_grad()
def test_the_detections(case, name, size):
    image = case.image[:, :, : size[0], : size[1]]
    assert padded_size(size) == SIZE
    found = case.network.detector.detect(
        case.network.features(image).pyramid, size, min_score=0.05, nms=0.5, max_objects=100
    )
    wanted = {
        key: torch.from_numpy(case.wanted[f"{name}.{key}"]) for key in ("boxes", "labels", "scores")
    }
    # nearly equal scores may change places
    different = (found.boxes - wanted["boxes"][:, None]).abs().amax(dim=2)
    different += 1e3 * (found.labels - 1 != wanted["labels"][:, None])
    places = different.argmin(dim=1)
    assert len(places.unique()) == len(wanted["boxes"]) == len(found.boxes)
    assert different.amin(dim=1).max() < 1e-3
    torch.testing.assert_close(found.scores[places], wanted["scores"], rtol=0, atol=2e-5)
