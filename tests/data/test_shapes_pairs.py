"""Training pairs of the shapes benchmark."""

import numpy as np
import pytest

from propose_reduce.data.clips import PairSettings, sample_generator
from propose_reduce.data.shapes import shapes_video
from propose_reduce.data.shapes.pairs import ShapesPairs

PAIRS = ShapesPairs(PairSettings(160, 96, flip=0.0), samples=10)


def frames_like(image, index):
    """Return the frames of training video ``index`` that look exactly like the image."""
    video = shapes_video("train", index, size=(96, 160))
    picture = image.permute(1, 2, 0).numpy()
    return [t for t in range(len(video)) if np.array_equal(video.frame(t), picture)]


@pytest.mark.parametrize("index", [0, 3])
def test_both_frames_come_from_the_video_of_that_index(index):
    pair = PAIRS.pair(index, sample_generator(0, index), distance=4)
    (reference,) = frames_like(pair.reference.image, index)
    (query,) = frames_like(pair.query.image, index)
    assert 0 < abs(reference - query) <= 4


def test_masks_are_those_of_the_rendered_frame():
    pair = PAIRS.pair(1, sample_generator(0, 1))
    (query,) = frames_like(pair.query.image, 1)
    masks = shapes_video("train", 1, size=(96, 160)).instances(query)
    assert np.array_equal(masks[pair.query.ids.numpy() - 1], pair.query.masks.numpy())


def test_a_pair_is_a_function_of_seed_and_index():
    first, again = (PAIRS.pair(2, sample_generator(9, 2)) for _ in range(2))
    other = PAIRS.pair(2, sample_generator(8, 2))
    assert first.reference.image.equal(again.reference.image)
    assert not first.query.image.equal(other.query.image)


def test_pairs_nearly_always_share_objects_and_never_too_many():
    counts = [len(PAIRS.pair(i, sample_generator(0, i)).query_rows) for i in range(40)]
    assert max(counts) <= 5
    assert np.mean(np.array(counts) >= 2) > 0.9


def test_the_stream_has_no_end():
    assert len(PAIRS) == 10
    assert PAIRS.pair(10**9, sample_generator(0, 10**9)).query.image.shape == (3, 96, 160)
    assert PAIRS.categories[0] == "circle"
