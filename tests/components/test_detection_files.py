"""Detections from files: label maps, npz, COCO results, one video or many."""

import json
import os
from contextlib import suppress

import numpy as np
import pytest
import torch
from fakes import FakePropagator, Thing, World
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from propose_reduce import rle
from propose_reduce.components.detection_files import DetectionFiles
from propose_reduce.components.scorers import KeyFrameScorer
from propose_reduce.errors import InputError
from propose_reduce.paradigm.pipeline import segment_clip
from propose_reduce.paradigm.windows import window_of
from propose_reduce.settings import InferenceSettings
from propose_reduce.structures import Clip

SIZE = (8, 12)
LEFT, RIGHT = np.zeros((2, *SIZE), dtype=bool)
LEFT[2:6, :4] = True
RIGHT[2:6, 6:] = True
NAMED = {"1": "dog", "2": "cat"}


def clip(frames=3, working=SIZE):
    return Clip(np.zeros((frames, *SIZE, 3), dtype=np.uint8), working, SIZE)


def write_map(path, palette=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = LEFT.astype(np.uint8) + 2 * RIGHT.astype(np.uint8)
    labels[0] = 255  # void
    image = Image.fromarray(labels)
    if palette:
        image = image.convert("P")
        image.putpalette([0] * 768)
    image.save(path)


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def result(mask, **fields):
    return {"image_id": 1, "category_id": 1, "segmentation": rle.encode(mask), **fields}


def seen(source, frame, **options):
    """Return what is proposed as (mask, scores) pairs of arrays."""
    found = DetectionFiles(source, **options).propose(clip(), frame)
    return list(zip(found.masks.numpy(), found.class_scores.numpy().round(3).tolist(), strict=True))


def same(mask, expected):
    return np.array_equal(mask, expected)


def test_every_number_of_a_label_map_is_an_object_and_void_is_none(tmp_path):
    write_map(tmp_path / "00001.png")
    (left, one), (right, two) = seen(tmp_path, 1)
    assert same(left, LEFT)
    assert same(right, RIGHT)
    assert one == two == [0.0, 1.0]
    assert DetectionFiles(tmp_path).categories == ("instance",)


def test_frames_without_a_file_propose_nothing(tmp_path):
    write_map(tmp_path / "00001.png")
    found = DetectionFiles(tmp_path).propose(clip(), 2)
    assert found.masks.shape == (0, *SIZE)
    assert found.class_scores.shape == (0, 2)


def test_masks_come_at_the_working_size(tmp_path):
    write_map(tmp_path / "0.png")
    found = DetectionFiles(tmp_path).propose(clip(working=(16, 24)), 0)
    expected = LEFT.repeat(2, axis=0).repeat(2, axis=1)
    assert same(found.masks[0].numpy(), expected)


def test_each_video_has_its_folder(tmp_path):
    write_map(tmp_path / "walk" / "00000.png")
    write_json(tmp_path / "categories.json", NAMED)
    write_json(tmp_path / "run" / "categories.json", {"1": "horse"})
    (left, one), (_, two) = seen(tmp_path, 0, video="walk")
    assert same(left, LEFT)
    assert (one, two) == ([0, 1, 0], [0, 0, 1])  # object 1 is a dog, object 2 a cat
    assert DetectionFiles(tmp_path, video="run").categories == ("horse",)
    with pytest.raises(InputError, match=r"no detections of 'swim': expected 'swim/00000\.png'"):
        DetectionFiles(tmp_path, video="swim")


def test_arrays_carry_scores_and_labels(tmp_path):
    write_json(tmp_path / "categories.json", NAMED)
    np.savez(tmp_path / "2.npz", masks=[LEFT, RIGHT], scores=[0.25, 0.75], labels=[1, 2])
    (right, best), (left, worse) = seen(tmp_path, 2)
    assert same(right, RIGHT)
    assert same(left, LEFT)
    assert (best, worse) == ([0.25, 0, 0.75], [0.75, 0.25, 0])
    assert len(seen(tmp_path, 2, min_score=0.5)) == 1


@pytest.mark.parametrize("many", [0, 300])
def test_arrays_may_hold_nothing_or_many(tmp_path, many):
    np.savez(tmp_path / "0.npz", masks=np.ones((many, 4, 6), dtype=np.uint8))
    assert len(seen(tmp_path, 0)) == many


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"boxes": [1]}, r"must hold masks, bool \(O, H, W\); it has boxes"),
        ({}, "it has nothing"),
        ({"masks": LEFT}, r"got bool \(8, 12\)"),
        ({"masks": [LEFT], "scores": [1.5]}, r"scores must be 1 numbers in \[0, 1\], got \[1.5\]"),
        ({"masks": [LEFT], "scores": [np.nan]}, "scores must be"),
        ({"masks": [LEFT], "scores": ["high"]}, "scores must be"),
        ({"masks": np.ones((1, 0, 0), bool)}, r"masks must be bool \(O, H, W\)"),
        ({"masks": [LEFT], "labels": [1, 2]}, "labels must be 1 whole numbers"),
        ({"masks": [LEFT], "labels": ["dog"]}, "labels must be 1 whole numbers"),
    ],
)
def test_arrays_that_are_no_detections_are_refused(tmp_path, arrays, fault):
    np.savez(tmp_path / "0.npz", **arrays)
    with pytest.raises(InputError, match=fault):
        seen(tmp_path, 0)


