"""Sequence IoU and the three ways to reduce, on cases for a pencil and by their laws."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from propose_reduce.errors import InputError
from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.reduce import (
    category_aware_reduce,
    packed_sequence_iou,
    reduce,
    sequence_iou,
    sequence_nms,
    soft_sequence_nms,
)
from propose_reduce.settings import ReduceSettings

# Three sequences: 0 and 1 overlap by half, 2 is elsewhere.
IOU = torch.tensor([[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)


def bars(*frames_of_each: tuple[slice, ...]) -> torch.Tensor:
    """Sequences of 1 x 8 pixel frames, true in a slice of columns on each."""
    masks = torch.zeros(len(frames_of_each), len(frames_of_each[0]), 1, 8, dtype=torch.bool)
    for sequence, frames in zip(masks, frames_of_each, strict=True):
        for mask, columns in zip(sequence, frames, strict=True):
            mask[0, columns] = True
    return masks


NONE = slice(0, 0)


class TestSequenceIou:
    def test_overlap_is_summed_over_time_before_dividing(self):
        masks = bars((slice(0, 3), slice(0, 3)), (slice(1, 4), NONE))  # 2 + 0 by 4 + 3
        iou = sequence_iou(masks)
        assert iou.dtype == torch.float64
        assert iou.tolist() == [[1.0, 2 / 7], [2 / 7, 1.0]]

    def test_the_same_places_at_different_times_do_not_overlap(self):
        iou = sequence_iou(bars((slice(0, 4), NONE), (NONE, slice(0, 4))))
        assert iou[0, 1] == 0

    def test_sequences_empty_everywhere_overlap_nothing_not_even_themselves(self):
        assert sequence_iou(bars((NONE, NONE), (NONE, NONE))).tolist() == [[0, 0], [0, 0]]

    def test_no_sequences_have_an_empty_matrix(self):
        assert sequence_iou(torch.zeros(0, 3, 4, 5, dtype=torch.bool)).shape == (0, 0)

    @settings(deadline=None)
    @given(arrays(bool, st.tuples(*[st.integers(1, most) for most in (5, 3, 10, 10)])))
    def test_packed_and_plain_masks_agree_exactly(self, masks):
        plain = torch.from_numpy(masks).flatten(1).double()
        shared = plain @ plain.T
        areas = plain.sum(1)
        union = areas[:, None] + areas - shared
        expected = torch.where(union > 0, shared / union, 0.0)
        assert torch.equal(packed_sequence_iou(PackedMasks.pack(torch.from_numpy(masks))), expected)


class TestSequenceNms:
    @pytest.mark.parametrize(("threshold", "kept"), [(0.5, [1, 2]), (0.51, [1, 2, 0])])
    def test_a_sequence_goes_when_its_overlap_reaches_the_threshold(self, threshold, kept):
        scores = torch.tensor([0.3, 0.9, 0.6])
        assert sequence_nms(scores, IOU, threshold=threshold).tolist() == kept

    def test_of_equal_scores_the_earlier_sequence_stays(self):
        assert sequence_nms(torch.tensor([0.6, 0.6, 0.6]), IOU).tolist() == [0, 2]

    def test_what_was_dropped_drops_nothing_itself(self):
        chain = torch.tensor([[1.0, 0.6, 0.0], [0.6, 1.0, 0.6], [0.0, 0.6, 1.0]])
        assert sequence_nms(torch.tensor([0.9, 0.8, 0.7]), chain).tolist() == [0, 2]

    def test_sequences_below_the_minimum_are_not_kept_not_even_the_best(self):
        scores = torch.tensor([0.04, 0.05, 0.01])
        assert sequence_nms(scores, torch.eye(3)).tolist() == [1]
        assert sequence_nms(scores, torch.eye(3), min_score=0.06).tolist() == []

    def test_nothing_reduces_to_nothing(self):
        assert sequence_nms(torch.zeros(0), torch.zeros(0, 0)).tolist() == []


class TestSoftSequenceNms:
    def test_scores_decay_with_the_square_of_the_overlap(self):
        result = soft_sequence_nms(torch.tensor([0.9, 0.8, 0.6]), IOU)
        assert result.indices.tolist() == [0, 2, 1]
        assert result.scores.tolist() == pytest.approx([0.9, 0.6, 0.8 * math.exp(-0.5)])

    def test_decays_multiply_pick_by_pick(self):
        iou = torch.tensor([[1.0, 0.5, 0.4], [0.5, 1.0, 0.3], [0.4, 0.3, 1.0]])
        result = soft_sequence_nms(torch.tensor([0.9, 0.8, 0.7]), iou, sigma=1.0)
        expected = [0.9, 0.8 * math.exp(-0.25), 0.7 * math.exp(-0.16 - 0.09)]
        assert result.indices.tolist() == [0, 1, 2]
        assert result.scores.tolist() == pytest.approx(expected)

    def test_picking_stops_at_the_number_and_below_the_minimum(self):
        scores = torch.tensor([0.9, 0.8, 0.6])
        assert soft_sequence_nms(scores, IOU, max_sequences=2).indices.tolist() == [0, 2]
        assert soft_sequence_nms(scores, IOU, min_score=0.5).indices.tolist() == [0, 2]

    def test_nothing_above_the_minimum_is_an_empty_result(self):
        result = soft_sequence_nms(torch.tensor([0.0009, 0.0]), torch.eye(2))
        assert (result.indices.tolist(), result.scores.tolist()) == ([], [])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_scores_keep_their_dtype(self, dtype):
        scores = torch.tensor([0.9, 0.8, 0.6], dtype=dtype)
        assert soft_sequence_nms(scores, IOU).scores.dtype == dtype


class TestCategoryAware:
    def test_each_class_decays_by_itself(self):
        scores = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.0, 0.0]])
        decay = math.exp(-0.5)  # IoU 0.5, sigma 0.5
        decayed = category_aware_reduce(scores, IOU)
        assert decayed[:2].flatten().tolist() == pytest.approx([0.9, 0.1 * decay, 0.2 * decay, 0.8])

    def test_pairs_below_the_minimum_are_dropped(self):
        scores = torch.tensor([[0.9, 0.0005], [0.0, 0.8]])
        assert category_aware_reduce(scores, torch.eye(2)).tolist() == [
            pytest.approx([0.9, -1.0]),
            pytest.approx([-1.0, 0.8]),
        ]

    def test_each_class_has_its_own_limit_of_sequences(self):
        scores = torch.tensor([[0.9, 0.1], [0.2, 0.8]])
        assert category_aware_reduce(scores, torch.eye(2), max_sequences=1).tolist() == [
            pytest.approx([0.9, -1.0]),
            pytest.approx([-1.0, 0.8]),
        ]

    def test_a_minimum_of_zero_takes_every_pair_once(self):
        same = torch.ones(2, 2)
        decayed = category_aware_reduce(torch.ones(2, 1), same, sigma=1e-6, min_score=0.0)
        assert decayed.tolist() == [[1.0], [0.0]]


class TestReduce:
    # Background, then three classes; sequences 0 and 1 show the same thing.
    SCORES = torch.tensor([[0.0, 0.1, 0.85, 0.04], [0.1, 0.7, 0.2, 0.0], [0.9, 0.0, 0.03, 0.06]])

    def test_hard_reports_every_class_that_reaches_the_minimum(self):
        first, second = reduce(self.SCORES, IOU, ReduceSettings(kind="hard"))
        assert (first.index, first.category, first.score) == (0, 1, pytest.approx(0.85))
        assert first.class_scores == pytest.approx({1: 0.85, 0: 0.1})
        assert (second.index, second.class_scores) == (2, pytest.approx({2: 0.06}))

    def test_soft_reports_the_decayed_score_of_the_best_class(self):
        kept = reduce(self.SCORES, IOU, ReduceSettings(kind="soft"))
        assert [one.index for one in kept] == [0, 1, 2]
        decayed = 0.7 * math.exp(-0.5)
        expected = [{1: 0.85}, {0: decayed}, {2: 0.06}]
        assert [one.class_scores for one in kept] == [pytest.approx(each) for each in expected]

    def test_category_aware_reports_every_class_that_survives_best_first(self):
        kept = reduce(self.SCORES, IOU, ReduceSettings(kind="category-aware"))
        decay = math.exp(-0.5)
        assert [one.index for one in kept] == [0, 1, 2]
        assert kept[0].class_scores == pytest.approx({1: 0.85, 0: 0.1 * decay, 2: 0.04})
        assert kept[1].class_scores == pytest.approx({0: 0.7, 1: 0.2 * decay})
        assert list(kept[0].class_scores) == [1, 0, 2]
        assert kept[2].class_scores == pytest.approx({2: 0.06, 1: 0.03})

    def test_category_aware_drops_near_copies_first(self):
        same = torch.tensor([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
        kept = reduce(self.SCORES, same, ReduceSettings(kind="category-aware"))
        assert [one.index for one in kept] == [0, 2]

    def test_category_aware_ranks_by_decayed_scores(self):
        scores = torch.tensor([[0.1, 0.9], [0.15, 0.85], [0.4, 0.6]])
        kept = reduce(scores, IOU, ReduceSettings(kind="category-aware"))
        assert [one.index for one in kept] == [0, 2, 1]
        assert kept[2].score == pytest.approx(0.85 * math.exp(-0.5))

    @pytest.mark.parametrize("kind", ["hard", "soft", "category-aware"])
    def test_nothing_good_is_an_empty_result(self, kind):
        background = torch.tensor([[1.0, 0.0, 0.0]])
        assert reduce(background, torch.zeros(1, 1), ReduceSettings(kind=kind)) == []
        assert reduce(background[:0], torch.zeros(0, 0), ReduceSettings(kind=kind)) == []


@pytest.mark.parametrize("function", [sequence_nms, soft_sequence_nms])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_scores_that_are_no_numbers_are_an_error(function, bad):
    with pytest.raises(InputError, match="scores must be finite"):
        function(torch.tensor([0.5, bad]), torch.eye(2))


def test_an_overlap_that_is_no_number_is_an_error():
    with pytest.raises(InputError, match="IoU must be finite"):
        category_aware_reduce(torch.ones(1, 2), torch.tensor([[math.nan]]))


@pytest.mark.parametrize("scores", [torch.ones(3), torch.ones(2, 2)])
def test_scores_and_overlaps_of_different_numbers_are_an_error(scores):
    with pytest.raises(InputError, match=r"got .* and \(2, 2\)"):
        sequence_nms(scores, torch.eye(2))


def test_a_sigma_of_zero_is_an_error():
    with pytest.raises(InputError, match="sigma must be above 0, got 0"):
        soft_sequence_nms(torch.ones(1), torch.eye(1), sigma=0)


@st.composite
def scored_sequences(draw):
    """Distinct scores (N,) and the IoU (N, N) of random small sequences."""
    count = draw(st.integers(1, 8))
    masks = draw(arrays(bool, (count, 2, 2, 4)))
    ranks = draw(st.permutations(range(1, count + 1)))
    return torch.tensor(ranks) / count, sequence_iou(torch.from_numpy(masks))


THRESHOLDS = st.sampled_from([0.1, 0.3, 0.5, 0.9])


@settings(deadline=None, max_examples=40)
@given(scored_sequences(), THRESHOLDS)
def test_no_two_kept_sequences_overlap_up_to_the_threshold(sequences, threshold):
    scores, iou = sequences
    kept = sequence_nms(scores, iou, threshold=threshold)
    between = iou[kept][:, kept]
    assert (between[~torch.eye(len(kept), dtype=torch.bool)] < threshold).all()
    dropped = sorted(set(range(len(scores))) - set(kept.tolist()))
    assert all((iou[index, kept] >= threshold).any() for index in dropped)


@settings(deadline=None, max_examples=40)
@given(scored_sequences(), THRESHOLDS)
def test_sequence_nms_changes_nothing_the_second_time(sequences, threshold):
    scores, iou = sequences
    kept = sequence_nms(scores, iou, threshold=threshold)
    again = sequence_nms(scores[kept], iou[kept][:, kept], threshold=threshold)
    assert again.tolist() == list(range(len(kept)))


@settings(deadline=None, max_examples=40)
@given(scored_sequences(), THRESHOLDS, st.randoms(use_true_random=False))
def test_the_order_of_sequences_does_not_matter(sequences, threshold, random):
    scores, iou = sequences
    order = torch.tensor(random.sample(range(len(scores)), len(scores)))
    shuffled_iou = iou[order][:, order]
    hard = sequence_nms(scores[order], shuffled_iou, threshold=threshold)
    assert torch.equal(order[hard], sequence_nms(scores, iou, threshold=threshold))
    aware = category_aware_reduce(scores[order, None], shuffled_iou)
    assert torch.equal(aware, category_aware_reduce(scores[:, None], iou)[order])


@settings(deadline=None, max_examples=40)
@given(scored_sequences(), st.sampled_from([0.05, 0.5, 2.0]))
def test_soft_scores_never_rise_and_come_in_falling_order(sequences, sigma):
    scores, iou = sequences
    result = soft_sequence_nms(scores, iou, sigma=sigma)
    assert (result.scores <= scores[result.indices]).all()
    assert (result.scores.diff() <= 0).all()
    assert result.indices[0] == scores.argmax()
    assert len(set(result.indices.tolist())) == len(result.indices)


@settings(deadline=None)
@given(arrays("float32", (5, 3), elements=st.integers(0, 10).map(lambda tenths: tenths / 10)))
def test_category_aware_is_the_soft_variant_for_each_class(class_scores):
    iou = 0.5 + 0.5 * torch.eye(5, dtype=torch.float64)
    columns = torch.from_numpy(class_scores)
    decayed = category_aware_reduce(columns, iou, max_sequences=4)
    for column, scores in zip(decayed.T, columns.T, strict=True):
        result = soft_sequence_nms(scores, iou, max_sequences=4)
        expected = torch.full((5,), -1.0)
        expected[result.indices] = result.scores
        assert torch.equal(column, expected)
