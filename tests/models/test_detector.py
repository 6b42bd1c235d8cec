"""Detection on given features, and losses that go down."""

import pytest
import torch
from networks import square_batch, square_frame, square_mask, tiny_network

from propose_reduce.models.rpn import DetectionTargets

SIZE = (60, 90)
NOTHING = torch.zeros(0, 4)


@pytest.fixture(scope="module")
def network():
    return tiny_network()


@pytest.fixture(scope="module")
def pyramid(network):
    with torch.no_grad():
        return network.features(square_frame(20)[None]).pyramid


def detect(network, pyramid, **changes):
    return network.detector.detect(
        pyramid, SIZE, **{"min_score": 0.0, "nms": 0.5, "max_objects": 6, **changes}
    )


@torch.no_grad()
def test_detections_are_best_first_inside_the_image_and_few(network, pyramid):
    found = detect(network, pyramid)
    assert len(found.boxes) == 6
    assert (found.scores[:-1] >= found.scores[1:]).all()
    assert ((found.boxes >= 0) & (found.boxes <= torch.tensor([90, 60, 90, 60]))).all()
    assert set(found.labels.tolist()) <= {1, 2}
    assert torch.equal(found.class_scores.gather(1, found.labels[:, None])[:, 0], found.scores)
    torch.testing.assert_close(found.class_scores.sum(dim=1), torch.ones(6))


@torch.no_grad()
def test_a_score_must_be_above_the_minimum(network, pyramid):
    scores = detect(network, pyramid, max_objects=100).scores
    limit = scores[3].item()
    assert detect(network, pyramid, min_score=limit, max_objects=100).scores.min() > limit


@torch.no_grad()
def test_nothing_found_is_empty_everywhere(network, pyramid):
    found = detect(network, pyramid, min_score=1.0)
    assert (found.boxes.shape, found.labels.shape) == ((0, 4), (0,))
    assert (found.scores.shape, found.class_scores.shape) == ((0,), (0, 3))
    masks = network.detector.masks(pyramid, found.boxes, found.labels, SIZE)
    assert masks.shape == (0, *SIZE)


@torch.no_grad()
def test_given_boxes_are_classified_in_order(network, pyramid):
    boxes = torch.tensor([[20.0, 16, 44, 40], [0, 0, 90, 60]])
    both = network.detector.classify(pyramid, [boxes])
    assert both.shape == (2, 3)
    torch.testing.assert_close(both.sum(dim=1), torch.ones(2))
    flipped = network.detector.classify(pyramid, [boxes.flip(0)])
    torch.testing.assert_close(flipped.flip(0), both)
    assert network.detector.classify(pyramid, [NOTHING]).shape == (0, 3)


@torch.no_grad()
def test_the_mask_of_a_box_is_the_one_of_its_class(network, pyramid):
    boxes = torch.tensor([[20.0, 16, 44, 40]]).expand(2, 4)
    small = network.detector.small_masks(pyramid, [boxes], torch.tensor([1, 2]))
    assert small.shape == (2, 28, 28)
    assert not torch.equal(small[0], small[1])
    whole = network.detector.masks(pyramid, boxes, torch.tensor([1, 2]), SIZE)
    assert whole.shape == (2, *SIZE)
    assert not whole[:, :16].any()
    assert not whole[:, :, 44:].any()


@torch.no_grad()
def test_detection_runs_under_autocast(network):
    with torch.autocast("cpu", torch.bfloat16):
        features = network.features(square_frame(20)[None])
        assert features.p2.dtype == torch.bfloat16
        found = detect(network, features.pyramid)
        masks = network.detector.masks(features.pyramid, found.boxes, found.labels, SIZE)
    assert {found.boxes.dtype, found.scores.dtype, masks.dtype} == {torch.float32}


def test_losses_go_down_on_a_single_pair():
    torch.manual_seed(0)
    network = tiny_network().train()
    batch = square_batch()
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    totals = []
    for _ in range(15):
        losses = network(batch)
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        totals.append({name: loss.item() for name, loss in losses.items()})
    for name in ("rpn_objectness", "class", "mask"):
        first, last = (sum(step[name] for step in part) for part in (totals[:3], totals[-3:]))
        assert last < 0.8 * first, name


