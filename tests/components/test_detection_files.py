"""Detections from files: label maps, npz, COCO results, one video or many."""

import json

import numpy as np
import pytest
import torch
from fakes import FakePropagator, Thing, World
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
        ({"boxes": [1]}, r"masks must be bool \(O, H, W\)"),
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
