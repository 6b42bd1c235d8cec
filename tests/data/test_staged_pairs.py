"""Pairs staged from photographs: what hides, what leaves, what was never there."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from videosets import SIZE, rectangle, video_set

from propose_reduce.data.clips import PairSettings, sample_generator
from propose_reduce.data.pseudo_videos import FOREIGN_IDS, StagedPairs, Staging
from propose_reduce.data.videos import VideoSet
from propose_reduce.errors import InputError

STILL = Staging(
    rotation=0,
    scale=(1, 1),
    shift=0,
    perspective=0,
    warp=0,
    blur=0,
    colour=0,
    steady=0,
    occluder=0,
    elsewhere=0,
)
SETTINGS = PairSettings(long_side=40, short_side=24, flip=0.0, absence=True)
INSIDE = slice(2, -2)  # of an object, away from what JPEG does to its outline


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Two photographs, a red cat on grey and a green dog on black, with ids 1 and 11."""
    videos = []
    for number, (colour, ground, mask) in enumerate(
        [((10, 10, 220), 90, rectangle(4, 4, 20, 20)), ((10, 220, 10), 0, rectangle(20, 2, 36, 18))]
    ):
        told = video_set(tmp_path_factory.mktemp("photograph"), [(number, [mask])])
        picture = np.full((*SIZE, 3), ground, dtype=np.uint8)
        picture[mask] = colour  # BGR
        (video,) = told.videos
        cv2.imwrite(str(video.frames[0].with_suffix(".png")), picture)
        video.frames[0].with_suffix(".png").rename(video.frames[0])  # lossless
        objects = tuple(replace(obj, id=obj.id + 10 * number) for obj in video.objects)
        videos.append(replace(video, id=number + 1, objects=objects))
    return VideoSet("photographs", ("cat", "dog"), tuple(videos))


def pair_of(photographs, index=0, sample=0, settings=SETTINGS, **changes):
    pairs = StagedPairs(photographs, settings, replace(STILL, **changes))
    return pairs.pair(index, sample_generator(0, sample))


def shown(pair):
    """Return the ids that are propagated, and whether the query shows each."""
    ids = pair.reference.ids[pair.reference_rows].tolist()
    return dict(zip(ids, (pair.query_rows >= 0).tolist(), strict=True))


def test_without_anything_staged_both_frames_are_the_photograph(photographs):
    pair = pair_of(photographs)
    assert pair.reference.image.equal(pair.query.image)
    assert shown(pair) == {1: True}
    assert np.array_equal(pair.query.masks[0].numpy(), rectangle(4, 4, 20, 20))


def test_frames_are_of_the_settings_size_whatever_the_photograph(photographs):
    wide = PairSettings(long_side=96, short_side=32, flip=0.0)
    pair = pair_of(photographs, settings=wide, rotation=10, warp=0.03)
    assert pair.reference.image.shape == pair.query.image.shape == (3, 32, 96)


def test_on_another_image_the_objects_are_absent(photographs):
    pair = pair_of(photographs, elsewhere=1.0)
    assert shown(pair) == {1: False}
    assert pair.query.ids.tolist() == [11]  # and detection learns what is there


def test_absent_objects_are_no_samples_unless_wanted(photographs):
    pair = pair_of(photographs, elsewhere=1.0, settings=replace(SETTINGS, absence=False))
    assert shown(pair) == {}


def test_an_occluder_is_in_one_frame_or_in_both(photographs):
    kinds = set()
    for sample in range(60):
        pair = pair_of(photographs, sample=sample, occluder=1.0)
        there = shown(pair)
        for number in FOREIGN_IDS:
            if number in there:
                kinds.add("both" if there[number] else "left")
            elif number in pair.query.ids.tolist():
                kinds.add("came")
        for frame in (pair.reference, pair.query):
            assert not (frame.masks.sum(dim=0) > 1).any()  # what is hidden is no longer its own
    assert kinds == {"both", "left", "came"}


def test_a_steady_camera_moves_less(photographs):
    def way(**changes):
        moves = []
        for sample in range(12):
            pair = pair_of(photographs, sample=sample, shift=0.3, **changes)
            if shown(pair).get(1):
                centres = [
                    frame.masks[frame.ids.tolist().index(1)].nonzero().float().mean(dim=0)
                    for frame in (pair.reference, pair.query)
                ]
                moves.append(float((centres[0] - centres[1]).norm()))
        return np.mean(moves)

    assert way(steady=1.0) < 0.6 * way(steady=0.0)


def test_small_objects_are_seen_but_not_propagated(photographs):
    pair = pair_of(photographs, settings=replace(SETTINGS, smallest=0.5))  # it has 27 percent
    assert shown(pair) == {}
    assert pair.query.ids.tolist() == [1]


def test_a_pair_is_a_function_of_seed_and_index(photographs):
    everything = {"rotation": 20, "warp": 0.05, "blur": 0.1, "colour": 0.2, "occluder": 0.5}
    first, again = (pair_of(photographs, sample=7, **everything) for _ in range(2))
    assert first.query.image.equal(again.query.image)
    assert first.reference.masks.equal(again.reference.masks)


def test_images_without_objects_are_refused(tmp_path):
    with pytest.raises(InputError, match="'test' shows no object"):
        StagedPairs(video_set(tmp_path, [(0, [None])]), SETTINGS, STILL)