@pytest.mark.parametrize("count", [0, 1])
def test_losses_are_finite_with_and_without_objects(count):
    network = tiny_network().train()
    features = network.features(square_frame(20)[None])
    box, label = torch.tensor([[20.0, 16, 44, 40]])[:count], torch.tensor([2])[:count]
    target = DetectionTargets(box, label, square_mask(20)[:count], NOTHING)
    losses = network.detector.losses(features.pyramid, [SIZE], [target])
    assert list(losses) == ["rpn_objectness", "rpn_box", "class", "box", "mask"]
    assert all(loss.isfinite() and loss.ndim == 0 for loss in losses.values())
    if count == 0:
        assert losses["mask"] == losses["box"] == 0
    torch.stack(list(losses.values())).sum().backward()


def test_an_image_with_nothing_but_a_crowd_teaches_no_class():
    network = tiny_network().train()
    everywhere = torch.tensor([[0.0, 0.0, 90.0, 60.0]])
    nothing = DetectionTargets(
        NOTHING, torch.zeros(0, dtype=torch.int64), square_mask(20)[:0], everywhere
    )
    losses = network.detector.losses(
        network.features(square_frame(20)[None]).pyramid, [SIZE], [nothing]
    )
    assert all(loss.isfinite() for loss in losses.values())
    assert (losses["class"], losses["box"]) == (0, 0)


def test_boxes_in_a_crowd_are_not_trained_as_background():
    network = tiny_network()
    everywhere = torch.tensor([[0.0, 0, 90, 60]])
    proposals = torch.tensor([[50.0, 10, 80, 40], [20, 16, 44, 40]])
    box, label, mask = torch.tensor([[20.0, 16, 44, 40]]), torch.tensor([2]), square_mask(20)
    for crowds, labels in ((NOTHING, [0, 2, 2]), (everywhere, [2, 2])):
        sample = network.detector._sample(proposals, DetectionTargets(box, label, mask, crowds))
        assert sorted(sample.labels.tolist()) == labels
        assert sample.positives == 2


def test_the_box_loss_is_smooth_l1_of_beta_one_over_all_samples():
    network = tiny_network().train()
    detector = network.detector
    features = network.features(square_frame(20)[None])
    target = DetectionTargets(
        torch.tensor([[20.0, 16, 44, 40]]), torch.tensor([2]), square_mask(20), NOTHING
    )
    samples = [detector._sample(torch.tensor([[22.0, 16, 46, 40], [60, 5, 80, 20]]), target)]
    found = detector._box_losses(features.pyramid, samples, [target])["box"]
    codes = detector.box_head(detector.roi_features(features.pyramid, [samples[0].boxes], 7)).codes
    wanted = 0.0
    for row in range(samples[0].positives):
        left = samples[0].boxes[row, 0].item()
        exact = torch.tensor([10 * (20 - left) / 24, 0.0, 0.0, 0.0])  # only moved sideways
        off = (codes[row, 8:12] - exact).abs()
        wanted += torch.where(off < 1, off**2 / 2, off - 0.5).sum().item()
    assert samples[0].positives == 2
    assert found.item() == pytest.approx(wanted / 3, rel=1e-4)


@torch.no_grad()
def test_few_detections_may_come_class_by_class_and_many_come_best_first(network, pyramid):
    best_first = detect(network, pyramid, max_objects=100)
    by_class = detect(network, pyramid, max_objects=100, by_class=True)
    labels = by_class.labels.tolist()
    assert set(labels) == {1, 2}
    assert labels == sorted(labels)
    for label in (1, 2):
        own = by_class.scores[by_class.labels == label]
        assert torch.equal(own, best_first.scores[best_first.labels == label])
    many = detect(network, pyramid, max_objects=6, by_class=True)
    assert torch.equal(many.scores, best_first.scores[:6])
