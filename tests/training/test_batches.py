from dataclasses import replace

import numpy as np
import pytest
import torch
from training_runs import network, preset, shapes_batches

from propose_reduce.training.data import collate, to_device


def tensors(value):
    """Return every tensor in a batch, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for item in value for tensor in tensors(item)]
    if hasattr(value, "__dataclass_fields__"):
        return [t for name in value.__dataclass_fields__ for t in tensors(getattr(value, name))]
    return []


def equal(left, right):
    a, b = tensors(left), tensors(right)
    return len(a) == len(b) and all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_a_micro_batch_is_a_function_of_seed_and_number_alone():
    batches = shapes_batches(seed=3)
    late = batches[7]
    assert equal(shapes_batches(seed=3)[7], late)  # whatever was asked for before
    assert not equal(batches[8], late)
    assert not equal(shapes_batches(seed=4)[7], late)


def test_a_larger_batch_holds_the_samples_of_the_smaller_ones():
    large, small = shapes_batches(size=4)[1], shapes_batches(size=2)
    assert large.samples == small[2].samples + small[3].samples
    assert torch.equal(large.pairs.queries[3], small[3].pairs.queries[1])


def test_objects_of_reference_and_query_are_the_same_rows():
    pairs = shapes_batches(size=8)[0].pairs
    for target, detection in zip(pairs.propagation, pairs.detection, strict=True):
        masks = {mask.numpy().tobytes() for mask in detection.masks}
        assert len(target.labels) == len(target.reference_boxes) == len(target.query_masks)
        assert all(mask.numpy().tobytes() in masks for mask in target.query_masks)


@pytest.mark.parametrize(("share", "given"), [(0.0, [False]), (1.0, [True]), (0.5, [False, True])])
def test_true_masks_are_given_to_their_share_of_the_samples(share, given):
    pairs = shapes_batches(size=12, true_masks=share)[0].pairs
    assert sorted({t.reference_masks is not None for t in pairs.propagation}) == given


def test_detection_learns_from_the_reference_too_where_asked():
    assert shapes_batches()[0].pairs.reference_detection == ()
    pairs = shapes_batches(detect_on_reference=True, true_masks=1.0)[0].pairs
    for target, detection in zip(pairs.propagation, pairs.reference_detection, strict=True):
        masks = {mask.numpy().tobytes() for mask in detection.masks}
        assert all(mask.numpy().tobytes() in masks for mask in target.reference_masks)


def test_the_distance_between_the_frames_is_bounded():
    near = shapes_batches(size=6, distance=1)[0].pairs
    far = shapes_batches(size=6)[0].pairs

    def change(pairs):
        return np.mean(
            [
                (reference.float() - query.float()).abs().mean().item()
                for reference, query in zip(pairs.references, pairs.queries, strict=True)
            ]
        )

    assert change(near) < change(far)


def test_moving_to_a_device_keeps_every_field():
    batch = shapes_batches(detect_on_reference=True)[0]
    moved = to_device(batch, torch.device("meta"))
    assert (moved.number, moved.samples) == (batch.number, batch.samples)
    assert [t.shape for t in tensors(moved)] == [t.shape for t in tensors(batch)]
    assert all(t.is_meta for t in tensors(moved))


@pytest.mark.usefixtures("gpu")
def test_a_gpu_gives_the_losses_of_the_cpu():
    batch = shapes_batches(true_masks=1.0, detect_on_reference=True)[0]
    on_cpu = network(preset()).train()(batch.pairs)
    there = torch.device("cuda")
    on_gpu = network(preset()).train().to(there)(to_device(batch, there).pairs)
    assert set(on_gpu) == set(on_cpu)
    assert all(loss.device.type == "cuda" and loss.isfinite() for loss in on_gpu.values())
    # the others draw anchors and boxes, which a real device draws otherwise
    both = [losses["propagation"].detach().cpu() for losses in (on_gpu, on_cpu)]
    torch.testing.assert_close(*both, atol=1e-3, rtol=1e-3)


def test_an_absent_object_has_an_empty_mask_in_the_batch():
    source = shapes_batches(size=1).mixture.sources["shapes"]
    pair = source.pair(0, np.random.default_rng(0))
    gone = replace(pair, query_rows=torch.full_like(pair.query_rows, -1))
    (target,) = collate([gone], [True]).propagation
    assert len(target.labels) == len(target.query_masks) > 0
    assert not target.query_masks.any()
    assert target.reference_masks.flatten(1).any(dim=1).all()
