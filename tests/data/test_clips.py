"""Which two frames make a pair, and what is in it."""

import numpy as np
import pytest
from videosets import rectangle, video_set

from propose_reduce.data.clips import PairSettings, VideoPairs, sample_generator, serves
from propose_reduce.errors import InputError

SETTINGS = PairSettings(long_side=40, short_side=24, flip=0.0)


def bar(column):
    return rectangle(column, 2, column + 6, 20)


def two_objects(tmp_path, first, second, categories=(0, 1)):
    """Return pairs of a video where ``1`` says on which frames each of two objects is."""
    told = [
        (category, [bar(column) if there else None for there in frames])
        for category, frames, column in zip(categories, (first, second), (4, 20), strict=True)
    ]
    return VideoPairs(video_set(tmp_path, told), SETTINGS)


@pytest.mark.parametrize(
    ("reference", "query", "labels", "expected"),
    [
        ([1, 1], [1, 1], [0, 0], True),
        ([1, 0], [1, 1], [0, 0], False),  # the class is shared, one of its objects is not shown
        ([1, 0], [1, 1], [0, 1], True),  # class 1 is not shared
        ([1, 1], [1, 0], [0, 0], True),  # showing more is no harm
        ([1, 0], [0, 1], [0, 1], False),  # nothing in common
        ([0, 0], [1, 1], [0, 1], False),
    ],
)
def test_a_reference_shows_all_objects_of_the_classes_it_shares(reference, query, labels, expected):
    shown = [np.array(table, dtype=bool) for table in (reference, query)]
    assert serves(*shown, np.array(labels)) is expected


def test_every_frame_that_shows_an_object_is_the_query_of_one_pair(tmp_path):
    pairs = two_objects(tmp_path, [1, 1, 0, 0], [0, 1, 0, 1])
    assert len(pairs) == 3  # frame 2 is empty


def test_a_reference_lies_no_further_away_than_told_and_is_another_frame(tmp_path):
    pairs = two_objects(tmp_path, [1] * 6, [1] * 6)
    assert pairs.references(2) == [0, 1, 3, 4, 5]
    assert pairs.references(2, distance=1) == [1, 3]


def test_references_that_lack_an_object_of_a_shared_class_are_left_out(tmp_path):
    pairs = two_objects(tmp_path, [1, 1, 1, 1], [1, 0, 0, 1], categories=(0, 0))
    assert pairs.references(0) == [3]
    assert pairs.references(1) == [0, 2, 3]


def test_without_a_reference_the_query_stands_for_itself(tmp_path):
    pairs = two_objects(tmp_path, [1, 0, 0], [0, 1, 1])
    pair = pairs.pair(0, sample_generator(0, 0))
    assert pair.reference.image.equal(pair.query.image)
    assert pair.reference_rows.tolist() == pair.query_rows.tolist() == [0]


def test_all_references_are_drawn(tmp_path):
    pairs = two_objects(tmp_path, [1] * 4, [1] * 4)
    images = {
        int(pairs.pair(0, sample_generator(seed, 0)).reference.image.float().mean())
        for seed in range(30)
    }
    assert images == {45, 50, 55}  # the grey of frames 1, 2 and 3


def test_rows_name_the_same_objects_on_both_frames(tmp_path):
    told = [(0, [bar(4), None]), (1, [bar(12), bar(13)]), (1, [bar(24), bar(25)])]
    pairs = VideoPairs(video_set(tmp_path, told), SETTINGS)
    pair = pairs.pair(1, sample_generator(0, 0))
    assert pair.reference.ids[pair.reference_rows].tolist() == [2, 3]
    assert pair.query.ids[pair.query_rows].tolist() == [2, 3]
    assert pair.query.boxes[pair.query_rows][:, 0].tolist() == [13, 25]
    assert pair.query.labels.tolist() == [2, 2]


def test_at_most_so_many_objects_are_propagated_but_all_are_detected(tmp_path):
    told = [(0, [bar(4 * column), bar(4 * column)]) for column in range(7)]
    few = PairSettings(40, 24, flip=0.0, max_objects=5)
    pairs = VideoPairs(video_set(tmp_path, told), few)
    kept = {tuple(pairs.pair(0, sample_generator(s, 0)).query_rows.tolist()) for s in range(20)}
    assert all(len(rows) == 5 for rows in kept)
    assert len(kept) > 3
    assert len(pairs.pair(0, sample_generator(0, 0)).query.ids) == 7


def test_both_frames_are_mirrored_or_none(tmp_path):
    pairs = VideoPairs(video_set(tmp_path, [(0, [bar(4), bar(4)])]), PairSettings(40, 24, flip=0.5))
    lefts = set()
    for seed in range(20):
        pair = pairs.pair(0, sample_generator(seed, 0))
        lefts.add((pair.reference.boxes[0, 0].item(), pair.query.boxes[0, 0].item()))
    assert lefts == {(4, 4), (30, 30)}


def test_crowds_are_no_query_and_no_object(tmp_path):
    told = [(0, [bar(4), None, bar(4)]), (1, [bar(20), bar(20), bar(20)])]
    pairs = VideoPairs(video_set(tmp_path, told, crowd={2}), SETTINGS)
    assert len(pairs) == 2
    pair = pairs.pair(0, sample_generator(0, 0))
    assert pair.query.ids.tolist() == [1]
    assert pair.query.crowds.tolist() == [[20, 2, 26, 20]]


def test_frames_are_fitted_to_the_networks_input(tmp_path):
    pairs = VideoPairs(video_set(tmp_path, [(0, [bar(4)])]), PairSettings(80, 30))
    assert pairs.pair(0, sample_generator(0, 0)).query.image.shape == (3, 30, 50)


def test_a_pair_is_a_function_of_seed_and_index(tmp_path):
    pairs = two_objects(tmp_path, [1] * 6, [1] * 6)
    same = [pairs.pair(3, sample_generator(5, 3)) for _ in range(2)]
    assert same[0].reference.image.equal(same[1].reference.image)
    assert same[0].query.masks.equal(same[1].query.masks)


def test_a_set_that_shows_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="'test' shows no object on any frame"):
        two_objects(tmp_path, [0, 0], [0, 0])