@pytest.mark.parametrize("name", ["0.npz", "0.png"])
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\3\4nothing")
    with pytest.raises(InputError, match=f"{name}' "):
        seen(tmp_path, 0)


def test_results_may_be_run_lengths_of_any_size_or_polygons(tmp_path):
    polygon = [[6.0, 2.0, 12.0, 2.0, 12.0, 6.0, 6.0, 6.0]]
    large = LEFT.repeat(3, axis=0).repeat(3, axis=1)
    write_json(
        tmp_path / "walk.json",
        [result(large, score=0.5), result(LEFT, segmentation=polygon, score=0.75)],
    )
    (right, best), (left, worse) = seen(tmp_path, 1, video="walk")
    assert same(right, RIGHT)
    assert same(left, LEFT)
    assert (best, worse) == ([0.25, 0.75], [0.5, 0.5])


def test_one_file_may_hold_several_videos_and_name_its_categories(tmp_path):
    file = tmp_path / "all.json"
    images = [{"id": 7, "file_name": "walk/00002.jpg"}, {"id": 8, "file_name": "run/00002.jpg"}]
    write_json(
        file,
        {
            "images": images,
            "categories": [{"id": 3, "name": "dog"}, {"id": 9, "name": "cat"}],
            "annotations": [
                result(LEFT, image_id=7, category_id=9),
                result(RIGHT, image_id=8, category_id=3),
            ],
        },
    )
    ((mask, scores),) = seen(file, 2, video="walk")
    assert same(mask, LEFT)
    assert scores == [0, 0, 1]
    ((mask, scores),) = seen(file, 2, video="run")
    assert same(mask, RIGHT)
    assert scores == [0, 1, 0]


def test_a_results_file_may_name_frames_by_file(tmp_path):
    write_json(tmp_path / "detections.json", [result(LEFT, file_name="00002.png", image_id=None)])
    assert len(seen(tmp_path, 2)) == 1
    assert seen(tmp_path, 1) == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (5, "annotations: must be a list"),
        ([{"image_id": 0}], r"annotations\[0\].segmentation"),
        ([result(LEFT, score=2)], r"annotations\[0\].score: .*got 2"),
        ([result(LEFT, image_id=None)], "image 'None' is not a frame number"),
        ([result(LEFT, file_name="dog.jpg")], "image 'dog' is not a frame number"),
        ([result(LEFT, segmentation={"size": [8, 12], "counts": "1"})], "runs fill 1 pixels"),
        ([result(LEFT, segmentation="1")], "run lengths or a list of polygons"),
        ([result(LEFT, segmentation={"size": [2**80, 2], "counts": "1"})], "segmentation of frame"),
        ([result(LEFT, segmentation={"size": [-1, 2], "counts": "1"})], "segmentation of frame"),
        ([result(LEFT, category_id=2**63)], r"annotations\[0\].category_id"),
    ],
)
def test_results_that_are_none_are_refused(tmp_path, content, fault):
    write_json(tmp_path / "detections.json", content)
    with pytest.raises(InputError, match=fault):
        seen(tmp_path, 1)


