"""Anchors, decoding, NMS and RoI features against the authors' code and torchvision.

The authors' boxes have inclusive corners; with x2 + 1 and y2 + 1 theirs are ours, apart from two
things named in the tests of decoding.
"""

import math

import numpy as np
import pytest
import torch
from checkpoints import MODEL
from formulas import tensor
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign, box_iou, clip_boxes_to_image, nms

from propose_reduce.models.detector import BOX_BINS, BOX_WEIGHTS, MASK_BINS, RoIFeatures
from propose_reduce.models.rpn import LEVEL_STRIDES, Anchors

pytestmark = pytest.mark.parity

SIDES, RATIOS = (32, 64, 128, 256, 512), (0.5, 1.0, 2.0)
MAPS = ((16, 24), (8, 12), (4, 6), (2, 3), (1, 2))  # of a 64 x 96 image
IMAGE = (60, 90)
CORNER = torch.tensor([0.0, 0.0, 1.0, 1.0])  # from inclusive to exclusive corners


@pytest.fixture(scope="module")
def boxes():
    arrays = np.load(MODEL / "pipeline" / "anchors_decode.npz")
    return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def rois():
    arrays = np.load(MODEL / "pipeline" / "roi_align.npz")
    return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.mark.parametrize("level", range(5))
def test_anchors_are_the_authors_at_offset_one_half(level, boxes):
    anchors = Anchors(SIDES, RATIOS, offset=0.5, rounding=True)
    name = f"P{level + 2}"
    assert torch.equal(anchors.base(level), boxes[f"base_anchors_{name}"] + CORNER)
    every = anchors.level(level, MAPS[level], torch.device("cpu"))
    assert torch.equal(every, boxes[f"anchors_{name}"] + CORNER)


