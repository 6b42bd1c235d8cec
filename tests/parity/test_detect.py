"""Detection on one frame against the authors' code, from a checkpoint in their own format."""

import numpy as np
import pytest
import torch
from checkpoints import MODEL
from formula_frames import REAL, image

from propose_reduce.paradigm.propose import mask_nms

pytestmark = pytest.mark.parity

CORNER = torch.tensor([0.0, 0.0, 1.0, 1.0])  # from inclusive to exclusive corners


@pytest.fixture(scope="module")
def expected():
    arrays = np.load(MODEL / "pipeline" / "detect_B.npz")
    return {name: torch.from_numpy(arrays[name]) for name in arrays}


@pytest.fixture(scope="module")
def detector(networks):
    return networks("B").detector


@pytest.fixture(scope="module")
def pyramid(networks):
    with torch.no_grad():
        return networks("B").backbone(image("B", 0, padded=True)).pyramid


@pytest.fixture(scope="module")
def found(detector, pyramid):
    with torch.no_grad():
        return detector.detect(pyramid, REAL, min_score=0.2, nms=0.5, max_objects=10)


def agrees(got, wanted, tolerance):
    torch.testing.assert_close(got, wanted.to(got.dtype), rtol=0, atol=tolerance)


@torch.no_grad()
def test_objectness_and_codes_of_every_level(detector, pyramid, expected):
    objectness, codes = detector.rpn.head(list(pyramid))
    for level in range(5):
        step = 4 if level == 0 else 1
        name = f"P{level + 2}_step{step}"
        agrees(objectness[level][..., ::step, ::step], expected[f"rpn_cls_{name}"], 1e-4)
        agrees(codes[level][..., ::step, ::step], expected[f"rpn_reg_{name}"], 1e-4)


@torch.no_grad()
def test_all_142_proposals_in_order(detector, pyramid, expected):
    proposals, _ = detector.rpn.propose(pyramid, [REAL])
    assert len(proposals[0]) == 142
    agrees(proposals[0], expected["proposals"][:, :4] + CORNER, 1e-3)


@torch.no_grad()
def test_classes_and_codes_of_the_first_twenty_proposals(detector, pyramid, expected):
    boxes = expected["proposals"][:20, :4] + CORNER
    output = detector.box_head(detector.roi_features(pyramid, [boxes], 7))
    agrees(output.logits, expected["cls_score_first20"], 1e-4)
    agrees(output.codes[:, 100:120], expected["bbox_pred_first20_cls25to30"], 1e-4)


def test_all_ten_detections_in_order(found, expected):
    agrees(found.boxes, expected["det_bboxes"][:, :4] + CORNER, 1e-3)
    agrees(found.labels, expected["det_labels_0based"] + 1, 0)
    agrees(found.scores, expected["det_scores"], 1e-5)
    rows = torch.arange(10)
    assert torch.equal(found.class_scores[rows, found.labels], found.scores)


@torch.no_grad()
def test_mask_probabilities_and_pasted_masks_to_the_pixel(detector, pyramid, found, expected):
    small = detector.small_masks(pyramid, [found.boxes], found.labels)
    agrees(small, expected["mask_prob_28x28"], 1e-4)
    masks = detector.masks(pyramid, found.boxes, found.labels, REAL) > 0.5
    shape = tuple(expected["det_masks_shape"].tolist())
    bits = np.unpackbits(expected["det_masks"].numpy(), count=int(np.prod(shape)))
    assert torch.equal(masks, torch.from_numpy(bits).bool().view(shape))
    assert torch.equal(mask_nms(masks, 0.2), expected["mask_nms_kept"])