def test_an_unknown_category_is_named(tmp_path):
    write_map(tmp_path / "0.png")
    write_json(tmp_path / "categories.json", {"1": "dog"})
    with pytest.raises(InputError, match=r"frame 0: no name for category 2.*known: 1"):
        seen(tmp_path, 0)


@pytest.mark.parametrize("content", [{"dog": 1}, {"1": 2}])
def test_categories_are_numbers_with_names(tmp_path, content):
    write_map(tmp_path / "0.png")
    write_json(tmp_path / "categories.json", content)
    with pytest.raises(InputError, match="must map numbers to names"):
        DetectionFiles(tmp_path)


FRAMES = ("00000", "00005", "00010", "00015")


def told(source, frames=FRAMES, at=1, **options):
    """Return how many objects are proposed on a frame, and what is said."""
    notes = []
    proposer = DetectionFiles(source, frames=frames, warn=notes.append, **options)
    return len(proposer.propose(clip(len(frames)), at)), notes


@pytest.mark.parametrize("name", ["00005.png", "5.png", "00005.tif", "0005.TIFF"])
def test_a_file_belongs_to_the_frame_of_its_name_and_not_of_its_place(tmp_path, name):
    write_map(tmp_path / name)
    assert told(tmp_path) == (2, [])
    assert told(tmp_path, at=0) == (0, [])


def test_frames_may_have_any_names(tmp_path):
    write_map(tmp_path / "walk" / "dog b.png")
    assert told(tmp_path, ("dog a", "dog b"), video="walk") == (2, [])


def test_numbers_of_frames_that_are_named_otherwise_count_them_which_is_said(tmp_path):
    write_map(tmp_path / "00001.png")
    count, (note,) = told(tmp_path, ("a", "b", "c"))
    assert count == 2
    assert "count the frames from 0, for their names, 'a' to 'c', are not numbers" in note


def test_files_of_no_frame_are_named(tmp_path):
    for name in ("00005.png", "00007.png", "preview.png"):
        write_map(tmp_path / name)
    count, (note,) = told(tmp_path)
    assert count == 2
    assert note.startswith(f"2 of 3 frames with detections in '{tmp_path}' are not in this video")
    assert "the first is '00007.png', while frames are called '00000' to '00015'" in note


def test_files_that_are_all_of_other_frames_are_refused(tmp_path):
    write_map(tmp_path / "00001.png")
    with pytest.raises(
        InputError, match=r"nothing in it belongs to a frame .* '00001\.png', while"
    ):
        told(tmp_path)


def test_all_files_are_read_before_the_first_frame_is_answered(tmp_path):
    write_map(tmp_path / "00000.png")
    (tmp_path / "00015.png").write_text("no image")
    with pytest.raises(InputError, match=r"00015\.png' is"):
        told(tmp_path, at=0)
    write_json(tmp_path / "walk.json", [result(LEFT), result(LEFT, segmentation="1", image_id=9)])
    with pytest.raises(InputError, match=r"annotations\[1\]: segmentation of frame 9"):
        DetectionFiles(tmp_path, video="walk").propose(clip(), 0)


def test_more_objects_than_are_followed_are_told(tmp_path):
    for name, count in (("00000.npz", 3), ("00005.npz", 5), ("00010.npz", 1)):
        np.savez(tmp_path / name, masks=np.ones((count, 4, 6), bool))
    _, (note,) = told(tmp_path, max_objects=2)
    assert "on 2 frames" in note
    assert "more than 2 objects, 5 on frame '00005'" in note
    assert "raise --max-objects" in note
    assert told(tmp_path, max_objects=5) == (5, [])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("numbers", [[300, 255], [1001, 2003]])
