import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from tracked import compared, dense, random_comparison
from vis_files import track

from propose_reduce.evaluation.tracking.comparison import assign, compare


def test_overlaps_are_those_of_each_frame():
    found = compared([["##.", "##."]], [["#..", ".##"], [None, "##."]])
    assert found.pairs.frame.tolist() == [0, 1, 1]
    assert found.pairs.prediction.tolist() == [0, 0, 1]
    np.testing.assert_allclose(found.pairs.iou, [1 / 2, 1 / 3, 1])


def test_tracks_that_are_nowhere_do_not_exist_and_empty_masks_do():
    found = compared([[None, None], ["#", None]], [[".", "."], [None, None]])
    assert found.truth_lengths.tolist() == [1]
    assert found.predicted_lengths.tolist() == [2]
    assert len(found.pairs) == 0


def test_long_tracks_are_cut_and_short_ones_are_absent_at_the_end():
    found = compare([track("#")], [track("#", "#", "#")], num_frames=2)
    assert found.truth_present[:, 0].tolist() == [True, False]
    assert found.predicted_present[:, 0].tolist() == [True, True]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_assignment_is_the_best_of_every_frame(seed):
    drawn = random_comparison(seed)
    chosen = assign(drawn, drawn.pairs, drawn.pairs.iou)
    for frame, iou in enumerate(dense(drawn)):
        here = drawn.pairs.frame == frame
        best = iou[linear_sum_assignment(iou, maximize=True)].sum()
        np.testing.assert_allclose(drawn.pairs.iou[here & chosen].sum(), best)
        for side in (drawn.pairs.truth, drawn.pairs.prediction):
            taken = side[here & chosen]
            assert len(np.unique(taken)) == len(taken)
