"""Windows: how a video is cut, and every way in which sequences can meet at a border."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from fakes import FakePropagator, FakeProposer, FakeScorer, Thing, World
from hypothesis import given
from hypothesis import strategies as st
from windows_found import windows_found

from propose_reduce import rle
from propose_reduce.errors import InputError
from propose_reduce.paradigm.pipeline import segment_clip
from propose_reduce.paradigm.windows import JoinedSequences, window_of, windows
from propose_reduce.settings import InferenceSettings, WindowSettings, validate
from propose_reduce.structures import InstanceSequence

CUT = WindowSettings(window=6, overlap=2)
SIZE = (2, 10)


def test_a_video_that_fits_is_one_window():
    assert windows(128, WindowSettings()) == [range(128)]
    assert windows(5000, WindowSettings(window=None)) == [range(5000)]


def test_a_longer_one_is_cut_evenly():
    assert windows(7, CUT) == [range(4), range(2, 7)]  # not 0..5 and a rest of three
    assert windows(10, CUT) == [range(6), range(4, 10)]


@given(st.integers(1, 400), st.integers(2, 60), st.data())
def test_windows_cover_every_frame_and_share_the_overlap(frames, window, data):
    overlap = data.draw(st.integers(1, window - 1))
    cut = windows(frames, WindowSettings(window=window, overlap=overlap))
    assert (cut[0].start, cut[-1].stop) == (0, frames)
    assert all(len(part) <= window for part in cut)
    assert all(a.stop - b.start == overlap for a, b in pairwise(cut))
    assert max(map(len, cut)) - min(map(len, cut)) <= 1


def test_an_overlap_as_long_as_the_window_is_refused():
    with pytest.raises(InputError, match=r"overlap \(8\) must be below window \(8\)"):
        validate(WindowSettings, {"window": 8, "overlap": 8}, "preset")


def test_a_window_of_a_clip_shows_its_frames_and_remembers_where_they_are():
    clip = World((Thing(velocity=(1, 0)),), num_frames=9).clip()
    part = window_of(clip, range(4, 8))
    assert (len(part.frames), part.start, part.whole) == (4, 4, clip)
    assert np.array_equal(part.frames[1], clip.frames[5])
    assert window_of(clip, range(9)) is clip


def bar(columns, frames, score=0.9, category="cat", number=1):
    """A sequence of ``frames`` masks of 2 x 10 pixels, true in some columns; None is absent."""
    mask = np.zeros(SIZE, dtype=bool)
    mask[:, columns] = True
    return InstanceSequence(
        id=number,
        category=category,
        score=score,
        class_scores={category: score},
        key_frame=0,
        size=SIZE,
        segmentations=tuple(rle.encode(mask) if t in frames else None for t in range(6)),
        frame_scores=tuple(score if t in frames else None for t in range(6)),
    )


def join(first: list[InstanceSequence], second: list[InstanceSequence], **settings):
    """Join two windows of 6 frames that share frames 4 and 5; frames of the second count from 4."""
    joined = JoinedSequences(10, WindowSettings(window=6, overlap=2, **settings))
    joined.add(range(6), first)
    joined.add(range(4, 10), second)
    return joined.sequences


def present(sequence: InstanceSequence) -> list[int]:
    return [t for t, mask in enumerate(sequence.segmentations) if mask is not None]


LEFT, RIGHT, MOST_OF_LEFT = slice(0, 4), slice(6, 10), slice(0, 3)


def test_one_to_one_becomes_one_and_each_window_gives_its_half_of_the_overlap():
    (whole,) = join([bar(LEFT, range(6), 0.8)], [bar(MOST_OF_LEFT, range(6), 0.5)])
    assert (whole.id, whole.key_frame, present(whole)) == (1, 0, list(range(10)))
    areas = [rle.area(mask) for mask in whole.segmentations]
    assert areas == [8] * 5 + [6] * 5  # frame 4 of the first window, frame 5 of the second
    assert whole.score == pytest.approx((5 * 0.8 + 5 * 0.5) / 10)
    assert whole.frame_scores == pytest.approx([0.8] * 5 + [0.5] * 5)


def test_one_to_none_ends_and_a_new_one_begins():
    ends, begins = join([bar(LEFT, range(6), 0.8)], [bar(RIGHT, range(6), 0.5)])
    assert (ends.id, present(ends)) == (1, list(range(6)))
    assert (begins.id, present(begins)) == (2, list(range(4, 10)))
    assert begins.key_frame == 4


def test_what_one_window_alone_sees_on_shared_frames_has_the_other_s_word_against_it():
    ends, begins = join([bar(LEFT, range(6), 0.8)], [bar(RIGHT, range(6), 0.5)])
    assert ends.score == pytest.approx(6 * 0.8 / (6 + 2))
    assert begins.score == pytest.approx(6 * 0.5 / (6 + 2))
    (gone,) = join([bar(LEFT, range(4), 0.8)], [])  # before the frames that they share
    assert gone.score == 0.8
    (late,) = join([], [bar(LEFT, [1, 3, 5], 0.8)])  # on one of them
    assert late.score == pytest.approx(3 * 0.8 / (3 + 1))


def test_a_sequence_that_is_weak_once_it_is_whole_is_left_out():
    joined = JoinedSequences(10, CUT, min_score=0.5)
    joined.add(range(6), [bar(LEFT, range(6), 0.8)])
    joined.add(range(4, 10), [bar(RIGHT, range(6), 0.6)])  # 0.45 with the other's word against it
    assert [(s.id, s.score) for s in joined.sequences] == [(1, pytest.approx(0.6))]


def test_windows_that_are_not_joined_say_nothing_about_each_other():
    joined = JoinedSequences(10, CUT)
    for frames in (range(6), range(4, 10)):
        joined.add(frames, [bar(LEFT, range(6), 0.8)], join=False)
    assert [s.score for s in joined.sequences] == [0.8, 0.8]


def test_one_that_is_hidden_on_the_shared_frames_is_two():
    hidden = bar(LEFT, range(4))
    assert len(join([hidden], [bar(LEFT, range(6))])) == 2


def test_two_to_one_is_the_better_one_and_the_other_ends():
    whole, ended = join(
        [bar(MOST_OF_LEFT, range(6), 0.6, number=1), bar(LEFT, range(6), 0.6, number=2)],
        [bar(LEFT, range(6), 0.6)],
    )
    assert (ended.id, len(present(ended))) == (1, 6)
    assert (whole.id, len(present(whole))) == (2, 10)


def test_a_weak_twin_that_fits_a_little_better_does_not_take_the_partner():
    whole, ended = join(  # (3/4 + 0.1) 0.9 against (1 + 0.1) 0.6
        [bar(MOST_OF_LEFT, range(6), 0.9, number=1), bar(LEFT, range(6), 0.6, number=2)],
        [bar(LEFT, range(6), 0.6)],
    )
    assert (whole.id, len(present(whole))) == (1, 10)
    assert (ended.id, len(present(ended))) == (2, 6)


def test_an_ambiguous_meeting_takes_the_greatest_sum():
    # the best pair, 4/5, would leave the other two alone: 3/4 and 2/6 together are more
    first = [bar(slice(0, 4), range(6), 0.9, number=1), bar(slice(3, 6), range(6), 0.8, number=2)]
    second = [bar(slice(0, 5), range(6), 0.7, number=1), bar(slice(0, 3), range(6), 0.6, number=2)]
    one, two = sorted(join(first, second, iou=0.3), key=lambda s: s.id)
    assert [rle.area(one.segmentations[9]), rle.area(two.segmentations[9])] == [6, 10]


def test_the_class_decides_where_overlaps_do_not():
    first = [bar(LEFT, range(6), 0.9, "cat", 1), bar(LEFT, range(6), 0.8, "dog", 2)]
    second = [bar(LEFT, range(6), 0.9, "dog", 1), bar(LEFT, range(6), 0.8, "cat", 2)]
    found = join(first, second)
    assert sorted((s.id, s.category) for s in found) == [(1, "cat"), (2, "dog")]


def test_of_two_classes_the_one_seen_longer_wins_and_the_other_has_no_frame_scores():
    (whole,) = join([bar(LEFT, range(3, 6), 0.9, "cat")], [bar(LEFT, range(6), 0.6, "dog")])
    assert whole.class_scores == pytest.approx({"dog": 5 * 0.6 / 7, "cat": 2 * 0.9 / 7})
    assert whole.category == "dog"
    assert whole.frame_scores == pytest.approx([None] * 5 + [0.6] * 5)


def test_the_longer_the_frames_the_more_they_count():
    brief = bar(LEFT, [4], 0.9)  # only frame 4 of the first window, of which it gives frames 0..4
    (whole,) = join([brief], [bar(LEFT, [0, 3, 4, 5], 0.5)])
    assert whole.score == pytest.approx((1 * 0.9 + 3 * 0.5) / 4)


def test_ids_stay_in_the_order_in_which_objects_begin_and_sequences_fall_by_score():
    joined = JoinedSequences(14, CUT)
    joined.add(range(6), [bar(LEFT, range(6), 0.4, number=1)])
    joined.add(range(4, 10), [bar(RIGHT, range(6), 0.9, number=1), bar(LEFT, range(6), 0.4)])
    joined.add(range(8, 14), [bar(RIGHT, range(6), 0.9, number=1)])
    assert [(s.id, len(present(s))) for s in joined.sequences] == [(2, 10), (1, 10)]


def test_one_window_gives_exactly_what_there_is_without_windows():
    sequences = [bar(LEFT, range(6), 0.9, number=1), bar(RIGHT, [2], 0.3, number=2)]
    joined = JoinedSequences(6, CUT)
    joined.add(range(6), sequences)
    assert [vars_of(s) for s in joined.sequences] == [vars_of(s) for s in sequences]


def vars_of(sequence: InstanceSequence) -> dict:
    return {name: getattr(sequence, name) for name in InstanceSequence.__dataclass_fields__}


CAT = Thing("cat", 0.9, (2, 2, 10, 10), velocity=(1, 0))
LATE = Thing("dog", 0.8, (12, 14, 20, 22), absent=frozenset(range(9)))
EARLY = Thing("dog", 0.7, (22, 2, 30, 10), absent=frozenset(range(7, 20)))


def segment(world: World, window: int | None, **more):
    settings = InferenceSettings.model_validate(
        {"windows": {"window": window, "overlap": 3}, "propose": {"key_frames": 3}, **more}
    )
    components = FakeProposer(world), FakePropagator(world), FakeScorer(world)
    return segment_clip(world.clip(), *components, settings)


@pytest.mark.parametrize("paradigm", ["propose-reduce", "track-by-detect", "clip-match"])
def test_the_whole_way_with_windows_finds_what_it_finds_without(paradigm):
    world = World((CAT, LATE, EARLY), num_frames=16)
    whole = segment(world, None, paradigm=paradigm)
    cut = segment(world, 6, paradigm=paradigm)
    assert len(whole) == 3
    assert [s.category for s in cut] == [s.category for s in whole]
    for one, other in zip(cut, whole, strict=True):
        assert one.segmentations == other.segmentations
        assert one.score == pytest.approx(other.score)


def test_what_one_window_held_is_not_held_by_the_next():
    world = World((CAT,), num_frames=16)
    settings = InferenceSettings.model_validate({"windows": {"window": 6, "overlap": 3}})
    components = FakeProposer(world), FakePropagator(world), FakeScorer(world)
    found = [
        (w.frames, len(w.proposals)) for w in windows_found(world.clip(), *components, settings)
    ]
    assert [frames for frames, _ in found] == windows(16, settings.windows)
    assert all(count == 5 for _, count in found)  # five key frames in each window


def test_progress_counts_all_windows_as_one_way():
    world, told = World((CAT,), num_frames=16), []
    settings = InferenceSettings.model_validate(
        {"windows": {"window": 10, "overlap": 4}, "propose": {"key_frames": 1}}
    )
    components = FakeProposer(world), FakePropagator(world), FakeScorer(world)
    segment_clip(world.clip(), *components, settings, progress=lambda *step: told.append(step))
    shares = [done / steps for stage, done, steps in told if stage == "propagate"]
    assert shares == [step / 20 for step in range(1, 21)]  # two windows of ten frames


def test_masks_that_differ_from_window_to_window_are_still_one_object():
    world = World((replace(CAT, velocity=(0, 0)),), num_frames=12)
    settings = InferenceSettings.model_validate({"windows": {"window": 8, "overlap": 4}})
    components = FakeProposer(world), FakePropagator(world, shift=1), FakeScorer(world)
    found = segment_clip(world.clip(), *components, settings)
    assert max(len(present(s)) for s in found) == 12
    assert torch.from_numpy(found[0].masks).any(dim=2).any(dim=1).all()
