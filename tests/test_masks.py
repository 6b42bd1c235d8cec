"""Masks: boxes, bits, overlaps, sizes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from propose_reduce.errors import InputError
from propose_reduce.masks import (
    PackedMasks,
    pack_bits,
    pack_bits_on_device,
    present,
    resize,
    scoring_boxes,
    tight_boxes,
)

SEQUENCES = arrays(bool, st.tuples(*[st.integers(1, most) for most in (5, 3, 20, 20)]))


def rectangle(x1: int, y1: int, x2: int, y2: int, size: tuple[int, int] = (6, 10)) -> torch.Tensor:
    mask = torch.zeros(size, dtype=torch.bool)
    mask[y1:y2, x1:x2] = True
    return mask


def unpacked(packed: PackedMasks) -> torch.Tensor:
    return torch.stack(
        [
            torch.stack([packed.mask(sequence, frame) for frame in range(packed.num_frames)])
            for sequence in range(len(packed))
        ]
    )


def test_present_tells_which_masks_have_a_pixel():
    masks = torch.stack([rectangle(0, 0, 0, 0), rectangle(9, 5, 10, 6)])
    assert present(masks).tolist() == [False, True]
    assert present(masks[:0]).tolist() == []


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (9, 5, 10, 6), (2, 1, 7, 3), (0, 0, 10, 6)])
def test_a_tight_box_has_exclusive_far_corners(box):
    assert tight_boxes(rectangle(*box)[None])[0].tolist() == list(box)


@given(SEQUENCES, st.data())
def test_a_weighted_sum_is_that_of_the_plain_masks(masks, data):
    packed = PackedMasks.pack(torch.from_numpy(masks))
    rows = data.draw(st.lists(st.integers(0, len(masks) - 1), unique=True))
    weights = data.draw(
        st.lists(st.sampled_from([0.25, 0.5, 3.0]), min_size=len(rows), max_size=len(rows))
    )
    expected = np.einsum("n,nhw->hw", weights, masks[rows, 0])
    assert packed.weighted(rows, 0, weights).tolist() == expected.tolist()


def test_an_empty_mask_has_a_box_of_zeros():
    boxes = tight_boxes(torch.stack([rectangle(2, 1, 7, 3), rectangle(0, 0, 0, 0)]))
    assert boxes.tolist() == [[2, 1, 7, 3], [0, 0, 0, 0]]
    assert tight_boxes(torch.zeros(0, 6, 10, dtype=torch.bool)).shape == (0, 4)


def test_holes_and_scattered_pixels_do_not_fool_a_tight_box():
    mask = rectangle(2, 1, 3, 2) | rectangle(8, 4, 9, 5)
    assert tight_boxes(mask[None])[0].tolist() == [2, 1, 9, 5]


def test_a_scoring_box_is_one_pixel_wider_all_around_and_ends_at_the_border():
    masks = torch.stack([rectangle(2, 2, 7, 3), rectangle(0, 0, 10, 6), rectangle(9, 0, 10, 1)])
    boxes = scoring_boxes(masks)
    assert boxes.dtype == torch.float32
    assert boxes.tolist() == [[1, 1, 8, 4], [0, 0, 10, 6], [8, 0, 10, 2]]


def test_resizing_doubles_a_half_plane_exactly():
    masks = torch.stack([rectangle(0, 0, 4, 6), rectangle(0, 0, 0, 0)])
    doubled = resize(masks, (12, 20))
    assert torch.equal(doubled[0], rectangle(0, 0, 8, 12, size=(12, 20)))
    assert not doubled[1].any()


def test_resizing_to_the_same_size_changes_nothing():
    masks = rectangle(2, 2, 7, 3)[None]
    assert resize(masks, (6, 10)) is masks


def test_bits_go_from_left_to_right_with_the_lowest_bit_first():
    masks = torch.zeros(1, 1, 10, dtype=torch.bool)
    masks[0, 0, [0, 2, 9]] = True
    assert pack_bits(masks).tolist() == [[[0b101, 0b10]]]


@given(arrays(bool, st.tuples(*[st.integers(0, 3), st.integers(1, 20), st.integers(1, 20)])))
def test_an_accelerator_packs_the_same_bytes_as_main_memory(masks):
    tensor = torch.from_numpy(masks)
    assert np.array_equal(pack_bits_on_device(tensor).numpy(), pack_bits(tensor))


@settings(deadline=None)
@given(SEQUENCES)
def test_packing_loses_nothing(masks):
    packed = PackedMasks.pack(torch.from_numpy(masks))
    assert (len(packed), packed.num_frames) == masks.shape[:2]
    assert np.array_equal(unpacked(packed).numpy(), masks)
    assert np.array_equal(packed.areas, masks.sum(axis=(2, 3)))


@settings(deadline=None)
@given(SEQUENCES)
def test_overlaps_are_the_pixels_that_two_masks_share(masks):
    packed = PackedMasks.pack(torch.from_numpy(masks))
    for frame in range(masks.shape[1]):
        flat = masks[:, frame].reshape(len(masks), -1).astype(int)
        assert np.array_equal(packed.overlaps(frame), flat @ flat.T)


def test_masks_are_put_as_they_come_and_are_empty_elsewhere():
    packed = PackedMasks(3, 2, (6, 10))
    packed.put(1, torch.stack([rectangle(2, 1, 7, 3), rectangle(0, 0, 0, 0)]), first=1)
    expected = torch.zeros(3, 2, 6, 10, dtype=torch.bool)
    expected[1, 1] = rectangle(2, 1, 7, 3)
    assert torch.equal(unpacked(packed), expected)
    assert packed.areas.tolist() == [[0, 0], [0, 10], [0, 0]]


def test_a_packed_mask_takes_an_eighth_of_its_box_and_an_absent_one_nothing():
    packed = PackedMasks(2, 50, (480, 854))
    assert packed.nbytes == 0
    packed.put(7, rectangle(80, 100, 240, 300, size=(480, 854))[None])
    assert packed.nbytes == 160 // 8 * 200


@pytest.mark.parametrize(
    "masks", [torch.zeros(1, 5, 10, dtype=torch.bool), torch.zeros(1, 6, 10)], ids=["size", "dtype"]
)
def test_masks_of_another_size_or_kind_are_refused(masks):
    with pytest.raises(InputError, match=r"frame 1: masks must be bool \(O, 6, 10\), got"):
        PackedMasks(1, 2, (6, 10)).put(1, masks)


@pytest.mark.usefixtures("gpu")
def test_masks_on_a_cuda_device_pack_like_those_in_main_memory():
    masks = torch.rand(3, 2, 33, 45, generator=torch.Generator().manual_seed(0)) < 0.3
    assert torch.equal(unpacked(PackedMasks.pack(masks.cuda())), masks)
    assert torch.equal(tight_boxes(masks[:, 0].cuda()).cpu(), tight_boxes(masks[:, 0]))
    assert torch.equal(scoring_boxes(masks[:, 0].cuda()).cpu(), scoring_boxes(masks[:, 0]))


@given(SEQUENCES, SEQUENCES)
def test_packed_masks_join_as_the_masks_themselves_do(first, second):
    frames, size = first.shape[1], first.shape[2:]
    fitting = np.zeros((len(second), frames, *size), dtype=bool)
    cut = tuple(slice(min(a, b)) for a, b in zip(second.shape[1:], (frames, *size), strict=True))
    fitting[(slice(None), *cut)] = second[(slice(None), *cut)]
    parts = [torch.from_numpy(first), torch.from_numpy(fitting)]
    joined = PackedMasks.joined([PackedMasks.pack(part) for part in parts])
    whole = PackedMasks.pack(torch.cat(parts))
    assert torch.equal(unpacked(joined), torch.cat(parts))
    assert np.array_equal(joined.areas, whole.areas)
    assert all(np.array_equal(joined.overlaps(t), whole.overlaps(t)) for t in range(frames))
