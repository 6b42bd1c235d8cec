"""Foreign files are data: read where they are plain, refused where they are anything else."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from propose_reduce.errors import InputError
from propose_reduce.models.checkpoint import read_checkpoint

STATE = {"conv1.weight": torch.ones(2, 3), "bn1.bias": torch.zeros(2)}


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def write_zip(path, content):
    torch.save(content, path)


def write_legacy(path, content):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def write_pickle(path, content):
    path.write_bytes(pickle.dumps(content, protocol=2))


@pytest.mark.parametrize("write", [write_zip, write_legacy, write_pickle])
@pytest.mark.parametrize("place", ["value", "metadata", "state dict itself"])
def test_a_malicious_pickle_does_not_run(write, place, tmp_path):
    file, crater = tmp_path / "evil.pth", tmp_path / "crater"
    bomb = Bomb(crater)
    content = {
        "value": {"state_dict": {"conv1.weight": bomb}},
        "metadata": {"state_dict": STATE, "meta": {"CLASSES": bomb}},
        "state dict itself": bomb,
    }[place]
    write(file, content)
    with pytest.raises(InputError, match="not unpickled") as refusal:
        read_checkpoint(file)
    assert not crater.exists()
    assert "(it asks for " in str(refusal.value)
    assert "weights_only" not in str(refusal.value)
    if write is not write_pickle:  # shows that the bomb is live
        torch.load(file, weights_only=False)
        assert crater.is_dir()


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "meta": {"epoch": 12}, "optimizer": {"param_groups": []}},
        {"model": STATE, "epoch": 3},
        {"state_dict": {f"module.{name}": value for name, value in STATE.items()}},
    ],
    ids=["bare", "openmmlab", "torchvision", "data parallel"],
)
@pytest.mark.parametrize("write", [write_zip, write_legacy])
def test_the_state_dict_is_found_where_tools_put_it(content, write, tmp_path):
    file = tmp_path / "checkpoint.pth"
    write(file, content)
    tensors = read_checkpoint(file).tensors
    assert list(tensors) == list(STATE)
    assert all(torch.equal(tensors[name], value) for name, value in STATE.items())


def test_safetensors_of_other_projects_are_read_too(tmp_path):
    save_file(STATE, tmp_path / "model.safetensors")
    assert read_checkpoint(tmp_path / "model.safetensors").tensors.keys() == STATE.keys()


def test_class_names_are_taken_from_the_metadata_in_our_spelling(tmp_path):
    file = tmp_path / "checkpoint.pth"
    torch.save({"state_dict": STATE, "meta": {"CLASSES": ("giant panda", "ape")}}, file)
    assert read_checkpoint(file).categories == ("giant_panda", "ape")
    torch.save({"state_dict": STATE, "meta": {"CLASSES": None}}, file)
    assert read_checkpoint(file).categories is None


class HistoryBuffer:
    """As MMDetection's training runs leave beside the weights."""

    def __init__(self):
        self.history = np.arange(3.0)
        self.kind = np.float64(3)


def test_objects_of_known_tools_beside_the_tensors_are_not_built(tmp_path, monkeypatch):
    monkeypatch.setattr(HistoryBuffer, "__module__", "mmengine.logging.history_buffer")
    monkeypatch.setitem(sys.modules, "mmengine", types.ModuleType("mmengine"))
    monkeypatch.setitem(sys.modules, "mmengine.logging", types.ModuleType("mmengine.logging"))
    module = types.ModuleType("mmengine.logging.history_buffer")
    module.HistoryBuffer = HistoryBuffer
    monkeypatch.setitem(sys.modules, module.__name__, module)
    file = tmp_path / "epoch_12.pth"
    meta = {"cfg": "style='caffe'", "dataset_meta": {"classes": ("cat", "giant panda")}}
    content = {"state_dict": STATE, "meta": meta, "message_hub": {"log": {"loss": HistoryBuffer()}}}
    torch.save(content, file)
    for name in list(sys.modules):
        if name.startswith("mmengine"):
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file, weights_only=True)
    read = read_checkpoint(file)
    assert all(torch.equal(read.tensors[name], value) for name, value in STATE.items())
    assert (read.config, read.name) == ("style='caffe'", "epoch_12.pth")
    assert read.categories == ("cat", "giant_panda")


def write_arrays(path, **content):
    path.write_bytes(pickle.dumps(content, protocol=2))
    return path


def test_a_pickle_of_arrays_is_read_without_building_anything_else(tmp_path):
    arrays = {name: value.numpy() for name, value in STATE.items()}
    file = write_arrays(tmp_path / "model_final.pkl", model=arrays, __author__="them")
    tensors = read_checkpoint(file).tensors
    assert all(torch.equal(tensors[name], value) for name, value in STATE.items())
    write_arrays(file, model=arrays, bomb=Bomb(tmp_path / "crater"))
    with pytest.raises(InputError, match=r"it asks for posix\.mkdir"):
        read_checkpoint(file)
    assert not (tmp_path / "crater").exists()


def test_the_form_of_caffe2_is_named(tmp_path):
    file = write_arrays(tmp_path / "old.pkl", blobs={"conv1_w": np.zeros(3)})
    with pytest.raises(InputError, match=r"is of Caffe2 \(Detectron 1\)"):
        read_checkpoint(file)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([1, 2], "must hold a state dict, got list"),
        ({"state_dict": {}}, "holds no state dict"),
        ({"state_dict": 3}, "holds no state dict"),
        ({"epoch": 3, "loss": 0.5}, "'epoch' must be a dense tensor .*, got int"),
        ({"a": torch.eye(2).to_sparse()}, "'a' must be a dense tensor .*, got torch.sparse_coo"),
        ({"a": torch.empty(9**9, device="meta")}, "a tensor without numbers"),
        ({"a": torch.ones(2).to(torch.float8_e5m2)}, "got torch.float8_e5m2"),
        ({"a": torch.ones(2, dtype=torch.complex64)}, "got torch.complex64"),
        ({1: torch.eye(2)}, "tensors must have names, got 1"),
    ],
)
def test_plain_data_that_is_no_state_dict_is_refused(content, says, tmp_path):
    file = tmp_path / "checkpoint.pth"
    torch.save(content, file)
    with pytest.raises(InputError, match=says):
        read_checkpoint(file)


def test_a_truncated_checkpoint_is_refused(tmp_path):
    file = tmp_path / "checkpoint.pth"
    torch.save(STATE, file)
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(InputError, match="is damaged or holds more than plain tensors"):
        read_checkpoint(file)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.pth' cannot be read: No such file"):
        read_checkpoint(tmp_path / "nowhere.pth")


def test_a_file_of_ours_needs_no_conversion(tmp_path):
    file = tmp_path / "own.safetensors"
    save_file(STATE, file, {"format": "propose-reduce-weights/1"})
    with pytest.raises(InputError, match="weights file already"):
        read_checkpoint(file)
