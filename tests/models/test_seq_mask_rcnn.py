"""The joint network in training: six losses, and what each may teach."""

import math
from dataclasses import replace

import pytest
import torch
from networks import square_batch, square_frame, square_mask, tiny_network

SIX = {"rpn_objectness", "rpn_box", "class", "box", "mask", "propagation"}


def gradients(module):
    """Return the names of the parameters with a gradient that is not zero."""
    return {n for n, p in module.named_parameters() if p.grad is not None and p.grad.any()}


@pytest.mark.parametrize(("samples", "objects"), [(1, 1), (2, 1), (1, 0), (2, 0)])
def test_six_finite_losses(samples, objects):
    losses = tiny_network().train()(square_batch(samples, objects))
    assert set(losses) == SIX
    assert all(loss.isfinite() and loss.ndim == 0 for loss in losses.values())
    assert (losses["propagation"] == 0) == (objects == 0)
    torch.stack(list(losses.values())).sum().backward()


def test_the_propagation_loss_teaches_the_head_and_the_backbone_but_no_detector():
    network = tiny_network().train()
    network(square_batch())["propagation"].backward()
    head = gradients(network.prop_head)
    # the gradient of the memory key's bias is 0 but for rounding
    assert head | {"memory_encoder.key.bias"} == {
        n for n, _ in network.prop_head.named_parameters()
    }
    assert gradients(network.backbone.body)
    assert gradients(network.detector) == set()  # not through the reference masks


def test_the_memory_gets_the_mask_heads_predictions_unless_masks_are_given():
    network = tiny_network().train()
    batch = square_batch()
    given = [replace(batch.propagation[0], reference_masks=square_mask(12))]
    seen = []
    memorise = network.prop_head.memorize
    network.prop_head.memorize = lambda p2, masks, owners: (
        seen.append(masks.clone()) or memorise(p2, masks, owners)
    )
    with torch.no_grad():
        network(batch)
        network(replace(batch, propagation=given))
    predicted, exact = seen
    assert predicted.shape == exact.shape == (1, 64, 96)
    inside = torch.zeros(64, 96, dtype=torch.bool)
    inside[16:40, 12:36] = True  # the reference box
    assert (predicted[0] > 0).equal(inside)
    assert predicted[0][inside].max() < 1  # soft
    assert exact[0].bool().equal(inside)


def test_objects_of_different_samples_do_not_compete():
    network = tiny_network().eval()
    batch = square_batch(samples=2)
    batch = replace(batch, queries=[square_frame(20), square_frame(50)])
    features = network.features(torch.stack([*batch.references, *batch.queries]))
    with torch.no_grad():
        both = network._propagation_losses(
            features.rows(0, 2), features.rows(2, 4), batch.propagation
        )
        alone = [
            network._propagation_losses(
                features.rows(row, row + 1), features.rows(2 + row, 3 + row), batch.propagation[:1]
            )["propagation"]
            for row in range(2)
        ]
    assert both["propagation"].item() == pytest.approx(torch.stack(alone).mean().item(), abs=1e-5)


def test_overlapping_objects_compete_before_their_loss():
    network = tiny_network()
    half = torch.full((2, 64, 96), 0.5)  # two objects, each of them as likely as not everywhere
    network.prop_head.segment = lambda *_: half
    target = square_batch().propagation[0]
    truth = torch.stack([torch.ones(64, 96), torch.zeros(64, 96)]).bool()
    pair = replace(
        target,
        labels=target.labels.repeat(2),
        reference_boxes=target.reference_boxes.repeat(2, 1),
        query_masks=truth,
    )
    with torch.no_grad():
        features = network.features(square_frame(20)[None])
        losses = network._propagation_losses(features, features, [pair])
    # odds 1/3 of background, 1 and 1: each gets 3/7; losses 4/7 and 1, alone 1/2 and 1
    assert losses["propagation"].item() == pytest.approx((4 / 7 + 1) / 2, abs=1e-4)


def test_absent_objects_have_a_loss_of_their_own_and_no_part_in_the_others():
    network = tiny_network()
    network.absence_weight, network.separate_loss = 2.0, 1.0
    network.cross_entropy_weight = 0.5
    half = torch.full((2, 64, 96), 0.5)
    network.prop_head.segment = lambda *_: half
    target = square_batch().propagation[0]
    pair = replace(
        target,
        labels=target.labels.repeat(2),
        reference_boxes=target.reference_boxes.repeat(2, 1),
        reference_masks=torch.ones(2, 64, 96).bool(),
        query_masks=torch.stack([torch.ones(64, 96), torch.zeros(64, 96)]).bool(),
    )
    with torch.no_grad():
        features = network.features(square_frame(20)[None])
        losses = network._propagation_losses(features, features, [pair])
    assert losses["propagation"].item() == pytest.approx(4 / 7, abs=1e-4)  # of the first alone
    assert losses["propagation_separate"].item() == pytest.approx(1 / 2, abs=1e-4)
    # it claims 3/7 of its area: (3/7) / (3/7 + 1), for one object of two, twice
    assert losses["propagation_absence"].item() == pytest.approx(2 * 0.3 / 2, abs=1e-4)
    # log 2 on each pixel, over an area of 1.01 frames, of both
    entropy = losses["propagation_cross_entropy"].item()
    assert entropy == pytest.approx(0.5 * math.log(2) / 1.01, abs=1e-4)


def test_images_of_different_sizes_share_one_canvas():
    network = tiny_network().train()
    small, large = square_batch(), square_batch()
    large = replace(
        large, queries=[square_frame(20, (70, 130))], references=[square_frame(12, (70, 130))]
    )
    mixed = replace(
        small,
        references=[*small.references, *large.references],
        queries=[*small.queries, *large.queries],
        detection=[*small.detection, *large.detection],
        propagation=[*small.propagation, *large.propagation],
    )
    canvas = network._batch([*mixed.references])
    assert canvas.shape == (2, 3, 96, 160)
    assert not canvas[0, :, 60:].any()
    losses = network(mixed)
    assert all(loss.isfinite() for loss in losses.values())


def test_training_runs_under_autocast():
    network = tiny_network().train()
    with torch.autocast("cpu", torch.bfloat16):
        losses = network(square_batch())
    torch.stack(list(losses.values())).sum().backward()
    assert all(loss.isfinite() and loss.dtype == torch.float32 for loss in losses.values())
    assert gradients(network.prop_head)


def test_frozen_parts_get_no_gradient():
    network = tiny_network(frozen_stages=2, freeze_batch_norm=True).train()
    torch.stack(list(network(square_batch()).values())).sum().backward()
    learned = gradients(network.backbone.body)
    assert not [name for name in learned if name.startswith(("conv1", "bn1", "layer1"))]
    assert [name for name in learned if name.startswith("layer2")]


def test_features_of_uint8_and_float_frames_are_the_same():
    network = tiny_network()
    with torch.no_grad():
        whole = network.features(square_frame(20)[None])
        floats = network.features(square_frame(20)[None].float())
    assert torch.equal(whole.p2, floats.p2)
    assert whole.p2.shape == (1, 16, 16, 24)  # padded to 64 x 96


def test_the_same_seed_builds_the_same_network():
    one, two, other = tiny_network(1), tiny_network(1), tiny_network(2)
    assert all(
        torch.equal(value, two.state_dict()[name]) for name, value in one.state_dict().items()
    )
    assert not torch.equal(one.prop_head.decoder.fuse.weight, other.prop_head.decoder.fuse.weight)
