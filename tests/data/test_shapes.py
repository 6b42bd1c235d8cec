"""The rendered benchmark: the same everywhere, any frame by itself, as hard as it says."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from propose_reduce.data.shapes import SPLITS, shapes_video
from propose_reduce.data.shapes.render import SMALLEST, picture
from propose_reduce.data.shapes.world import SHAPES
from propose_reduce.errors import InputError
from propose_reduce.settings import category_set


def mask_hash(split):
    """Return a digest of the masks of two videos; pictures are left to the test after this one."""
    digest = hashlib.sha256()
    for index in (0, 7):
        video = shapes_video(split, index)
        for t in (0, len(video) // 2, len(video) - 1):
            digest.update(np.packbits(video.instances(t)).tobytes())
        digest.update(",".join(video.categories).encode())
    return digest.hexdigest()[:16]


VERSION_1 = {
    "train": "84edf7e47a54b5e9",
    "val": "6777bed52a4b1758",
    "hard": "b36061966fe305c7",
    "demo": "475b730d94d1b639",
}


@pytest.mark.parametrize("split", SPLITS)
def test_masks_of_version_1_stay_the_same(split):
    assert mask_hash(split) == VERSION_1[split]


def test_pictures_of_version_1_stay_the_same_up_to_rounding():
    means = shapes_video("val", 3).frame(11).reshape(4, 48, 4, 80, 3).mean(axis=(1, 3, 4))
    expected = [
        [123.3, 119.7, 116.1, 112.5],
        [117.6, 117.2, 116.1, 108.5],
        [122.5, 130.6, 128.1, 103.9],
        [113.4, 109.8, 109.5, 115.4],
    ]
    assert means == pytest.approx(np.array(expected), abs=1.0)


def test_a_frame_does_not_depend_on_the_frames_before_it():
    alone = shapes_video("val", 5)
    picture, masks = alone.frame(17), alone.instances(17)
    video = shapes_video("val", 5)
    for t in (0, 16, 3):
        video.frame(t)
    assert np.array_equal(picture, video.frame(17))
    assert np.array_equal(masks, video.instances(17))


def test_seed_split_and_index_each_give_another_video():
    videos = [
        shapes_video("val", 0),
        shapes_video("val", 1),
        shapes_video("val", 0, seed=1),
        shapes_video("train", 0, length=24),
    ]
    assert len({video.frame(0).tobytes() for video in videos}) == 4


def test_frames_are_rgb_and_masks_are_disjoint_visible_pixels():
    for index in range(5):
        video = shapes_video("hard", index)
        image, moment = video.frame(20), video.visibility(20)
        assert (image.shape, image.dtype) == ((192, 320, 3), np.uint8)
        assert moment.masks.shape == (len(video.categories), 192, 320)
        assert moment.masks.sum(axis=0).max() <= 1
        visible = moment.masks.sum(axis=(1, 2))
        assert (visible <= moment.areas).all()
        assert all(count == 0 or count >= SMALLEST for count in visible)


def test_pixels_of_an_object_have_its_colours_and_not_the_backgrounds():
    """The mask lies where the object was painted: painted without it, only its pixels change."""
    video = shapes_video("val", 2)
    plain = replace(video.world.camera, shutter=0.0, noise=0.0, softness=0.0)
    world = replace(video.world, camera=plain)
    top = max(i for i, body in enumerate(world.bodies) if body.category is not None)
    fewer = replace(world, bodies=world.bodies[:top] + world.bodies[top + 1 :])
    whole, without = picture(world, 9, video.size), picture(fewer, 9, video.size)
    changed = (whole.astype(int) - without != 0).any(axis=2)
    mask = video.instances(9)[-1]
    assert mask.sum() > 200
    assert (changed & mask).sum() >= 0.97 * mask.sum()  # some colours happen to be equal
    assert (changed & ~mask).sum() <= 0.15 * mask.sum()  # partly covered pixels at the edge


def test_another_size_of_the_same_aspect_shows_the_same_scene():
    small, large = shapes_video("val", 4, size=(96, 160)), shapes_video("val", 4)
    assert small.categories == large.categories
    down = large.instances(6)[:, ::2, ::2]
    same = small.instances(6)
    assert (down & same).sum() / (down | same).sum() > 0.9


def test_every_category_of_the_named_set_is_drawn_and_no_other():
    assert category_set("shapes") == SHAPES
    seen = {name for index in range(60) for name in shapes_video("val", index).categories}
    assert seen == set(SHAPES)


@pytest.mark.parametrize(("split", "few", "many"), [("val", 3, 5), ("hard", 4, 6)])
def test_a_video_has_as_many_objects_as_its_split_says(split, few, many):
    counts = {len(shapes_video(split, i).categories) for i in range(40)}
    assert counts == set(range(few, many + 1))


def test_hard_hides_more_than_val():
    def hidden_share(split):
        seen = [shapes_video(split, index).visibility(11) for index in range(40)]
        areas = np.concatenate([frame.areas for frame in seen])
        visible = np.concatenate([frame.masks.sum(axis=(1, 2)) for frame in seen])
        return np.mean(1 - visible[areas > 0] / areas[areas > 0] > 0.2)

    assert hidden_share("hard") > hidden_share("val") + 0.05


def test_motion_is_a_few_pixels_per_frame():
    video = shapes_video("val", 0)
    for body in video.world.bodies:
        steps = np.diff([body.path(t) for t in range(24)], axis=0)
        assert np.hypot(*steps.T).max() < 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "vall", "index": 0}, "unknown split 'vall': did you mean 'val'?"),
        ({"split": "val", "index": 60}, "60 videos, numbered from 0, so no video 60"),
        ({"split": "train", "index": -1}, "no end, numbered from 0, so no video -1"),
        ({"split": "val", "index": 0, "size": (8, 8)}, "32 to 960 pixels a side, got (8, 8)"),
        ({"split": "val", "index": 0, "length": 0}, "at least 1 frame, got length 0"),
    ],
)
def test_a_video_that_is_not_there_is_refused(arguments, message):
    with pytest.raises(InputError) as caught:
        shapes_video(**arguments)
    assert message in str(caught.value)


def test_a_frame_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"frame 24 does not lie in 0\.\.23"):
        shapes_video("val", 0).frame(24)
