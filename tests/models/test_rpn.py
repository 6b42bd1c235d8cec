"""Anchors by hand, and proposals whose loss leaves crowds alone."""

import pytest
import torch

from propose_reduce.models.rpn import (
    Anchors,
    DetectionTargets,
    ProposalNetwork,
    clip_boxes,
    in_crowd,
)

SIDES = (32, 64, 128, 256, 512)
MAPS = [torch.zeros(1, 8, y, x) for y, x in ((16, 24), (8, 12), (4, 6), (2, 3), (1, 2))]


def test_a_square_anchor_sits_in_the_middle_of_its_cell_or_on_its_corner():
    centred = Anchors(SIDES, (1.0,), offset=0.5, rounding=True)
    cornered = Anchors(SIDES, (1.0,), offset=0.0, rounding=True)
    assert centred.base(0).tolist() == [[-14, -14, 18, 18]]  # 32 px about (2, 2)
    assert cornered.base(0).tolist() == [[-16, -16, 16, 16]]


def test_the_ratio_is_height_over_width_and_keeps_the_area():
    wide, tall = Anchors(SIDES, (0.5, 2.0), offset=0.0, rounding=False).base(0)
    assert (wide[2] - wide[0]) / (wide[3] - wide[1]) == pytest.approx(2)
    assert (tall[3] - tall[1]) / (tall[2] - tall[0]) == pytest.approx(2)
    assert (tall[2:] - tall[:2]).prod() == pytest.approx(32**2, rel=1e-5)


def test_strides_do_not_depend_on_the_image_size():
    anchors = Anchors(SIDES, (1.0,), offset=0.0, rounding=True).level(
        4, (1, 2), torch.device("cpu")
    )
    assert (anchors[1] - anchors[0]).tolist() == [64, 0, 64, 0]  # not 96 // 2


def test_anchors_run_row_by_row():
    anchors = Anchors(SIDES, (1.0,), offset=0.0, rounding=True).level(
        0, (2, 3), torch.device("cpu")
    )
    corners = (anchors[:, :2] + 16).tolist()
    assert corners == [[0, 0], [4, 0], [8, 0], [0, 4], [4, 4], [8, 4]]


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ([10, 10, 20, 20], True),  # wholly
        ([5, 10, 15, 20], True),  # by half
        ([4, 10, 14, 20], False),  # by less
        ([50, 50, 60, 60], False),
        ([0, 0, 100, 100], False),  # the crowd is inside the box
    ],
)
def test_a_box_is_in_a_crowd_by_half_of_its_own_area(box, inside):
    crowd = torch.tensor([[10.0, 10, 40, 40]])
    assert in_crowd(torch.tensor([box]).float(), crowd).tolist() == [inside]


def test_without_crowds_no_box_is_in_one():
    assert not in_crowd(torch.rand(3, 4), torch.zeros(0, 4)).any()


@pytest.fixture
def network():
    torch.manual_seed(0)
    return ProposalNetwork(8, Anchors(SIDES, (1.0,), offset=0.5, rounding=True), proposals=20)


def target(crowds):
    masks = torch.ones(1, 64, 96, dtype=torch.bool)
    box, label = torch.tensor([[0.0, 0, 32, 32]]), torch.tensor([1])
    return DetectionTargets(box, label, masks, torch.tensor(crowds).view(-1, 4).float())


def test_anchors_in_a_crowd_are_left_out_of_the_loss(network):
    anchors = torch.tensor([[0.0, 0, 32, 32], [50, 20, 82, 52], [0, 30, 32, 62]])
    truth = target([[48.0, 16, 96, 64]])
    plain, _ = network.assign_targets_to_anchors(
        [anchors], [{"boxes": truth.boxes, "crowds": truth.crowds[:0]}]
    )
    crowded, _ = network.assign_targets_to_anchors(
        [anchors], [{"boxes": truth.boxes, "crowds": truth.crowds}]
    )
    assert plain[0].tolist() == [1, 0, 0]
    assert crowded[0].tolist() == [1, -1, 0]


@torch.no_grad()
def test_proposals_are_limited_and_lie_inside_the_image(network):
    proposals, losses = network.eval().propose([m + torch.rand_like(m) for m in MAPS], [(60, 90)])
    assert 0 < len(proposals[0]) <= 20
    assert losses == {}
    assert (proposals[0][:, 2:] <= torch.tensor([90.0, 60.0])).all()
    assert (proposals[0] >= 0).all()


def test_training_gives_two_finite_losses(network):
    _, losses = network.train().propose(MAPS, [(64, 96)], [target([])])
    assert set(losses) == {"loss_objectness", "loss_rpn_box_reg"}
    assert all(loss.isfinite() for loss in losses.values())


def test_boxes_stay_in_float32_when_the_maps_are_in_bfloat16(network):
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        proposals, _ = network.eval().propose([m.bfloat16() for m in MAPS], [(64, 96)])
    assert proposals[0].dtype == torch.float32


def test_boxes_in_the_padding_are_kept_at_the_border_or_have_no_area():
    boxes = torch.tensor([[10.0, 70, 30, 80], [-5, 20, 95, 40], [-9, 5, -1, 9]])
    kept = clip_boxes(boxes, (60, 90), keep_outside=True)
    assert kept.tolist() == [[10, 59, 30, 60], [0, 20, 90, 40], [0, 5, 1, 9]]
    dropped = clip_boxes(boxes, (60, 90), keep_outside=False)
    assert (dropped[:, 2:] - dropped[:, :2]).prod(dim=1).tolist() == [0, 1800, 0]
