import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from vis_files import track

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.evaluation.tracks import Track, mask_areas, mean_area, overlap


def overlap_of(first, second):
    areas = [[mask_areas(each) for each in side] for side in (first, second)]
    return overlap(first, second, *areas)


def test_pixels_are_summed_over_time_before_dividing():
    found = overlap_of([track("###.", "###.")], [track(".###", None)])
    assert found.intersections[:, 0, 0].tolist() == [2, 0]
    assert found.unions[:, 0, 0].tolist() == [4, 3]
    assert found.track_iou.tolist() == [[2 / 7]]
    assert found.frame_iou[:, 0, 0].tolist() == [0.5, 0]


def test_a_frame_that_only_one_list_reaches_counts_for_nothing():
    found = overlap_of([track("##", "##", "##")], [track("##"), track("##", None, "#.")])
    assert found.unions[:, 0].tolist() == [[2, 2], [0, 2], [0, 2]]
    assert found.track_iou.tolist() == [[1, 3 / 6]]


def test_masks_of_different_sizes_count_for_nothing():
    found = overlap_of([track("##", "#.", "#.")], [track("###", "..#", "#.")])
    assert found.unions[:, 0, 0].tolist() == [0, 0, 1]
    assert found.track_iou.tolist() == [[1.0]]


def test_two_empty_tracks_do_not_overlap():
    assert overlap_of([track("..", None)], [track(None, None)]).track_iou.tolist() == [[0.0]]


def test_nothing_to_compare_gives_empty_tables():
    assert overlap_of([], [track("##")]).track_iou.shape == (0, 1)
    assert overlap_of([track("##")], []).track_iou.shape == (1, 0)
    assert overlap_of([], []).track_iou.shape == (0, 0)


VIDEOS = arrays(bool, st.tuples(st.just(4), st.integers(1, 3), st.just(5), st.just(6)))


@given(VIDEOS, VIDEOS)
def test_counts_are_those_of_the_decoded_masks(first, second):
    frames = min(first.shape[1], second.shape[1])
    sides = [
        [
            Track("", 0, 0, tuple(rle.encode(mask) if mask.any() else None for mask in masks))
            for masks in each
        ]
        for each in (first, second)
    ]
    found = overlap_of(*sides)
    one, other = first[:, None, :frames], second[None, :, :frames]
    for got, expected in (
        (found.intersections, (one & other).sum((3, 4))),
        (found.unions, (one | other).sum((3, 4))),
    ):
        assert (got[:frames].transpose(1, 2, 0) == expected).all()
        assert not got[frames:].any()


def test_areas_are_counted_per_frame():
    assert mask_areas(track("##.", None, "...")).tolist() == [2, 0, 0]


@pytest.mark.parametrize("counts", ["1", "P", "", "71"])
def test_a_damaged_mask_is_named_with_its_frame(counts):
    damaged = Track("prediction 5", 5, 1, (None, {"size": [2, 3], "counts": counts}))
    with pytest.raises(InputError, match=r"prediction 5, frame 1: .* 2 x 3"):
        mask_areas(damaged)


@pytest.mark.parametrize(
    ("areas", "mean"), [([4, None, 0, 8.5], 6.25), ([None, 0], 0.0), ([], 0.0)]
)
def test_the_mean_area_leaves_out_frames_without_the_object(areas, mean):
    assert mean_area(areas) == mean
    assert mean_area(np.array([area or 0 for area in areas])) == mean
