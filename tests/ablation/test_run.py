"""Variants on scripted worlds, where a pencil says what each row must be."""

import itertools
import weakref

import pytest
from ablations import Ablation
from fakes import Thing, World

from propose_reduce.ablation import run
from propose_reduce.errors import InputError

STILL = World((Thing("cat", 0.9, (2, 2, 10, 10)), Thing("cat", 0.6, (2, 13, 10, 21))), num_frames=3)
LATE = World((Thing(), Thing(box=(12, 12, 20, 20), absent=frozenset({0, 1, 2}))), num_frames=5)


def test_without_mask_nms_a_proposer_that_sees_double_starts_twice_as_many_sequences(tmp_path):
    rows = Ablation(tmp_path, STILL, copies=2).rows("propose.mask_nms=0.2,null")
    assert rows[0.2,].sequences_before == 3 * 2  # every frame is a key frame, with two things
    assert rows[None,].sequences_before == 3 * 4
    assert {row.sequences_after for row in rows.values()} == {2}


def test_a_reduction_that_keeps_duplicates_costs_precision_and_no_recall(tmp_path):
    # from each end of the video each thing is followed with a slip; the two are 160 / 224 alike
    slipping = Ablation(tmp_path, STILL, shift=1)
    rows = slipping.rows("reduce.iou=0.5,1.0", propose={"key_frames": 2})
    reduced, kept = rows[0.5,], rows[1.0,]
    assert (reduced.sequences_before, reduced.sequences_after) == (4, 2)
    assert (kept.sequences_before, kept.sequences_after) == (4, 4)
    assert reduced.scores["AP50"] == 1
    # right, duplicate, right, duplicate: from recall 0.51 on the precision is 2 / 3
    assert kept.scores["AP50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert kept.scores["AR10"] == reduced.scores["AR10"]


def test_one_key_frame_misses_what_enters_later(tmp_path):
    rows = Ablation(tmp_path, LATE).rows("propose.key_frames=1,3")
    assert [rows[k,].scores["AR10"] for k in (1, 3)] == [0.5, 1]
    assert [rows[k,].sequences_after for k in (1, 3)] == [1, 2]


def test_one_prediction_for_a_category_finds_half_of_two_cats(tmp_path):
    (row,) = Ablation(tmp_path, STILL).rows("propose.key_frames=5").values()
    assert row.scores == {"AP": 1, "AP50": 1, "AR1": 0.5, "AR10": 1}


def test_variants_that_differ_in_the_reduction_alone_share_their_proposals(tmp_path):
    ablation = Ablation(tmp_path, STILL, LATE)
    texts = ["reduce.kind=hard,soft,category-aware", "propose.key_frames=2,4"]
    assert len(ablation.rows(*texts, full=True)) == 6
    assert ablation.opener.opened == [2, 2, 4, 4]  # each group once on each video
    assert ablation.told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_video_s_proposals_are_gone_when_the_next_video_comes(tmp_path, monkeypatch):
    made, alive, find = [], [], run.find_windows

    def watched(*arguments):
        alive.append(sum(reference() is not None for reference in made))
        *others, (take,) = arguments
        find(*others, [lambda window: (made.append(weakref.ref(window.proposals)), take(window))])

    monkeypatch.setattr(run, "find_windows", watched)
    Ablation(tmp_path, STILL, STILL, STILL).rows("reduce.iou=0.5,0.9")
    assert alive == [0, 0, 0]


def test_equal_masks_are_held_once_however_many_variants_report_them(tmp_path, monkeypatch):
    held, evaluate = [], run.evaluate_youtube_vis

    def watched(truth, predictions):
        held.extend(mask for p in predictions for mask in p["segmentations"])
        return evaluate(truth, predictions)

    monkeypatch.setattr(run, "evaluate_youtube_vis", watched)
    Ablation(tmp_path, STILL).rows("reduce.kind=hard,soft", propose={"key_frames": 1})
    assert len(held) == 2 * 2 * 3  # variants, things, frames
    assert len({id(mask) for mask in held}) == 2  # nothing moves


def test_seconds_are_those_of_the_shared_proposals_and_of_the_own_reduction(tmp_path, monkeypatch):
    ticks = itertools.count()
    monkeypatch.setattr(run, "perf_counter", lambda: float(next(ticks)))  # all takes a second
    rows = Ablation(tmp_path, STILL, STILL).rows("reduce.iou=0.3,0.5,0.7")
    assert [row.seconds_per_frame for row in rows.values()] == [(8 + 2) / 6] * 3


def test_what_is_finished_is_not_run_again(tmp_path):
    first = Ablation(tmp_path, STILL).rows("propose.key_frames=1,3", "reduce.iou=0.5,0.9")
    again = Ablation(tmp_path, STILL)
    assert again.rows("propose.key_frames=1,3", "reduce.iou=0.5,0.9") == first
    assert again.opener.opened == []


def test_only_new_values_are_run_and_old_ones_come_back(tmp_path):
    Ablation(tmp_path, STILL).rows("propose.key_frames=1,3", full=True)
    more = Ablation(tmp_path, STILL)
    assert len(more.rows("propose.key_frames=1,2,3", full=True)) == 3
    assert more.opener.opened == [2]


def test_other_weights_count_as_nothing_done(tmp_path):
    Ablation(tmp_path, STILL).rows("reduce.iou=0.5")
    other = Ablation(tmp_path, STILL, weights="b")
    other.rows("reduce.iou=0.5")
    assert other.opener.opened == [5]


def test_after_ctrl_c_the_finished_groups_are_there(tmp_path):
    interrupted = Ablation(tmp_path, STILL, LATE, interrupt=4)
    with pytest.raises(KeyboardInterrupt):
        interrupted.rows("propose.key_frames=1,2,3", full=True)
    assert interrupted.opener.opened == [1, 1, 2, 2]  # on the second video of the second group
    resumed = Ablation(tmp_path, STILL, LATE)
    assert len(resumed.rows("propose.key_frames=1,2,3", full=True)) == 3
    assert resumed.opener.opened == [2, 2, 3, 3]


def test_a_stored_row_that_cannot_be_read_is_measured_again(tmp_path):
    rows = Ablation(tmp_path, STILL).rows("reduce.iou=0.5")
    (file,) = (tmp_path / "rows").iterdir()
    file.write_text('{"scores": {}')
    again = Ablation(tmp_path, STILL)
    assert again.rows("reduce.iou=0.5").keys() == rows.keys()
    assert again.opener.opened == [5]


def test_a_category_that_the_truth_does_not_list_is_no_fault_unless_it_lists_none(tmp_path):
    ablation = Ablation(tmp_path, STILL)
    cats = [c for c in ablation.data.truth["categories"] if c["name"] == "cat"]
    ablation.data.truth["categories"] = cats
    (row,) = ablation.rows("reduce.iou=0.5").values()
    assert row.scores["AP"] == 1
    ablation.data.truth["categories"] = [{"id": 10, "name": "tree"}]
    with pytest.raises(InputError, match=r"none of the model's categories \(cat, dog"):
        ablation.rows("reduce.iou=0.6")
