"""A proposer that is asked once for each frame, in a scripted world."""

import torch
from fakes import FakeProposer, Thing, World

from propose_reduce.paradigm.propose import RememberingProposer, remembering
from propose_reduce.paradigm.windows import window_of

CAT = Thing("cat", 0.9, (2, 2, 10, 10), velocity=(1, 0))
DOG = Thing("dog", 0.6, (12, 12, 20, 20), absent=frozenset({1}))
WORLD = World((CAT, DOG))


def test_it_says_what_the_other_one_says_and_asks_it_once():
    proposer, clip = FakeProposer(WORLD), WORLD.clip()
    remembered = RememberingProposer(proposer)
    for frame in (2, 0, 2, 0):
        found, expected = remembered.propose(clip, frame), FakeProposer(WORLD).propose(clip, frame)
        assert torch.equal(found.masks, expected.masks)
        assert torch.equal(found.class_scores, expected.class_scores)
    assert proposer.asked == [2, 0]
    assert remembered.categories == proposer.categories


def test_a_frame_without_detections_is_remembered_too():
    proposer, clip = FakeProposer(World(())), WORLD.clip()
    remembered = RememberingProposer(proposer)
    assert [len(remembered.propose(clip, 3)) for _ in range(2)] == [0, 0]
    assert proposer.asked == [3]


def test_windows_share_the_frames_of_their_video_and_other_videos_do_not():
    proposer, clip = FakeProposer(WORLD), WORLD.clip()
    remembered = RememberingProposer(proposer)
    remembered.propose(window_of(clip, range(3)), 2)
    remembered.propose(window_of(clip, range(1, 4)), 1)  # the same frame
    assert proposer.asked == [2]
    remembered.propose(WORLD.clip(), 2)
    assert proposer.asked == [2, 2]


def test_the_oldest_frames_go_when_there_is_no_room():
    proposer, clip = FakeProposer(WORLD), WORLD.clip()
    remembered = RememberingProposer(proposer, limit=60)  # cat and dog take 32 or 40 bytes
    for frame in (0, 2, 0, 0):
        remembered.propose(clip, frame)
    assert proposer.asked == [0, 2, 0]


def test_one_that_remembers_is_not_wrapped_again():
    remembered = remembering(FakeProposer(WORLD))
    assert remembering(remembered) is remembered
