"""What is dropped votes on the masks of what is kept: cases for a pencil."""

import pytest
import torch

from propose_reduce.masks import PackedMasks
from propose_reduce.paradigm.compose import vote
from propose_reduce.paradigm.pipeline import reduce_sequences
from propose_reduce.paradigm.proposals import Proposals
from propose_reduce.paradigm.reduce import KeptSequence, reduce
from propose_reduce.settings import ReduceSettings

SIZE = (1, 8)


def proposals(*sequences):
    """Proposals from one (columns, score) for each frame; no columns for an absent one."""
    masks = torch.zeros(len(sequences), len(sequences[0]), *SIZE, dtype=torch.bool)
    scores = torch.full((len(sequences), len(sequences[0]), 2), torch.nan)
    for n, frames in enumerate(sequences):
        for t, (columns, score) in enumerate(frames):
            masks[n, t, 0, columns] = True
            if bool(masks[n, t].any()):
                scores[n, t] = torch.tensor([1 - score, score])
    return Proposals(("cat",), tuple(range(len(sequences))), PackedMasks.pack(masks), scores)


def columns(found, row, frame):
    return found.masks.mask(row, frame)[0].nonzero()[:, 0].tolist()


LEFT, RIGHT, NONE = slice(0, 4), slice(4, 8), slice(0, 0)
ALL = slice(0, 8)


def test_where_the_best_drifted_the_others_put_it_right():
    # The best is elsewhere on the last frame, and its score there is low.
    found = proposals(
        [(LEFT, 0.9), (LEFT, 0.9), (RIGHT, 0.3)],
        [(LEFT, 0.6), (LEFT, 0.6), (LEFT, 0.5)],
    )
    voted, (kept,) = vote(found, [KeptSequence(0, {0: 0.7})], threshold=0.5)
    assert [columns(voted, 0, t) for t in range(3)] == [[0, 1, 2, 3]] * 3
    assert kept == KeptSequence(0, {0: 0.7})
    assert voted.key_frames == (0,)
    assert voted.frame_scores[0, :, 1].tolist() == pytest.approx([0.75, 0.75, 0.4])


def test_half_of_the_votes_are_enough_and_less_are_not():
    half = proposals([(LEFT, 0.5), (ALL, 0.5)], [(LEFT, 0.5), (LEFT, 0.5)])
    voted, _ = vote(half, [KeptSequence(0, {0: 0.5})], threshold=0.5)
    assert columns(voted, 0, 1) == list(range(8))
    less = proposals([(LEFT, 0.5), (ALL, 0.25)], [(LEFT, 0.5), (LEFT, 0.5)])
    voted, _ = vote(less, [KeptSequence(0, {0: 0.5})], threshold=0.5)
    assert columns(voted, 0, 1) == [0, 1, 2, 3]


def test_who_sees_nothing_votes_for_that_with_its_score_of_the_whole_video():
    # 0.25 against (0.5 + 0.75) / 2 = 0.625: the object is absent, and has no score there.
    found = proposals(
        [(LEFT, 0.75), (LEFT, 0.75), (LEFT, 0.25)], [(LEFT, 0.5), (LEFT, 0.75), (NONE, 0.0)]
    )
    voted, _ = vote(found, [KeptSequence(0, {0: 0.6})], threshold=0.5)
    assert voted.masks.areas.tolist() == [[4, 4, 0]]
    assert voted.frame_scores[0, 2].isnan().all()


def test_each_group_votes_for_itself_and_the_better_one_takes_what_both_dropped():
    found = proposals(
        [(slice(0, 4), 0.9)],
        [(slice(1, 6), 0.8)],  # overlaps both kept ones by half or more
        [(slice(3, 7), 0.7)],
    )
    voted, kept = vote(found, [KeptSequence(0, {0: 0.9}), KeptSequence(2, {0: 0.7})], threshold=0.5)
    assert [one.index for one in kept] == [0, 1]
    assert columns(voted, 0, 0) == [0, 1, 2, 3]  # 0.9 of 1.7 for column 0, 0.8 for 4 and 5
    assert columns(voted, 1, 0) == [3, 4, 5, 6]
    assert voted.key_frames == (0, 2)


def test_alone_a_sequence_stays_as_it_is():
    found = proposals([(LEFT, 0.9), (NONE, 0.0), (RIGHT, 0.4)], [(NONE, 0.0)] * 3)
    voted, _ = vote(found, reduce(found.class_scores, found.iou, ReduceSettings()), threshold=0.5)
    assert torch.equal(voted.frame_scores.nan_to_num(-1), found.frame_scores[:1].nan_to_num(-1))
    assert [columns(voted, 0, t) for t in range(3)] == [[0, 1, 2, 3], [], [4, 5, 6, 7]]


def test_where_no_voter_has_a_score_all_count_alike():
    # A detector that names another class on the last frame leaves nothing for this one.
    alone = proposals([(LEFT, 0.9), (LEFT, 0.0)])
    voted, _ = vote(alone, [KeptSequence(0, {0: 0.9})], threshold=0.5)
    assert [columns(voted, 0, t) for t in range(2)] == [[0, 1, 2, 3]] * 2
    three = proposals([(LEFT, 0.9), (ALL, 0.0)], [(LEFT, 0.8), (LEFT, 0.0)], [(LEFT, 0.7)] * 2)
    two = proposals([(LEFT, 0.9), (RIGHT, 0.0)], *[[(LEFT, 0.8), (LEFT, 0.0)]] * 2)
    assert columns(vote(three, [KeptSequence(0, {0: 0.9})], threshold=0.5)[0], 0, 1) == [0, 1, 2, 3]
    assert columns(vote(two, [KeptSequence(0, {0: 0.9})], threshold=0.3)[0], 0, 1) == [0, 1, 2, 3]


def test_nothing_kept_is_nothing():
    found = proposals([(NONE, 0.0)])
    voted, kept = vote(found, [], threshold=0.5)
    assert len(voted) == 0
    assert kept == []


@pytest.mark.parametrize(("kind", "votes"), [("hard", True), ("soft", False)])
def test_reducing_votes_where_something_was_dropped(kind, votes):
    found = proposals(
        [(LEFT, 0.9), (LEFT, 0.9), (RIGHT, 0.3)],
        [(LEFT, 0.6), (LEFT, 0.6), (LEFT, 0.5)],
    )
    first, *others = reduce_sequences(found, SIZE, ReduceSettings(kind=kind, vote=True))
    assert first.masks[2, 0].tolist() == [votes] * 4 + [not votes] * 4
    assert len(others) == (0 if votes else 1)
    (plain,) = reduce_sequences(found, SIZE, ReduceSettings())
    assert plain.masks[2, 0].tolist() == [False] * 4 + [True] * 4
