"""``analyze ablation`` through the command line, with a tiny network that knows nothing."""

import csv
import json
import sys

import pytest
import torch
from typer.testing import CliRunner

from propose_reduce.ablation import FILES
from propose_reduce.cli import main as frame
from propose_reduce.data.shapes.export import export_shapes
from propose_reduce.models.build import build
from propose_reduce.models.weights import save_weights
from propose_reduce.settings import InferenceSettings, ModelSettings, category_set

MODEL = ModelSettings(
    categories=category_set("shapes"),
    backbone="resnet10t",
    pyramid_channels=8,
    box_channels=8,
    mask_channels=8,
    mask_layers=1,
    propagation_channels=8,
    key_channels=4,
    frozen_stages=0,
    long_side=64,
    short_side=64,
)
# whatever a network without training sees is let through
INFERENCE = InferenceSettings.model_validate({"propose": {"min_score": 0, "max_objects": 2}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two rendered videos, cut to 4 frames, and weights drawn by lot."""
    folder = tmp_path_factory.mktemp("ablation")
    data = export_shapes(folder / "shapes", videos=2)
    for video in data["videos"]:
        video["file_names"] = video["file_names"][:4]
        video["length"] = 4
    for annotation in data["annotations"]:
        for name in ("segmentations", "bboxes", "areas", "occlusions"):
            annotation[name] = annotation[name][:4]
        annotation["length"] = 4
    (folder / "shapes" / "annotations.json").write_text(json.dumps(data))
    torch.manual_seed(0)
    save_weights(folder / "tiny.safetensors", build(MODEL), MODEL, INFERENCE, {})
    return folder


def arguments(folder, output, *more):
    shapes = folder / "shapes"
    command = ["analyze", "ablation", shapes / "annotations.json", "--images"]
    command += [shapes / "JPEGImages", "--weights", folder / "tiny.safetensors", "-o", output]
    return [*map(str, command), "--device", "cpu", "--precision", "fp32", *more]


def test_a_data_set_in_and_a_row_per_variant_out_and_again_from_what_is_stored(folder, tmp_path):
    grid = ["--grid", "propose.key_frames=1,2", "--grid", "reduce.kind=hard,soft"]
    settings = ["--set", "inference.propose.key_frames=2"]
    command = arguments(folder, tmp_path / "out", *grid, *settings)
    answer = CliRunner().invoke(frame.app, command, catch_exceptions=False)
    assert answer.exit_code == 0
    assert "propose.key_frames=1" in answer.output
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FILES, "rows"}
    text = (tmp_path / "out" / "ablation.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    tried = [(row["propose.key_frames"], row["reduce.kind"]) for row in rows]
    assert tried == [("2", "hard"), ("1", "hard"), ("2", "soft")]
    before = [int(row["sequences_before"]) for row in rows]
    assert before[0] == before[2] > before[1] > 0
    assert CliRunner().invoke(frame.app, command).exit_code == 0
    assert (tmp_path / "out" / "ablation.csv").read_text() == text  # the seconds are the same too


def test_videos_takes_the_first_of_them(folder, tmp_path):
    more = ["--videos", "1", "--full", "--grid", "propose.key_frames=1"]
    answer = CliRunner().invoke(frame.app, arguments(folder, tmp_path, *more))
    assert answer.exit_code == 0
    source = json.loads((tmp_path / "ablation.json").read_text())["source"]
    assert source["data"]["videos"] == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--grid", "propose.keyframes=1"], "did you mean 'key_frames'"),
        (["--grid", "reduce.iou"], "must read name.name=value,value"),
        (["--device", "abacus"], "unknown device 'abacus'"),
        (["--precision", "fp8"], "unknown precision 'fp8'"),
        (["--preset", "nothing"], "unknown preset 'nothing'"),
        (["--preset", "coco_sam2"], "preset 'coco_sam2' names other components"),
        (["--set", "model.backbone=resnet50"], "is fixed once trained"),
    ],
)
def test_a_mistake_ends_with_2_before_anything_is_run(
    folder, tmp_path, monkeypatch, capsys, more, message
):
    command = arguments(folder, tmp_path / "out", *more)
    monkeypatch.setattr(sys, "argv", ["propose-reduce", *command])
    with pytest.raises(SystemExit) as stop:
        frame.main()
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
