"""The drawn video: every object is there, apart from the others, and moves."""

import numpy as np
import pytest
import torch

from propose_reduce.benchmarking.workload import Scene


@pytest.mark.parametrize(("objects", "size"), [(1, (64, 96)), (4, (360, 640)), (10, (96, 64))])
def test_every_object_is_seen_on_every_frame_and_none_overlap(objects, size):
    scene = Scene(objects, 5, size)
    for t in range(5):
        masks = scene.masks(t)
        assert masks.shape == (objects, *size)
        assert masks.dtype == torch.bool
        assert masks.flatten(1).sum(dim=1).min() > 0
        assert masks.sum(dim=0).max() == 1


def test_objects_move():
    scene = Scene(2, 5, (64, 96))
    assert not torch.equal(scene.masks(0), scene.masks(1))


def test_a_frame_is_a_picture_on_which_objects_stand_out():
    scene = Scene(3, 2, (64, 96))
    frame = scene.frame(1)
    assert (frame.shape, frame.dtype) == ((64, 96, 3), np.uint8)
    ground = ~scene.masks(1).any(dim=0).numpy()
    for mask in scene.masks(1).numpy():
        contrast = np.abs(frame[mask].mean(axis=0) - frame[ground].mean(axis=0))
        assert contrast.max() > 20
