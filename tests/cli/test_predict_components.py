"""``predict`` with components by name, end to end: masks from files, optical flow, no weights."""

import sys

import numpy as np
import pytest
from PIL import Image

from propose_reduce.cli import main as frame
from propose_reduce.results import VideoResult

SIZE = ("--set", "model.long_side=64", "--set", "model.short_side=48")
PARTS = ("--propagator", "flow", "--scorer", "key-frame", "--device", "cpu", *SIZE)


@pytest.fixture
def predict(monkeypatch, capsys):
    """Return a function that types ``propose-reduce predict ..``."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["propose-reduce", "predict", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            frame.main()
        output = capsys.readouterr()
        return stop.value.code, output.out, output.err

    return run


@pytest.fixture
def clip(tmp_path):
    """Six frames of 48 x 64 in which a patch moves right by 2 pixels, with its masks."""
    patch = np.random.default_rng(0).integers(80, 255, (16, 16, 3), np.uint8)
    for folder in ("video", "masks/video"):
        (tmp_path / folder).mkdir(parents=True)
    for t in range(6):
        image, mask = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
        columns = slice(10 + 2 * t, 26 + 2 * t)
        image[16:32, columns], mask[16:32, columns] = patch, 1
        Image.fromarray(image).save(tmp_path / f"video/{t:05d}.png")
        Image.fromarray(mask).save(tmp_path / f"masks/video/{t:05d}.png")
    return tmp_path


def test_masks_from_files_are_followed_by_flow(predict, clip):
    words = (clip / "video", "-o", clip / "out", "--proposer", f"file:{clip / 'masks'}", *PARTS)
    code, told, complaints = predict(*words)
    assert (code, complaints) == (0, "")
    assert ": 1 object in 6 frames, " in told
    (found,) = VideoResult.load(clip / "out/video/result.json").sequences
    for t, mask in enumerate(found.masks):
        truth = np.asarray(Image.open(clip / f"masks/video/{t:05d}.png")) > 0
        assert (mask & truth).sum() / (mask | truth).sum() > 0.8
    assert "done before" in predict(*words)[1]
    assert "done before" not in predict(*words, "--paradigm", "track-by-detect")[1]


def test_short_clips_of_any_components_are_matched(predict, clip):
    words = ("--proposer", f"file:{clip / 'masks'}", *PARTS, "--paradigm", "clip-match")
    seen = ("--set", "inference.link.reach=2", "--overlay", "none")
    code, told, _ = predict(clip / "video", "-o", clip / "out", *words, *seen)
    assert (code, ": 1 object in 6 frames, " in told) == (0, True)
    (found,) = VideoResult.load(clip / "out/video/result.json").sequences
    assert all(mask is not None and mask.any() for mask in found.masks)


def test_the_baseline_needs_the_proposer_alone(predict, clip):
    words = ("--proposer", f"file:{clip / 'masks'}", "--paradigm", "track-by-detect", *SIZE)
    code, told, _ = predict(clip / "video", "-o", clip / "out", "--overlay", "none", *words)
    assert (code, ": 1 object in 6 frames, " in told) == (0, True)
    settings = VideoResult.load(clip / "out/video/result.json").settings
    assert settings["components"] == {"proposer": f"file:{clip / 'masks'}"}
    assert "weights" not in settings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--proposer", "hf:nobody/nothing"), "nobody/nothing"),
        (("--propagator", "sam2:nobody/nothing"), "nobody/nothing"),
        (("--propagator", "file:masks"), "it is a proposer; known: seq-mask-rcnn, sam2:ID|FOLDER"),
        (("--proposer", "file:nowhere"), "nowhere"),
        (("--proposer", "file:masks", "--prompt", "dog"), "takes no prompts"),
        (
            ("--proposer", "file:masks", "--weights", "shapes-tiny"),
            "no component would use the weights",
        ),
        (("--paradigm", "trac"), "inference.paradigm = 'trac'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(predict, clip, monkeypatch, arguments, message):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the variable's effect
    monkeypatch.chdir(clip)
    components = ("--proposer", "file:masks", *PARTS, *arguments)
    code, told, complaints = predict("video", "-o", "out", *components)
    assert (code, told) == (2, "")
    assert message in complaints
    assert complaints.startswith("propose-reduce: ")
    assert complaints.count("\n") == 1
