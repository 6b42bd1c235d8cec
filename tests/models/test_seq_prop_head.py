"""The Seq-Prop head: objects are independent until they compete, frames until they are read."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from propose_reduce.errors import InputError
from propose_reduce.models.seq_prop_head import (
    KeyValue,
    SeqPropHead,
    absence_loss,
    cross_entropy_loss,
    read_memory,
    soft_aggregate,
    soft_iou_loss,
)

H, W = 32, 48  # input pixels: P2 is 8 x 12, a key 2 x 3


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(0)
    return SeqPropHead(channels=8, p2_channels=6, c2_channels=5, c3_channels=7, key_channels=4)


@pytest.fixture(scope="module")
def frames():
    """Return P2, C2 and C3 of two frames."""
    generator = torch.Generator().manual_seed(1)
    shapes = [(2, 6, 8, 12), (2, 5, 8, 12), (2, 7, 4, 6)]
    return [torch.randn(shape, generator=generator) for shape in shapes]


def masks(count):
    return torch.rand(count, H, W, generator=torch.Generator().manual_seed(count))


def test_shapes(head, frames):
    p2, c2, c3 = (value[:1] for value in frames)
    memory, query = head.memorize(p2, masks(3)), head.query(p2)
    assert (memory.key.shape, memory.value.shape) == ((3, 4, 2, 3), (3, 8, 2, 3))
    assert (query.key.shape, query.value.shape) == ((1, 4, 2, 3), (1, 8, 2, 3))
    assert head.segment(memory.key, memory.value, query, c2, c3).shape == (3, H, W)


def test_no_objects_are_no_masks(head, frames):
    p2, c2, c3 = (value[:1] for value in frames)
    memory = head.memorize(p2, masks(0))
    assert (memory.key.shape, memory.value.shape) == ((0, 4, 2, 3), (0, 8, 2, 3))
    found = head.segment(memory.key[:, :, None], memory.value[:, :, None], head.query(p2), c2, c3)
    assert found.shape == (0, H, W)
    assert head.segment([], [], head.query(p2), c2, c3).shape == (0, H, W)
    assert soft_aggregate(found).eq(1).all()  # all background


def close(got, wanted):
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)


@torch.no_grad()
def test_objects_with_memories_of_different_length_decode_together_as_apart(head, frames):
    p2, c2, c3 = (value[:1] for value in frames)
    query = head.query(p2)
    memories = [head.memorize(frames[0][[index % 2]], masks(index + 1)) for index in range(3)]
    long = [torch.stack([entry, entry.roll(1, -1)], 2) for entry in memories[1]]
    keys = [memories[0].key[:, :, None], long[0], memories[2].key]
    values = [memories[0].value[:, :, None], long[1], memories[2].value]
    together = head.segment(keys, values, query, c2, c3)
    apart = [head.segment(k, v, query, c2, c3) for k, v in zip(keys, values, strict=True)]
    assert together.shape == (1 + 2 + 3, H, W)
    close(together, torch.cat(apart))


@torch.no_grad()
def test_owners_give_each_object_its_own_frame(head, frames):
    p2, c2, c3 = frames
    owners = torch.tensor([0, 1, 1, 0])
    together = head.memorize(p2, masks(4), owners)
    found = head.segment(together.key, together.value, head.query(p2), c2, c3, owners)
    for place, owner in enumerate(owners.tolist()):
        row = slice(owner, owner + 1)
        memory = head.memorize(p2[row], masks(4)[place : place + 1])
        close(together.key[place : place + 1], memory.key)
        close(together.value[place : place + 1], memory.value)
        own = head.segment(memory.key, memory.value, head.query(p2[row]), c2[row], c3[row])
        close(found[place : place + 1], own)


def test_several_frames_need_owners(head, frames):
    with pytest.raises(InputError, match="2 frames need owners"):
        head.memorize(frames[0], masks(2))


@torch.no_grad()
def test_branches_computed_before_give_the_same_masks(head, frames):
    p2, c2, c3 = (value[:1] for value in frames)
    memory, query = head.memorize(p2, masks(2)), head.query(p2)
    before = head.decode(memory.key, memory.value, query, head.branches(c2, c3))
    assert torch.equal(before, head.segment(memory.key, memory.value, query, c2, c3))


@torch.no_grad()
def test_small_masks_are_padded_and_a_pixel_too_much_is_resized(head, frames):
    p2 = frames[0][:1]
    padded = torch.zeros(2, H, W)
    padded[:, :30, :41] = masks(2)[:, :30, :41]
    small = head.memorize(p2, masks(2)[:, :30, :41])
    assert torch.equal(small.key, head.memorize(p2, padded).key)
    assert head.memorize(p2, torch.rand(2, H + 1, W + 1)).key.shape == (2, 4, 2, 3)


@pytest.mark.parametrize("size", [(H + 2, W), (H, W + 2), (2 * H, 2 * W)])
def test_masks_larger_than_the_image_are_refused(size, head, frames):
    with pytest.raises(InputError, match=rf"must fit the padded image \(32, 48\), got \({size[0]}"):
        head.memorize(frames[0][:1], torch.rand(1, *size))


def test_an_object_reads_the_place_that_looks_like_the_query():
    keys = torch.zeros(1, 2, 1, 1, 2)
    keys[0, :, 0, 0, 0] = torch.tensor([50.0, 0.0])  # left
    keys[0, :, 0, 0, 1] = torch.tensor([0.0, 50.0])  # right
    values = torch.tensor([3.0, 7.0]).view(1, 1, 1, 1, 2)
    query = torch.tensor([0.0, 50.0]).view(1, 2, 1, 1)
    assert read_memory(keys, values, query).item() == pytest.approx(7)
    undecided = torch.tensor([1.0, 1.0]).view(1, 2, 1, 1)
    assert read_memory(keys, values, undecided).item() == pytest.approx(5)


def test_the_read_is_softmax_of_the_scaled_product():
    generator = torch.Generator().manual_seed(2)
    shapes = [(2, 4, 3, 2, 3), (2, 8, 3, 2, 3), (2, 4, 2, 3)]
    keys, values, query = (torch.randn(shape, generator=generator) for shape in shapes)
    weights = (query.flatten(2).transpose(1, 2) @ keys.flatten(2) / 4**0.5).softmax(dim=2)
    wanted = torch.einsum("oqm,odm->odq", weights, values.flatten(2)).view(2, 8, 2, 3)
    close(read_memory(keys, values, query), wanted)


@torch.no_grad()
def test_the_head_runs_under_autocast_and_gives_float32(head, frames):
    p2, c2, c3 = (value[:1] for value in frames)
    with torch.autocast("cpu", torch.bfloat16):
        memory = head.memorize(p2, masks(2))
        found = head.segment(memory.key, memory.value, head.query(p2), c2, c3)
    assert memory.key.dtype == torch.bfloat16
    assert found.dtype == torch.float32
    assert soft_aggregate(found.bfloat16()).dtype == torch.float32
    exact = head.memorize(p2, masks(2))
    wanted = head.segment(exact.key, exact.value, head.query(p2), c2, c3)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.02)


def test_gradients_reach_every_parameter(head, frames):
    p2, c2, c3 = (value[:1] for value in frames)
    first, second = head.memorize(p2, masks(2)), head.memorize(frames[0][1:], masks(2))
    memory = KeyValue(*(torch.stack(pair, 2) for pair in zip(first, second, strict=True)))
    head.zero_grad()
    head.segment(memory.key, memory.value, head.query(p2), c2, c3).sum().backward()
    silent = [n for n, p in head.named_parameters() if p.grad is None or not p.grad.any()]
    # adding one vector to all keys leaves the softmax as it is
    assert set(silent) <= {"memory_encoder.key.bias"}


probabilities = arrays(
    "float32",
    st.tuples(st.integers(0, 4), st.just(2), st.just(3)),
    elements=st.floats(0, 1, width=32),
).map(torch.from_numpy)


@given(probabilities)
def test_aggregated_masks_and_the_background_sum_to_one(separate):
    together = soft_aggregate(separate)
    assert together.shape == (len(separate) + 1, 2, 3)
    assert together.isfinite().all()
    close(together.sum(dim=0), torch.ones(2, 3))
    assert ((together >= 0) & (together <= 1)).all()


@given(probabilities, st.randoms(use_true_random=False))
def test_aggregation_does_not_care_about_the_order_of_objects(separate, random):
    order = list(range(len(separate)))
    random.shuffle(order)
    together = soft_aggregate(separate)
    shuffled = soft_aggregate(separate[order])
    close(shuffled[1:], together[1:][order])
    close(shuffled[0], together[0])


@given(st.integers(1, 1023).map(lambda part: part / 1024))
def test_one_object_alone_keeps_its_probability_ratio(value):
    background, foreground = soft_aggregate(torch.tensor([[[value]]]))[:, 0, 0]
    odds, other = value / (1 - value), (1 - value) / value
    assert foreground.item() == pytest.approx(odds / (odds + other), abs=1e-4)
    assert (foreground > background) == (value > 0.5) or abs(value - 0.5) < 1e-4


@given(probabilities)
def test_the_more_probable_object_wins_the_pixel(separate):
    together = soft_aggregate(separate)
    for better in range(len(separate)):
        for worse in range(len(separate)):
            clear = separate[better] > separate[worse] + 1e-5
            assert (together[better + 1] >= together[worse + 1])[clear].all()


@pytest.mark.parametrize(
    ("probabilities", "truth", "loss"),
    [
        ([[1.0, 0.0]], [[1, 0]], 0.0),
        ([[0.0, 1.0]], [[1, 0]], 1.0),
        ([[0.5, 0.0]], [[1, 0]], 0.5),  # min 0.5, max 1
        ([[0.5, 0.5]], [[1, 0]], 1 - 0.5 / 1.5),
        ([[0.0, 0.0]], [[0, 0]], 0.0),
    ],
)
def test_soft_iou_loss_by_pencil(probabilities, truth, loss):
    found = soft_iou_loss(torch.tensor([probabilities]), torch.tensor([truth]))
    assert found.tolist() == [pytest.approx(loss)]


def test_the_loss_of_a_mask_does_not_depend_on_its_scale():
    small, large = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    small[:, :2, :2] = large[:, :4, :4] = 1
    for truth, half in ((small, 1), (large, 2)):
        guess = truth.clone()
        guess[:, :half] = 0
        assert soft_iou_loss(guess, truth).item() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("probabilities", "area", "loss"),
    [
        ([[0.0, 0.0]], 2.0, 0.0),
        ([[1.0, 1.0]], 2.0, 0.5),  # as large a mask as the object was
        ([[1.0, 0.5]], 0.5, 1.5 / 2.5),  # less than a pixel counts as one
    ],
)
def test_absence_loss_by_pencil(probabilities, area, loss):
    found = absence_loss(torch.tensor([probabilities]), torch.tensor([area]))
    assert found.tolist() == [pytest.approx(loss)]


def test_an_absent_object_teaches_where_equation_2_does_not():
    claimed = torch.tensor([[[0.8, 0.1]]], requires_grad=True)
    soft_iou_loss(claimed, torch.zeros(1, 1, 2)).sum().backward()
    assert not claimed.grad.any()
    absence_loss(claimed, torch.tensor([2.0])).sum().backward()
    # d/dS of S / (S + A) is A / (S + A)^2 = 2 / 2.9^2, for each pixel alike
    assert claimed.grad.flatten().tolist() == pytest.approx([2 / 2.9**2] * 2)


def test_cross_entropy_loss_by_pencil():
    guess = torch.tensor([[[0.5, 0.25, 0.0, 1.0]]])
    truth = torch.tensor([[[1, 0, 0, 1]]])
    found = cross_entropy_loss(guess, truth, torch.tensor([2.0]))
    # -log 0.5 - log 0.75 over an area of 2 and a hundredth of four pixels
    assert found.tolist() == [pytest.approx(0.9808 / 2.04, abs=1e-4)]


def test_cross_entropy_teaches_where_the_head_is_sure_and_wrong():
    def steepest(loss):
        logits = torch.tensor([[[-9.0, 9.0]]], requires_grad=True)  # the object is the first pixel
        loss(logits.sigmoid()).sum().backward()
        return logits.grad.abs().max().item()

    truth = torch.tensor([[[1, 0]]])
    assert steepest(lambda p: soft_iou_loss(p, truth)) < 1e-3
    assert steepest(lambda p: cross_entropy_loss(p, truth, torch.tensor([1.0]))) > 0.9
