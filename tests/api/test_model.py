import hashlib

import numpy as np
import pytest
import torch
from weight_files import CATEGORIES, tiny_weights

from propose_reduce.api import segment
from propose_reduce.api.model import choose_device, choose_precision, load
from propose_reduce.errors import InputError
from propose_reduce.settings import load_preset


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gpu", "unknown device 'gpu': known: auto, cpu, cuda, cuda:N, mps"),
        ("cuda:x", "unknown device 'cuda:x'"),
        (
            "cuda:99",
            r"device 'cuda:99' is not available: this torch sees \d+ cuda devices; give",
        ),
        ("cpu:1", "device 'cpu:1' is not available"),
    ],
)
def test_a_device_that_is_not_there_is_refused(name, message):
    with pytest.raises(InputError, match=message):
        choose_device(name)


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")


@pytest.mark.parametrize(
    ("amx", "avx", "expected"), [(0, 0, "float32"), (1, 0, "bfloat16"), (0, 1, "bfloat16")]
)
def test_auto_computes_in_bf16_where_the_cpu_does(monkeypatch, amx, avx, expected):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: bool(amx), raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bool(avx), raising=False)
    assert choose_precision("auto", torch.device("cpu")) == getattr(torch, expected)


@pytest.mark.parametrize(("generation", "expected"), [(7, "float32"), (8, "bfloat16")])
def test_auto_computes_in_bf16_on_cuda_from_ampere_on(monkeypatch, generation, expected):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (generation, 5))
    assert choose_precision("auto", torch.device("cuda")) == getattr(torch, expected)


def test_a_precision_can_be_asked_for():
    assert choose_precision("fp32", torch.device("cpu")) == torch.float32
    with pytest.raises(InputError, match="unknown precision 'fp16'"):
        choose_precision("fp16", torch.device("cpu"))


def test_a_model_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(
        InputError,
        match=r"unknown model 'resnet': known: FILE\.safetensors, real-tiny, shapes-tiny",
    ):
        load("resnet")
    with pytest.raises(InputError, match="cannot be read: No such file"):
        load(tmp_path / "mine.safetensors")


def test_a_weights_file_becomes_a_model_that_knows_its_file(tmp_path):
    path = tiny_weights(tmp_path / "mine.safetensors")
    model = load(path, device="cpu")
    assert (model.name, model.categories) == ("mine.safetensors", CATEGORIES)
    assert model.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert model.device == torch.device("cpu")
    assert repr(model) == f"Model(name='mine.safetensors', sha256='{model.sha256}')"


@pytest.mark.parametrize("model", ["real-tiny", "shapes-tiny"])
def test_the_bundled_weights_are_of_the_preset_that_makes_them(model):
    weights, preset = load(model).weights, load_preset(model.replace("-", "_"))
    assert (weights.settings, weights.inference) == (preset.model, preset.inference)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_an_untrained_network_goes_all_the_way(tmp_path, precision):
    frames = np.random.default_rng(0).integers(0, 255, (2, 40, 60, 3)).astype(np.uint8)
    model = load(tiny_weights(tmp_path / "mine.safetensors"), device="cpu")
    result = segment(frames, model, precision=precision, key_frames=1, max_objects=1)
    assert len(result.sequences) > 0
    assert result.sequences[0].size == (40, 60)
    assert result.settings["precision"] == {"fp32": "float32", "bf16": "bfloat16"}[precision]
    assert result.settings["weights"] == {"name": "mine.safetensors", "sha256": model.sha256}
