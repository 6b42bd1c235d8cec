"""RoI features, the heads' shapes, and pasting by pencil."""

import pytest
import torch

from propose_reduce.models.detector import BoxHead, MaskHead, RoIFeatures, paste

CROSS = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize(
    ("box", "row", "wanted"),
    [
        # a = 1, b = int(3 - 1) = 2: as it is
        ((1, 1, 3, 3), 1, [0, 1, 0, 0, 0]),
        # corners are cut off, not rounded: a = int(1.9), b = int(3.9 - 1)
        ((1.9, 1.9, 3.9, 3.9), 1, [0, 1, 0, 0, 0]),
        # three pixels from two: samples at -1/6 (held at 0), 1/2 and 7/6
        ((0, 0, 3, 3), 0, [1, 0.5, 0, 0, 0]),
        ((0, 0, 3, 3), 1, [0.5, 0.5, 0.5, 0, 0]),
        # four from two: at -1/4, 1/4, 3/4, 5/4
        ((0, 0, 4, 4), 0, [1, 0.75, 0.25, 0, 0]),
        # cut at the left border: the right column alone is left
        ((-1, 0, 1, 2), 1, [1, 0, 0, 0, 0]),
        # and at the right one
        ((4, 0, 6, 2), 0, [0, 0, 0, 0, 1]),
        # beyond the image
        ((7, 0, 9, 2), 0, [0, 0, 0, 0, 0]),
        # one column: the mean of both
        ((2, 0, 3, 2), 0, [0, 0, 0.5, 0, 0]),
        # thinner than a pixel it still covers the one that it starts in
        ((2.2, 0, 2.4, 2), 0, [0, 0, 0.5, 0, 0]),
    ],
)
def test_pasting_by_pencil(box, row, wanted):
    canvas = paste(CROSS[None], torch.tensor([box], dtype=torch.float32), (4, 5))
    assert canvas.shape == (1, 4, 5)
    torch.testing.assert_close(canvas[0, row], torch.tensor(wanted, dtype=torch.float32))


def test_each_mask_goes_to_its_own_box():
    small = torch.stack([torch.ones(2, 2), torch.full((2, 2), 0.5)])
    boxes = torch.tensor([[0.0, 0, 2, 2], [2, 1, 4, 3]])
    canvas = paste(small, boxes, (3, 4))
    assert canvas[0].sum() == 4
    assert canvas[1, 1:, 2:].eq(0.5).all()
    assert canvas.sum() == 6


def test_nothing_is_pasted_without_boxes():
    assert paste(torch.zeros(0, 28, 28), torch.zeros(0, 4), (3, 4)).shape == (0, 3, 4)


def pyramid(frames=1):
    """Return maps P2..P5 of a 64 x 64 image whose value is the frame + 10 x the level."""
    frame = torch.arange(frames).view(-1, 1, 1, 1).float()
    return [
        frame.expand(frames, 3, 64 // stride, 64 // stride) + 10 * level
        for level, stride in enumerate((4, 8, 16, 32))
    ]


def test_a_box_reads_its_own_frame_on_the_level_of_its_size():
    features = RoIFeatures(aligned=False, minimum_cell=False, samples=2)
    boxes = [torch.tensor([[8.0, 8, 40, 40]]), torch.tensor([[0.0, 0, 250, 250], [8, 8, 40, 40]])]
    found = features(pyramid(frames=2), boxes, 7)
    assert found.shape == (3, 3, 7, 7)
    assert found[0].eq(0).all()  # frame 0, P2
    assert found[1, :, 0, 0].eq(21).all()  # frame 1, P4
    assert found[2].eq(1).all()  # frame 1, P2


def test_features_of_no_boxes_are_empty():
    features = RoIFeatures(aligned=False, minimum_cell=False, samples=2)
    assert features(pyramid(), [torch.zeros(0, 4)], 7).shape == (0, 3, 7, 7)


def test_features_come_in_float32_from_bfloat16_maps_and_carry_gradients():
    maps = [level.bfloat16().requires_grad_() for level in pyramid()]
    features = RoIFeatures(aligned=False, minimum_cell=False, samples=2)
    found = features(maps, [torch.tensor([[8.0, 8, 40, 40]])], 7)
    assert found.dtype == torch.float32
    found.sum().backward()
    assert maps[0].grad.float().abs().sum() > 0


def test_a_box_below_a_cell_is_widened_only_where_asked():
    ramp = torch.arange(16.0).expand(1, 1, 16, 16).contiguous()
    box = [torch.tensor([[20.0, 20, 21, 21]])]
    maps = [ramp, *pyramid()[1:]]
    maps[1:] = [level[:, :1] for level in maps[1:]]
    spread = {}
    for minimum_cell in (True, False):
        found = RoIFeatures(aligned=False, minimum_cell=minimum_cell, samples=2)(maps, box, 7)
        spread[minimum_cell] = (found.max() - found.min()).item()
    assert spread[True] == pytest.approx(
        4 * spread[False], rel=1e-4
    )  # a cell is 4 px wide, the box 1


@torch.no_grad()
def test_the_heads_give_a_row_per_class_and_background():
    output = BoxHead(4, 8, 3)(torch.rand(5, 4, 7, 7))
    assert (output.logits.shape, output.codes.shape) == ((5, 4), (5, 16))
    assert MaskHead(4, 8, 2, 3)(torch.rand(5, 4, 14, 14)).shape == (5, 4, 28, 28)
