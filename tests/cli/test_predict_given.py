"""``predict --given``: masks in, the same objects in every output, judged without renaming."""

import json

import numpy as np
import pytest
from command_line import type_command
from PIL import Image

import propose_reduce
from propose_reduce import InputError, VideoResult

SIZE = ("--set", "model.long_side=64", "--set", "model.short_side=48")
PARTS = ("--propagator", "flow", "--device", "cpu", "--overlay", "none", *SIZE)
FRAMES = 5


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Two videos with two moving patches each, and their label maps, laid out as YouTube-VOS."""
    root = tmp_path_factory.mktemp("root")
    noise = np.random.default_rng(0).integers(80, 255, (2, 14, 14, 3), np.uint8)
    for name in ("walk", "run"):
        for folder in ("JPEGImages", "Annotations"):
            (root / folder / name).mkdir(parents=True)
        for t in range(FRAMES):
            image, labels = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
            for number, patch in enumerate(noise, start=1):
                rows = slice(5 + 20 * (number - 1), 19 + 20 * (number - 1))
                columns = slice(10 + 2 * t, 24 + 2 * t)
                image[rows, columns], labels[rows, columns] = patch, number
            Image.fromarray(image).save(root / f"JPEGImages/{name}/{t:05d}.png")
            Image.fromarray(labels).save(root / f"Annotations/{name}/{t:05d}.png")
    return root


def labels(scene, frame, name="walk"):
    return np.asarray(Image.open(scene / f"Annotations/{name}/{frame:05d}.png"))


def test_the_davis_round_trip_needs_no_renaming(scene, tmp_path):
    videos = [scene / "JPEGImages/walk", scene / "JPEGImages/run"]
    words = ("--given", scene, "--given-first", "--format", "davis", *PARTS)
    told = type_command("predict", *videos, "-o", tmp_path / "out", *words)
    assert (told.exit_code, told.stderr) == (0, "")
    assert "2 objects in 5 frames" in told.stdout
    judge = ("--task", "semi-supervised", "-o", tmp_path / "metrics.json")
    judged = type_command("evaluate", "davis", scene / "Annotations", tmp_path / "out", *judge)
    assert judged.exit_code == 0, judged.stderr
    assert json.loads((tmp_path / "metrics.json").read_text())["J&F-Mean"] > 0.9
    again = type_command("predict", *videos, "-o", tmp_path / "out", *words)
    assert again.stdout.count("done before") == 2
    other = type_command("predict", *videos, "-o", tmp_path / "out", *words, "--every", 2)
    assert "done before" not in other.stdout


def test_ids_of_sixteen_bits_stay_in_every_output(scene, tmp_path):
    (tmp_path / "given").mkdir()
    deep = np.array([0, 7, 3000], np.uint16)[labels(scene, 2)]
    Image.fromarray(deep).save(tmp_path / "given/00002.png")
    words = ("--given", tmp_path / "given", "--format", "davis", "--show-score", 1, *PARTS)
    told = type_command("predict", scene / "JPEGImages/walk", "-o", tmp_path / "out", *words)
    assert (told.exit_code, told.stderr) == (0, "")
    result = VideoResult.load(tmp_path / "out/walk")
    assert {one.id: one.key_frame for one in result} == {7: 2, 3000: 2}
    assert result.objects_given
    maps = np.stack(
        [np.asarray(Image.open(tmp_path / f"out/walk/davis/{t:05d}.png")) for t in range(FRAMES)]
    )
    assert (maps[2] == deep).all()
    for t in (0, 4):  # both ways
        truth = np.array([0, 7, 3000])[labels(scene, t)]
        assert (maps[t] == truth).mean() > 0.98


def test_youtube_vos_says_what_objects_are_and_where_they_come_in(scene, tmp_path):
    meta = {
        "videos": {
            "walk": {
                "objects": {
                    "1": {"category": "dog", "frames": ["00000", "00002"]},
                    "2": {"category": "cat", "frames": ["00002"]},
                }
            }
        }
    }
    for folder in ("Annotations/walk", "JPEGImages"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    first = np.where(labels(scene, 0) == 1, 1, 0).astype(np.uint8)
    Image.fromarray(first).save(tmp_path / "Annotations/walk/00000.png")
    late = np.where(labels(scene, 2) == 2, 2, 0).astype(np.uint8)
    Image.fromarray(late).save(tmp_path / "Annotations/walk/00002.png")
    words = ("--given", tmp_path / "Annotations", "--format", "davis", *PARTS)
    told = type_command("predict", scene / "JPEGImages/walk", "-o", tmp_path / "out", *words)
    assert (told.exit_code, told.stderr) == (0, "")
    found = {one.category: one for one in VideoResult.load(tmp_path / "out/walk")}
    assert (found["dog"].id, found["cat"].id) == (1, 2)
    assert [one is None for one in found["cat"].segmentations] == [True, True, False, False, False]
    # the truth of this task has objects that enter late, too
    truth = tmp_path / "truth/walk"
    truth.mkdir(parents=True)
    for t in range(FRAMES):
        seen = labels(scene, t) if t >= 2 else np.where(labels(scene, t) == 1, 1, 0)
        Image.fromarray(seen.astype(np.uint8)).save(truth / f"{t:05d}.png")
    judge = ("--task", "vos", "-o", tmp_path / "metrics.json")
    judged = type_command("evaluate", "davis", truth.parent, tmp_path / "out", *judge)
    assert judged.exit_code == 0, judged.stderr
    assert json.loads((tmp_path / "metrics.json").read_text())["J&F-Mean"] > 0.9


def test_python_takes_arrays(scene):
    frames = np.stack(
        [np.asarray(Image.open(scene / f"JPEGImages/walk/{t:05d}.png")) for t in range(FRAMES)]
    )
    options = {"propagator": "flow", "device": "cpu"}
    result = propose_reduce.segment(frames, given=labels(scene, 0) == 2, **options)
    (one,) = result
    assert (one.id, one.category, one.key_frame) == (1, "instance", 0)
    whole = {0: labels(scene, 0), 4: labels(scene, 4)}
    result = propose_reduce.segment(frames, given=whole, **options)
    assert (result[2].masks[4] == (labels(scene, 4) == 2)).all()
    first = propose_reduce.segment(frames, given=whole, given_first=True, **options)
    assert (first[2].masks[4] != (labels(scene, 4) == 2)).any()


def test_the_bundled_network_follows_what_is_given(scene):
    result = propose_reduce.segment(
        scene / "JPEGImages/walk",
        "shapes-tiny",
        given=scene / "Annotations/walk/00000.png",
        device="cpu",
        precision="fp32",
    )
    assert {one.id for one in result} == {1, 2}
    for one in result:
        assert (one.masks[0] == (labels(scene, 0) == one.id)).all()


def test_masks_of_no_object_and_of_all_frames_are_told(scene, tmp_path):
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(tmp_path / "empty.png")
    words = ("predict", scene / "JPEGImages/walk", "-o", tmp_path / "out", *PARTS)
    told = type_command(*words, "--given", tmp_path / "empty.png")
    assert told.exit_code == 0
    assert "the given label maps show no object" in told.stdout + told.stderr
    told = type_command(*words, "--given", scene)
    assert "--given-first" in told.stdout + told.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--given", "nowhere"), "the given masks 'nowhere' do not exist"),
        (("--given-first",), "--given-first says which of the masks of --given count"),
        (("--given", "{}", "--scorer", "key-frame"), "so no scorer is asked: leave out --scorer"),
        (("--given", "{}", "--prompt", "dog"), "leave out --prompt"),
        (("--given", "{}", "--keep-proposals"), "leave out --keep-proposals"),
        (("--given", "{}/JPEGImages/walk"), "is an image of mode RGB: write labels as palette"),
        (("--given", "{}", "--class", "dog"), "class"),
    ],
)
def test_a_mistake_is_one_line(scene, tmp_path, words, message):
    typed = [word.format(scene) for word in words]
    if "--class" in typed:
        typed[typed.index("--class")] = "--classes"
    told = type_command(
        "predict", scene / "JPEGImages/walk", "-o", tmp_path / "out", *PARTS, *typed
    )
    assert told.exit_code == 2
    assert message in told.stderr
    assert not (tmp_path / "out/walk/result.json").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((8, 8), np.uint8), "is 8 x 8 pixels and the video 64 x 48"),
        ({9: np.zeros((48, 64), np.uint8)}, r"given on frame 9, but there are 0\.\.4"),
        (np.zeros((48, 64)), "label map .* of whole numbers from 0, got float64"),
        (np.full((48, 64), -1), "of whole numbers from 0"),
    ],
)
def test_a_faulty_array_is_refused(scene, given, message):
    with pytest.raises(InputError, match=message):
        propose_reduce.segment(
            scene / "JPEGImages/walk", given=given, propagator="flow", device="cpu"
        )


def test_a_faulty_meta_file_is_refused(scene, tmp_path):
    (tmp_path / "walk").mkdir()
    Image.fromarray(labels(scene, 0)).save(tmp_path / "walk/00000.png")
    (tmp_path / "meta.json").write_text('{"videos": {"walk": {"objects": 3}}}')
    with pytest.raises(InputError, match=r"meta\.json of YouTube-VOS: videos\.walk"):
        propose_reduce.segment(
            scene / "JPEGImages/walk", given=tmp_path, propagator="flow", device="cpu"
        )
