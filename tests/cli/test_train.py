import json
import re
import subprocess
import sys

import pytest
from checkpoints import library_state, save_library
from training_runs import preset, preset_file
from typer.testing import CliRunner
from videosets import write_youtube_vis, youtube_vis_data

from propose_reduce.cli.main import app
from propose_reduce.errors import InputError
from propose_reduce.models.convert.convert import convert
from propose_reduce.models.weights import load_weights
from propose_reduce.training.module import TrainingModule


def run(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)], catch_exceptions=True)


def test_a_run_by_a_file_of_ones_own_with_own_data_and_settings(tmp_path):
    file = preset_file(tmp_path, preset())
    data, _ = write_youtube_vis(tmp_path)
    out = tmp_path / "run"
    result = run(file, "-o", out, "--data", data, "--set", "training.stages.only.steps=1")
    assert result.exit_code == 0, result.exception
    assert f"trained -> {out / 'weights.safetensors'}" in result.stdout.replace("\n", "")
    loaded = load_weights(out / "weights.safetensors")
    assert loaded.settings.categories == ("cat", "dog")
    again = run(
        file,
        "-o",
        tmp_path / "next",
        "--init",
        out / "weights.safetensors",
        "--batch-size",
        "2",
        "--set",
        "training.stages.only.steps=1",
    )
    assert again.exit_code == 0, again.exception


def test_a_bundled_model_goes_on_learning_from_ones_own_data(tmp_path):
    data, _ = write_youtube_vis(tmp_path)
    out = tmp_path / "run"
    small = ("--set", "model.long_side=96", "--set", "model.short_side=64")
    result = run(
        "finetune", "-o", out, "--init", "shapes-tiny", "--data", data, "--steps", 1, *small
    )
    assert result.exit_code == 0, result.exception
    for said in ("on the CPU", "from 'shapes-tiny.safetensors': ", "stage 'finetune': 1 steps"):
        assert said in result.output
    assert f"next: propose-reduce predict VIDEO -o out --weights {out}" in result.output
    loaded = load_weights(out / "weights.safetensors")
    assert loaded.settings.categories == ("cat", "dog")
    assert (loaded.settings.backbone, loaded.settings.long_side) == ("resnet10t", 96)
    assert loaded.inference.reduce.vote


def test_steps_are_those_of_the_only_stage(tmp_path):
    chosen = preset_file(tmp_path, preset({"one": {}, "two": {}}))
    result = run(chosen, "-o", tmp_path / "run", "--learning-rate", "0.1")
    says = "--learning-rate is for presets of one stage, and '.*' has one, two: "
    says += r"--set training.stages.one.learning_rate=0\.1$"
    assert re.search(says, str(result.exception))


def tiny_sources(folder):
    """Write the three files of the paper's training as it names them, tiny, and return settings."""
    video, frames = write_youtube_vis(folder)
    stills = json.loads(video.read_text())
    masks = [one["segmentations"][0] for one in stills["annotations"]]
    coco = {
        "images": [{"id": 1, "file_name": "a/00000.jpg", "height": 24, "width": 40}],
        "categories": [
            *stills["categories"],
            *({"id": id_, "name": name} for id_, name in ((4, "motorcycle"), (5, "car"))),
            {"id": 6, "name": "mouse"},
        ],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": one["category_id"],
                "iscrowd": 0,
                "segmentation": mask,
                "area": 100,
                "bbox": one["bboxes"][0],
            }
            for number, (one, mask) in enumerate(zip(stills["annotations"], masks, strict=True), 1)
        ],
    }
    (folder / "coco.json").write_text(json.dumps(coco))
    names = {"coco": folder / "coco.json", "youtube_vis": video}
    settings = ["training.workers=0", "training.precision=float32"]
    for name, file in names.items():
        settings += [
            f"training.sources.{name}.annotations={file}",
            f"training.sources.{name}.images={frames}",
        ]
    return settings


def test_the_papers_training_from_a_detectron2_checkpoint(tmp_path):
    """As docs/training.md says: convert, then both stages, on a few frames of a few pixels."""
    name = "detectron2_r101"
    file = save_library(name, library_state(name), tmp_path)
    convert(file, tmp_path / "coco.safetensors", "youtube_vis_2019_r101")
    settings = [
        *tiny_sources(tmp_path),
        "model.long_side=64",
        "model.short_side=64",
        "training.stages.main.steps=1",
        "training.stages.finetune.steps=1",
        "training.stages.main.batch_size=1",
        "training.stages.finetune.batch_size=1",
    ]
    options = [part for setting in settings for part in ("--set", setting)]
    out = tmp_path / "run"
    result = run(
        "youtube_vis_2019_r101", "-o", out, "--init", tmp_path / "coco.safetensors", *options
    )
    assert result.exit_code == 0, result.exception
    assert "random in that file: " in result.output
    assert "an image detector has no Seq-Prop head" in result.output
    loaded = load_weights(out / "weights.safetensors").settings
    assert (loaded.stride_in, loaded.pixel_std, loaded.roi_samples) == ("1x1", (1, 1, 1), 0)


def test_a_weights_file_may_have_any_name(tmp_path):
    chosen = preset_file(tmp_path, preset())
    result = run(chosen, "-o", tmp_path / "run", "--init", tmp_path / "a: b #2.safetensors")
    assert isinstance(result.exception, InputError)
    assert "a: b #2.safetensors' cannot be read" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "training.stages.olny.steps=1"), "unknown stage 'olny': did you mean 'only'?"),
        (("--images", "there"), "--images 'there' belongs to --data, which is not given"),
    ],
)
def test_a_mistake_is_told_before_anything_begins(tmp_path, arguments, message):
    result = run(preset_file(tmp_path, preset()), "-o", tmp_path / "run", *arguments)
    assert str(result.exception) == message
    assert not (tmp_path / "run").exists()


@pytest.mark.process
def test_without_the_extra_it_says_how_to_get_it(tmp_path):
    without = (
        "import sys; sys.modules['lightning'] = None; from propose_reduce.cli.main import main"
    )
    line = [sys.executable, "-c", f"{without}; main()", "train", "shapes_tiny", "-o", "run"]
    result = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 2
    assert "which is not installed: pip install '.[train]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_faulty_data_shows_the_list_of_data_check(tmp_path):
    data = youtube_vis_data()
    data["annotations"][0]["category_id"] = 4
    file, _ = write_youtube_vis(tmp_path, data)
    chosen = preset_file(tmp_path, preset())
    result = run(chosen, "-o", tmp_path / "run", "--data", file)
    assert isinstance(result.exception, InputError)
    assert "1 fault" in str(result.exception)
    assert "annotations[0].category_id" in result.output


def test_ctrl_c_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupted(self, batch, batch_index):
        raise KeyboardInterrupt

    monkeypatch.setattr(TrainingModule, "training_step", interrupted)
    result = run(preset_file(tmp_path, preset()), "-o", tmp_path / "run")
    assert result.exit_code == 130
    assert "stopped; --resume goes on from the last checkpoint" in result.output


@pytest.mark.parametrize("size", ["0", "-2", "many"])
def test_a_batch_size_is_a_number_or_auto(tmp_path, size):
    result = run("shapes_tiny", "-o", tmp_path / "run", "--batch-size", size)
    assert isinstance(result.exception, InputError)
    assert size in str(result.exception)
    assert not (tmp_path / "run").exists()
