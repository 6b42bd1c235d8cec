"""The scores of frames and of whole sequences."""

import pytest
import torch
from fakes import FakeScorer, Thing, World

from propose_reduce.errors import ContractError, InputError
from propose_reduce.paradigm.score import mean_scores, score_frame
from propose_reduce.structures import Detections

CAT = Thing("cat", 0.9, (2, 2, 10, 10), absent=frozenset({1}))
DOG = Thing("dog", 0.8, (5, 14, 12, 22))
WORLD = World((CAT, DOG))
ORIGINS = Detections(WORLD.masks(0), torch.tensor([[0.1, 0.9, 0.0], [0.2, 0.0, 0.8]]))


class Answering:
    """Answers every question alike, and remembers the origins it was given."""

    def __init__(self, answer: torch.Tensor) -> None:
        self.answer = answer

    def score(self, clip, frame, masks, origins):
        self.origins = origins
        return self.answer


def test_a_frame_scores_its_masks_and_leaves_empty_ones_unknown():
    scores = score_frame(WORLD.clip(), FakeScorer(WORLD), 1, WORLD.masks(1), ORIGINS)
    assert scores[0].isnan().all()
    assert scores[1].tolist() == pytest.approx([0.2, 0.0, 0.8])


def test_the_scorer_gets_the_detections_behind_the_masks_it_sees():
    scorer = Answering(torch.tensor([[0.5, 0.5, 0.0]]))
    score_frame(WORLD.clip(), scorer, 1, WORLD.masks(1), ORIGINS)
    assert torch.equal(scorer.origins.class_scores, ORIGINS.class_scores[1:])
    assert torch.equal(scorer.origins.masks, ORIGINS.masks[1:])


def test_a_scorer_may_have_no_opinion_and_the_frame_does_not_count():
    silent, sure = torch.full((2, 3), torch.nan), torch.tensor([[0.2, 0.8, 0.0]] * 2)
    frames = [
        score_frame(WORLD.clip(), Answering(answer), 0, WORLD.masks(0), ORIGINS)
        for answer in (silent, sure)
    ]
    torch.testing.assert_close(mean_scores(torch.stack(frames, dim=1)), sure)


def test_a_scorer_is_not_asked_about_nothing():
    scorer = FakeScorer(WORLD)
    scores = score_frame(WORLD.clip(), scorer, 0, torch.zeros_like(WORLD.masks(0)), ORIGINS)
    assert scores.isnan().all()
    assert scorer.asked == []


def test_what_may_be_absent_is_background_as_likely_as_it_is_absent():
    presence = torch.tensor([0.25, 1.0])
    scorer = Answering(torch.tensor([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25]]))
    scores = score_frame(WORLD.clip(), scorer, 0, WORLD.masks(0), ORIGINS, presence)
    assert scores[0].tolist() == pytest.approx([0.8, 0.2, 0.0])  # 0.2 / 4 + 3 / 4, 0.8 / 4
    assert scores[1].tolist() == [0.5, 0.25, 0.25]


@pytest.mark.parametrize("presence", [0.0, 0.5, 1.0])
def test_presence_is_no_opinion_where_there_is_none(presence):
    scorer = Answering(torch.full((1, 3), torch.nan))
    both = torch.full((2,), presence)
    scores = score_frame(WORLD.clip(), scorer, 1, WORLD.masks(1), ORIGINS, both)
    assert scores.isnan().all()  # the cat is absent, and of the dog the scorer says nothing


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "frame 0: what the scorer gives must be Tensor, got NoneType"),
        (torch.zeros(6), r"frame 0: the scorer must give \(2, 3\) probabilities, got \(6,\)"),
        (torch.zeros(1, 3), r"must give \(2, 3\) probabilities, got \(1, 3\)"),
        (
            torch.tensor([[torch.nan, 0.5, 0.5]] * 2),
            "frame 0: the scorer's probabilities must lie in",
        ),
        (torch.full((2, 3), 1.5), "must lie in"),
    ],
)
def test_an_answer_that_is_no_probabilities_is_named(answer, message):
    with pytest.raises(ContractError, match=message):
        score_frame(WORLD.clip(), Answering(answer), 0, WORLD.masks(0), ORIGINS)


def test_a_scorer_of_other_classes_is_a_mistake_with_a_way_out():
    with pytest.raises(InputError, match=r'3 classes and the proposer 2 .*scorer="key-frame"'):
        score_frame(WORLD.clip(), Answering(torch.zeros(2, 4)), 0, WORLD.masks(0), ORIGINS)


def test_a_sequence_scores_the_mean_over_the_frames_where_it_is_present():
    nowhere = [torch.nan] * 3
    frames = torch.tensor([[[0.1, 0.9, 0.0], nowhere, [0.3, 0.5, 0.2]], [nowhere] * 3])
    mean = mean_scores(frames)
    assert mean.dtype == torch.float32
    assert mean[0].tolist() == pytest.approx([0.2, 0.7, 0.1])


def test_a_sequence_that_is_never_present_is_background():
    assert mean_scores(torch.full((1, 2, 3), torch.nan)).tolist() == [[1.0, 0.0, 0.0]]


def test_no_sequences_have_no_scores():
    assert mean_scores(torch.zeros(0, 2, 3)).shape == (0, 3)


def test_a_frame_without_a_mask_counts_as_background_as_much_as_it_is_told_to():
    scores = torch.full((1, 4, 2), torch.nan)
    scores[0, :2] = torch.tensor([0.2, 0.8])
    absent = torch.tensor([[False, False, False, True]])  # of frame 2 there is no opinion
    means = [
        float(mean_scores(scores, absent, absent_weight=weight)[0, 1]) for weight in (0, 0.5, 1)
    ]
    assert means == pytest.approx([0.8, 0.8 * 2 / 2.5, 0.8 * 2 / 3])
    nowhere = mean_scores(torch.full((1, 4, 2), torch.nan), ~absent, absent_weight=0.5)
    assert nowhere.tolist() == [[1, 0]]