def test_label_maps_may_have_16_bits(tmp_path, suffix, numbers):
    labels = (LEFT * numbers[0] + RIGHT * numbers[1]).astype(np.uint16)
    Image.fromarray(labels).save(tmp_path / f"00001{suffix}")
    assert [mask.sum() for mask, _ in seen(tmp_path, 1)] == (
        [RIGHT.sum(), LEFT.sum()] if numbers[1] < numbers[0] else [LEFT.sum(), RIGHT.sum()]
    )


def test_the_ignored_region_of_mots_maps_is_no_object(tmp_path):
    labels = (LEFT * 2001 + RIGHT * 10000).astype(np.uint16)
    Image.fromarray(labels).save(tmp_path / "00001.png")
    ((mask, _),) = seen(tmp_path, 1)
    assert same(mask, LEFT)


def test_a_picture_in_the_place_of_a_label_map_is_refused(tmp_path):
    Image.fromarray(np.arange(60 * 50, dtype=np.uint16).reshape(60, 50)).save(tmp_path / "1.png")
    with pytest.raises(InputError, match="has 2999 values: in a label map each is an object"):
        seen(tmp_path, 1)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float64, np.int64])
@pytest.mark.parametrize("shape", [(0,), (0, 4, 6), (0, 0, 0)])
def test_an_npz_may_hold_no_masks_of_any_type(tmp_path, dtype, shape):
    np.savez(tmp_path / "1.npz", masks=np.zeros(shape, dtype), scores=np.zeros(0), labels=[])
    assert seen(tmp_path, 1) == []


def test_an_npz_that_unpacks_to_more_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("propose_reduce.components.detection_files.MOST_BYTES", 10_000)
    np.savez_compressed(tmp_path / "1.npz", masks=np.zeros((20, 100, 100), bool))
    with pytest.raises(InputError, match=r"unpacks to .* keep fewer masks"):
        seen(tmp_path, 1)


def sequence(*masks, **fields):
    encoded = [None if mask is None else rle.encode(mask) for mask in masks]
    return {"video_id": 1, "category_id": 1, "score": 0.5, "segmentations": encoded, **fields}


def test_youtube_vis_results_are_proposals_on_every_frame_where_they_are(tmp_path):
    write_json(tmp_path / "walk.json", [sequence(LEFT, RIGHT, None), sequence(None, LEFT, None)])
    assert [len(seen(tmp_path, t, video="walk")) for t in range(3)] == [1, 2, 0]
    ((mask, scores),) = seen(tmp_path, 0, video="walk")
    assert same(mask, LEFT)
    assert scores == [0.5, 0.5]
    by_place = told(tmp_path / "walk.json", ("00000", "00005", "00010"), at=1)
    assert by_place == (2, [])
    by_number = told(tmp_path / "walk.json", ("1", "2"), at=0)
    assert by_number[0] == 2
    with pytest.raises(InputError, match="sequences of 3 frames, the video has 4"):
        told(tmp_path / "walk.json")


def test_youtube_vis_annotations_name_their_videos_frames_and_categories(tmp_path):
    videos = [
        {"id": 1, "file_names": ["JPEGImages/run/0.jpg", "JPEGImages/run/5.jpg"]},
        {"id": 2, "file_names": ["walk/00005.jpg", "walk\\00000.jpg"]},
    ]
    content = {
        "videos": videos,
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [sequence(LEFT, None), sequence(RIGHT, LEFT, video_id=2)],
    }
    write_json(tmp_path / "all.json", content)
    ((mask, scores),) = seen(tmp_path / "all.json", 0, video="walk", frames=FRAMES)
    assert same(mask, LEFT)
    assert scores == [0.5, 0.5]
    ((mask, _),) = seen(tmp_path / "all.json", 1, video="walk", frames=FRAMES)
    assert same(mask, RIGHT)
    with pytest.raises(InputError, match="holds several videos and none of them is called 'swim'"):
        DetectionFiles(tmp_path / "all.json", video="swim")