def test_anchors_are_torchvisions_at_offset_zero():
    sizes = tuple((side,) for side in SIDES)
    theirs = AnchorGenerator(sizes, (RATIOS,) * len(sizes))
    # 512 x 768: its maps divide it, so that torchvision guesses the strides right
    maps = [torch.zeros(1, 1, 512 // stride, 768 // stride) for stride in LEVEL_STRIDES]
    images = ImageList(torch.zeros(2, 3, 512, 768), [(512, 768), (500, 700)])
    ours = Anchors(SIDES, RATIOS, offset=0.0, rounding=True)(images, maps)
    assert all(
        torch.equal(own, other) for own, other in zip(ours, theirs(images, maps), strict=True)
    )


RPN_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
LOWER_CLAMP = -math.log(1000 / 16)  # -4.135, the authors' for dw and dh


def decode(deltas, rois, weights):
    """Return what our network decodes: (rois, classes, 4), exclusive corners, not clipped."""
    return BoxCoder(weights).decode(deltas, [rois + CORNER])


def floored(codes, weights):
    """Return codes (rois, 4 x classes) with the authors' lower clamp."""
    floor = torch.tensor([-torch.inf, -torch.inf, *[LOWER_CLAMP * weights[2]] * 2])
    return codes.unflatten(1, (-1, 4)).maximum(floor).flatten(1)


def test_decoding_is_the_authors_but_that_they_clamp_sides_from_below(boxes):
    rois, codes = boxes["dec_rois"], boxes["dec_deltas_rpn"]
    theirs = boxes["dec_rpn_std1_noclip"] + CORNER
    ours, clamped = (
        decode(codes, rois, RPN_WEIGHTS),
        decode(floored(codes, RPN_WEIGHTS), rois, RPN_WEIGHTS),
    )
    torch.testing.assert_close(clamped[:, 0], theirs, rtol=0, atol=1e-4)
    bites = (codes[:, 2:] < LOWER_CLAMP).any(dim=1)
    assert 0 < bites.sum() < len(bites) / 4
    assert torch.equal(ours[~bites], clamped[~bites])


@pytest.mark.parametrize(
    ("deltas", "weights", "clipped"),
    [
        ("dec_deltas_rpn", RPN_WEIGHTS, "dec_rpn_std1_img60x90"),
        ("dec_deltas_box", BOX_WEIGHTS, "dec_box_std0.1_0.2_img60x90"),
    ],
)
def test_clipping_is_the_authors_but_that_they_keep_a_pixel_inside(deltas, weights, clipped, boxes):
    theirs = boxes[clipped].unflatten(1, (-1, 4)) + CORNER
    ours = decode(floored(boxes[deltas], weights), boxes["dec_rois"], weights)
    ours = clip_boxes_to_image(ours, IMAGE)
    height, width = IMAGE
    low = ours[..., :2].minimum(torch.tensor([width - 1.0, height - 1.0]))
    high = ours[..., 2:].clamp(min=1)
    with_pixel = torch.cat([low, high], dim=-1)
    torch.testing.assert_close(with_pixel, theirs, rtol=0, atol=1e-4)
    assert (with_pixel == ours).all(dim=-1).float().mean() > 0.8


@pytest.mark.parametrize(
    ("weights", "name"), [(RPN_WEIGHTS, "enc_std1"), (BOX_WEIGHTS, "enc_std0.1_0.2")]
)
def test_encoding_is_the_authors(weights, name, boxes):
    truth, rois = boxes["enc_gt"] + CORNER, boxes["dec_rois"] + CORNER
    codes = BoxCoder(weights).encode([truth], [rois])[0]
    torch.testing.assert_close(codes, boxes[name], rtol=0, atol=2e-5)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_box_nms_is_the_authors(threshold, boxes):
    found = boxes["nms_dets"]
    kept = nms(found[:, :4] + CORNER, found[:, 4], threshold)
    assert torch.equal(kept, boxes[f"nms_keep_{threshold}"])


def test_box_iou_is_the_authors(boxes):
    found, rois = boxes["nms_dets"][:, :4] + CORNER, boxes["dec_rois"] + CORNER
    overlaps = boxes["bbox_overlaps_first10"]
    torch.testing.assert_close(box_iou(found[:10], rois), overlaps, rtol=0, atol=1e-6)


def roi_maps():
    """Return P2..P5 of the RoI reference, 4 channels each."""
    return [
        torch.stack(
            [
                tensor(np.sin(0.05 * np.arange(y * x) + 0.3 * channel + 0.9 * level), (y, x))
                for channel in range(4)
            ]
        )[None]
        for level, (y, x) in enumerate([(128, 160), (64, 80), (32, 40), (16, 20)])
    ]


@pytest.mark.parametrize("bins", [BOX_BINS, MASK_BINS])
def test_features_of_all_ten_boxes_are_the_authors_the_one_below_a_cell_too(bins, rois):
    features = RoIFeatures(aligned=False, minimum_cell=False, samples=2)
    found = features(roi_maps(), [rois["rois"][:, 1:] + CORNER], bins)
    torch.testing.assert_close(found, rois[f"roi_feats_{bins}x{bins}"], rtol=0, atol=2e-5)
    sides = (rois["rois"][:, 3:] - rois["rois"][:, 1:3] + 1) / 4 / 2 ** rois["levels"][:, None]
    assert (sides < 1).any(dim=1).nonzero()[:, 0].tolist() == [7]


@pytest.mark.parametrize("bins", [BOX_BINS, MASK_BINS])
def test_features_with_the_minimum_cell_are_torchvisions(bins, rois):
    boxes, maps = rois["rois"][:, 1:] + CORNER, roi_maps()
    features = RoIFeatures(aligned=False, minimum_cell=True, samples=2)
    theirs = MultiScaleRoIAlign(["0", "1", "2", "3"], bins, 2)
    named = {str(level): value for level, value in enumerate(maps)}
    wanted = theirs(named, [boxes], [(512, 640)])
    assert torch.equal(features(maps, [boxes], bins), wanted)
    legacy = (wanted - rois[f"roi_feats_{bins}x{bins}"]).abs().amax(dim=(1, 2, 3))
    assert (legacy > 1e-3).nonzero()[:, 0].tolist() == [7]


def test_levels_change_at_112_224_and_448_pixels(rois):
    features = RoIFeatures(aligned=False, minimum_cell=False, samples=2)
    assert torch.equal(features.level_of([rois["rois"][:, 1:] + CORNER]), rois["levels"])
    sides = rois["scale_grid"]
    squares = torch.stack([sides * 0, sides * 0, sides, sides], dim=1)
    assert torch.equal(features.level_of([squares]), rois["levels_of_scale_grid"])
