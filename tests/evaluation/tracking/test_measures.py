"""HOTA, CLEAR and identity on cases for a pencil, and the laws they obey."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracked import compared, dense, measured, of_dense, random_comparison

from propose_reduce.evaluation.tracking.hota import ALPHAS, hota_scores, hota_sums

seeds = st.integers(0, 2**32 - 1)
laws = settings(max_examples=60, deadline=None)

PERFECT = dict.fromkeys(
    (
        *("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr"),
        *("MOTA", "sMOTA", "MOTP", "IDF1", "IDR", "IDP"),
    ),
    1.0,
)


def test_a_switch_halfway_costs_half_the_association():
    found = measured(
        compared([["#", "#", "#", "#"]], [["#", "#", None, None], [None, None, "#", "#"]])
    )
    assert found["DetA"] == 1
    assert found["AssA"] == pytest.approx(0.5)  # each of 4 frames: 2 / (4 + 2 - 2)
    assert found["AssRe"] == pytest.approx(0.5)
    assert found["AssPr"] == 1
    assert found["HOTA"] == pytest.approx(0.5**0.5)
    assert (found["IDSW"], found["Frag"], found["MOTA"]) == (1, 0, 0.75)
    assert found["IDF1"] == pytest.approx(0.5)


def test_an_iou_of_a_half_is_right_at_ten_of_nineteen_thresholds():
    found = measured(compared([["##", "##"]], [["#.", "#."]]))
    assert found["DetA"] == pytest.approx(10 / 19)
    assert found["LocA"] == pytest.approx((10 * 0.5 + 9 * 1) / 19)  # 1 where nothing is right
    assert found["MOTP"] == found["sMOTA"] == 0.5
    assert found["MOTA"] == found["IDF1"] == 1


def test_a_gap_is_a_fragment_and_no_switch():
    found = measured(compared([["#"] * 5], [["#", "#", ".", "#", "#"]]))
    assert (found["IDSW"], found["Frag"]) == (0, 1)
    # an empty mask is a false positive, and the object is missed there
    assert found["MOTA"] == pytest.approx((4 - 1) / 5)
    assert (found["MT"], found["PT"], found["ML"]) == (0, 1, 0)  # 0.8 is not above 0.8


def test_frames_without_a_prediction_break_nothing():
    found = measured(compared([["#"] * 5], [["#", "#", None, "#", "#"]]))
    assert (found["Frag"], found["IDSW"], found["MOTA"]) == (0, 0, 0.8)


def test_the_track_of_the_frame_before_is_kept_where_another_fits_better():
    truth = [["##########"] * 2]
    stays = ["##########", "######...."]  # 0.6 on the second frame
    better = [None, "########.."]  # 0.8
    found = measured(compared(truth, [stays, better]))
    assert found["IDSW"] == 0
    assert found["MOTP"] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("frames", "counts"),
    [(1, (0, 0, 1)), (2, (0, 1, 0)), (8, (0, 1, 0)), (9, (1, 0, 0))],
)
def test_mostly_tracked_is_above_four_fifths_and_mostly_lost_below_one(frames, counts):
    found = measured(compared([["#"] * 10], [["#"] * frames + [None] * (10 - frames)]))
    assert (found["MT"], found["PT"], found["ML"]) == counts


def test_without_predictions_everything_is_missed():
    found = measured(compared([["#", "#"], ["#", None]], []))
    assert found["HOTA"] == found["MOTA"] == found["IDF1"] == 0
    assert found["ML"] == 2
    assert found["LocA"] == 1


@laws
@given(seeds)
def test_a_perfect_result_scores_1(seed):
    drawn = random_comparison(seed)
    truth = drawn.truth_present[:, drawn.truth_present.any(0)]
    itself = truth[:, :, None] * np.eye(truth.shape[1])
    found = measured(of_dense(truth, truth, itself))
    assert {key: found[key] for key in PERFECT} == pytest.approx(PERFECT)
    assert (found["IDSW"], found["ML"], found["MT"]) == (0, 0, truth.shape[1])


@laws
@given(seeds)
def test_the_order_of_tracks_changes_nothing(seed):
    drawn = random_comparison(seed)
    random = np.random.default_rng(seed)
    rows = random.permutation(drawn.truth_present.shape[1])
    columns = random.permutation(drawn.predicted_present.shape[1])
    shuffled = of_dense(
        drawn.truth_present[:, rows],
        drawn.predicted_present[:, columns],
        dense(drawn)[:, rows][:, :, columns],
    )
    assert measured(shuffled) == pytest.approx(measured(drawn), abs=1e-12)


@laws
@given(seeds)
def test_a_false_track_never_helps(seed):
    drawn = random_comparison(seed)
    false = np.ones((len(drawn.truth_present), 1), dtype=bool)
    with_false = of_dense(
        drawn.truth_present,
        np.hstack([drawn.predicted_present, false]),
        np.dstack([dense(drawn), np.zeros((*drawn.truth_present.shape, 1))]),
    )
    # CLEAR is left out: a frame that had no prediction now has one and breaks what went before
    before, after = measured(drawn), measured(with_false)
    for key in ("HOTA", "DetA", "DetPr", "IDP", "IDF1"):
        assert after[key] <= before[key] + 1e-12, key
    for key in ("AssA", "DetRe", "LocA", "IDR"):
        assert after[key] == pytest.approx(before[key]), key


@laws
@given(st.integers(2, 8), st.data())
def test_a_switched_identity_lowers_association_and_not_detection(length, data):
    cut = data.draw(st.integers(1, length - 1))
    truth = [["#.."] * length, ["..#"] * length]
    switched = [track[:cut] + other[cut:] for track, other in (truth, truth[::-1])]
    found = measured(compared(truth, switched))
    assert found["DetA"] == found["MOTP"] == 1
    assert found["AssA"] < 1
    assert found["IDSW"] == 2
    assert found["IDF1"] == pytest.approx(max(cut, length - cut) / length)


@laws
@given(seeds)
def test_stricter_thresholds_never_find_more(seed):
    sums = hota_sums(random_comparison(seed))
    assert (np.diff(sums["HOTA_TP"]) <= 0).all()
    found = hota_scores(sums)
    assert (np.diff(found["DetA"]) <= 0).all()
    assert found["HOTA"] == pytest.approx(np.sqrt(found["DetA"] * found["AssA"]))
    assert len(ALPHAS) == 19