def test_mots_text_is_read_without_its_ignored_regions(tmp_path):
    left, right = (rle.encode(mask)["counts"] for mask in (LEFT, RIGHT))
    lines = [f"5 2001 2 8 12 {left}", f"5 1001 1 8 12 {right}", f"5 10000 10 8 12 {left}", ""]
    (tmp_path / "walk.txt").write_text("\n".join(lines))
    (first, one), (second, two) = seen(tmp_path, 1, video="walk", frames=FRAMES)
    assert same(first, LEFT)
    assert same(second, RIGHT)
    assert (one, two) == ([0, 0, 1], [0, 1, 0])  # a person, a car
    (tmp_path / "walk.txt").write_text("5 2001 2 8 12\n")
    with pytest.raises(InputError, match=r"line 1: must read 'frame id class height width counts'"):
        DetectionFiles(tmp_path, video="walk")


@pytest.mark.parametrize("name", ["1.npz", "1.png", "walk.json", "walk.txt"])
def test_a_pipe_in_the_place_of_a_file_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="is a pipe or a device"):
        DetectionFiles(tmp_path, video="walk", frames=("0", "1")).propose(clip(2), 0)


@given(st.binary(max_size=60), st.sampled_from(["1.npz", "1.png", "walk.json", "walk.txt"]))
def test_bytes_of_any_kind_are_no_other_error(tmp_path_factory, content, name):
    folder = tmp_path_factory.mktemp("bytes")
    (folder / name).write_bytes(content)
    with suppress(InputError):
        DetectionFiles(folder, video="walk").propose(clip(2), 0)


def test_two_files_for_one_frame_are_refused(tmp_path):
    write_map(tmp_path / "0.png")
    write_map(tmp_path / "00000.png")
    with pytest.raises(InputError, match="are one frame's"):
        DetectionFiles(tmp_path)


def test_a_folder_that_is_missing_or_holds_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"holds no detections: expected '00000\.png'"):
        DetectionFiles(tmp_path)
    with pytest.raises(InputError, match="holds no detections"):
        DetectionFiles(tmp_path / "nowhere")


def test_the_whole_pipeline_runs_on_the_files_of_a_late_key_frame(tmp_path):
    world = World((Thing("instance", 1.0, (2, 2, 10, 10)),), categories=("instance",))
    np.savez(tmp_path / "4.npz", masks=world.masks(4).numpy())
    sequences = segment_clip(
        world.clip(),
        DetectionFiles(tmp_path),
        FakePropagator(world),
        KeyFrameScorer(),
        InferenceSettings(),
    )
    assert [(s.category, s.key_frame, s.score) for s in sequences] == [("instance", 4, 1.0)]
    assert torch.equal(torch.from_numpy(sequences[0].masks[0]), world.masks(0)[0])


def test_a_window_of_a_clip_asks_for_its_frames_by_their_place_in_the_whole(tmp_path):
    write_map(tmp_path / "00004.png")
    window = window_of(clip(frames=6), range(3, 6))
    proposer = DetectionFiles(tmp_path)
    assert [len(proposer.propose(window, frame)) for frame in range(3)] == [0, 2, 0]


def test_masks_of_the_videos_size_are_kept_as_they_are_beside_the_smaller_ones(tmp_path):
    np.savez(tmp_path / "00000.npz", masks=[LEFT, RIGHT], scores=[0.4, 0.9], labels=[1, 1])
    write_json(tmp_path / "film.json", [result(LEFT, image_id=0)])
    for source, expected in ((tmp_path, [RIGHT, LEFT]), (tmp_path / "film.json", [LEFT])):
        found = DetectionFiles(source).propose(clip(working=(4, 6)), 0)
        assert found.masks.shape[1:] == (4, 6)
        same(np.stack([rle.decode(mask) for mask in found.given]), np.stack(expected))
    np.savez(tmp_path / "00000.npz", masks=[LEFT[::2, ::2]])
    assert DetectionFiles(tmp_path).propose(clip(working=(4, 6)), 0).given == ()
