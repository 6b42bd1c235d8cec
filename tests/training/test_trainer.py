import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch.tuner.tuning import Tuner
from safetensors.torch import load_file
from training_runs import network, preset, preset_file
from videosets import write_youtube_vis

from propose_reduce.errors import InputError
from propose_reduce.models.weights import save_weights
from propose_reduce.settings.training import StageSettings
from propose_reduce.training import trainer
from propose_reduce.training.callbacks import DeadHead, Throughput, Validation
from propose_reduce.training.data import StageData
from propose_reduce.training.module import TrainingModule
from propose_reduce.training.sources import open_mixture


def command(preset_file, run, *options):
    """Run the command line in processes of its own."""
    line = [sys.executable, "-m", "propose_reduce", "train", str(preset_file), "-o", str(run)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*line, *options], env=environment, capture_output=True, text=True, check=True
    )


@pytest.mark.process
def test_two_processes_give_what_one_gives_that_accumulates_their_batches(tmp_path):
    # Batch norms are frozen: each process keeps statistics of its own half alone.
    model = {"freeze_batch_norm": True}
    two = preset({"only": {"steps": 3}}, model=model, average=0.5)
    weights = tmp_path / "start.safetensors"
    save_weights(weights, network(two), two.model, two.inference, {})
    init = ("--init", weights)  # without, what is frozen would stay random: train refuses
    command(preset_file(tmp_path, two), tmp_path / "two", *init, "--devices", "2")
    one = preset({"only": {"steps": 3, "accumulate": 2}}, model=model, average=0.5)
    command(preset_file(tmp_path, one), tmp_path / "one", *init)
    accumulated = load_file(tmp_path / "one" / "weights.safetensors")
    shared = load_file(tmp_path / "two" / "weights.safetensors")
    start = network(one).state_dict()
    for name, value in accumulated.items():
        torch.testing.assert_close(shared[name].float(), value.float(), rtol=1e-2, atol=1e-4)
    moved = [name for name in accumulated if not torch.equal(start[name].half(), accumulated[name])]
    assert len(moved) > len(accumulated) / 2


@pytest.mark.parametrize(("rank", "rendered"), [("0", True), ("1", False)])
def test_of_torchruns_processes_one_renders_what_it_judges_on(
    tmp_path, monkeypatch, rank, rendered
):
    monkeypatch.setenv("RANK", rank)
    chosen = preset(validation={"every": 1, "videos": 1})
    monkeypatch.setattr(trainer, "export_shapes", lambda folder, *rest: export(folder))
    found = [
        c for c in trainer._callbacks(chosen, "only", tmp_path, print) if isinstance(c, Validation)
    ]
    assert [one.videos is not None for one in found] == [rendered]
    assert (tmp_path / "validation-1").exists() == rendered


def export(folder):
    """Write a data set in place of the rendered one."""
    folder.mkdir()
    write_youtube_vis(folder)


def trial(monkeypatch, limit):
    """Return module and data whose forward pass runs out of memory above ``limit`` pairs."""
    chosen = preset()
    stage = StageSettings(batch_size=1, optimizer="adamw")
    mixture = open_mixture(chosen, stage, seed=0)
    module = TrainingModule(network(chosen), chosen.training, stage, seed=0, steps=9)

    def training_step(self, batch, batch_index):
        if len(batch.samples) > limit:
            raise RuntimeError("CUDA out of memory.")
        return self.network.prop_head.decoder.predict.bias.sum() * 0

    monkeypatch.setattr(TrainingModule, "training_step", training_step)
    return module, StageData(mixture, stage, seed=0, workers=0), chosen.training


def test_the_finder_stops_where_the_memory_ends(monkeypatch):
    monkeypatch.setattr(trainer, "has_cuda", lambda: True)
    found = trainer.largest_batch_size(*trial(monkeypatch, 20))
    assert 18 <= found <= 20  # Lightning leaves a margin of 5 %


def test_the_finder_needs_a_device_with_a_limit(monkeypatch):
    monkeypatch.setattr(trainer, "has_cuda", lambda: False)
    monkeypatch.setattr(Tuner, "scale_batch_size", pytest.fail)
    with pytest.raises(InputError, match="--batch-size auto needs a CUDA device"):
        trainer.largest_batch_size(*trial(monkeypatch, 5))


def test_a_head_that_finds_nothing_any_more_is_told_once():
    said = []
    watch = DeadHead(said.append)
    run = SimpleNamespace(global_step=7, is_global_zero=True)

    def step(loss, times=1):
        for _ in range(times):
            module = SimpleNamespace(losses={"propagation": loss})
            watch.on_train_batch_end(run, module, None, None, 0)

    step(1.0, 19)
    step(0.99)
    assert said == []
    step(1.0, 50)
    assert len(said) == 1
    assert "the Seq-Prop head is dead" in said[0]


def test_the_time_left_counts_the_stages_to_come_by_their_pixels():
    clock = Throughput(1)
    stage = StageSettings(batch_size=2, accumulate=3)
    module = SimpleNamespace(stage=stage, steps=100, pixels=10)
    run = SimpleNamespace(global_step=90, world_size=1)
    assert clock.left(run, module) == ""
    clock.pairs_per_second = 2.0
    assert clock.left(run, module) == "30 s left"  # 10 steps of 6 pairs
    clock.later = 10 * 14340.0
    assert clock.left(run, module) == "2 h 00 min left"
    clock.later = None
    assert clock.left(run, module) == "30 s left of this stage"
