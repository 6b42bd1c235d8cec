"""What stands between proposing and reducing."""

import pytest
import torch

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.proposals import Proposals


def test_scores_and_overlaps_follow_from_the_frames():
    masks = torch.zeros(2, 2, 1, 4, dtype=torch.bool)
    masks[0, :, 0, :2] = True  # on both frames
    masks[1, 0, 0, 1:] = True  # on the first frame only
    scores = torch.tensor([[[0.2, 0.8], [0.4, 0.6]], [[0.5, 0.5], [torch.nan] * 2]])
    proposals = Proposals(("cat",), (0, 1), PackedMasks.pack(masks), scores)
    assert len(proposals) == 2
    assert proposals.class_scores.flatten().tolist() == pytest.approx([0.3, 0.7, 0.5, 0.5])
    assert proposals.iou.tolist() == [[1.0, 1 / 6], [1 / 6, 1.0]]
    assert proposals.iou is proposals.iou  # computed once
