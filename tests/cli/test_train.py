import subprocess
import sys

import pytest
from training_runs import preset, preset_file
from typer.testing import CliRunner
from videosets import write_youtube_vis, youtube_vis_data

from propose_reduce.cli.main import app
from propose_reduce.errors import InputError
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
