"""``propose-reduce convert`` from the command line."""

import timm
import torch
from typer.testing import CliRunner

from propose_reduce.cli.main import app
from propose_reduce.errors import InputError
from propose_reduce.models.weights import load_weights


def convert(*arguments):
    return CliRunner().invoke(app, ["convert", *map(str, arguments)])


def test_a_checkpoint_becomes_a_weights_file_and_a_table(tmp_path):
    checkpoint, output = tmp_path / "resnet.pth", tmp_path / "own.safetensors"
    torch.save(timm.create_model("resnet10t").state_dict(), checkpoint)
    answer = convert(checkpoint, "-o", output, "--preset", "shapes_tiny")
    assert answer.exit_code == 0, answer.output
    for word in ("loaded", "dropped", "initialised", "prop_head"):
        assert word in answer.output
    assert load_weights(output).settings.backbone == "resnet10t"


def test_a_mistake_is_an_input_error(tmp_path):
    answer = convert(tmp_path / "nowhere.pth", "-o", tmp_path / "own.safetensors")
    assert isinstance(answer.exception, InputError)
    assert "cannot be read" in str(answer.exception)


def test_the_help_says_that_the_authors_weights_carry_no_clear_licence():
    assert "no clear licence" in " ".join(convert("--help").output.split())
