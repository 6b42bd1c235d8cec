"""Weights files: what goes in comes out, and every way to be wrong has its own sentence."""

import json
import os
import resource

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from propose_reduce.api.model import bundled_file, bundled_models
from propose_reduce.errors import InputError
from propose_reduce.models import weights
from propose_reduce.models.build import build
from propose_reduce.models.weights import load_weights, replace_card, save_weights
from propose_reduce.settings import InferenceSettings, ModelSettings

SETTINGS = ModelSettings(
    categories=("circle", "square"),
    backbone="resnet10t",
    pyramid_channels=8,
    box_channels=8,
    mask_channels=8,
    mask_layers=1,
    propagation_channels=8,
    key_channels=4,
    frozen_stages=0,
)
INFERENCE = InferenceSettings.model_validate({"propose": {"key_frames": 3}})
CARD = {"source": "a test", "losses": [1.5, 0.5]}


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build(SETTINGS)


@pytest.fixture
def file(network, tmp_path):
    path = tmp_path / "tiny.safetensors"
    save_weights(path, network, SETTINGS, INFERENCE, CARD)
    return path


@pytest.fixture(scope="module")
def whole(network, tmp_path_factory):
    """A file that nobody changes."""
    path = tmp_path_factory.mktemp("weights") / "whole.safetensors"
    save_weights(path, network, SETTINGS, INFERENCE, CARD)
    return path


def rewrite(path, change_tensors=lambda tensors: None, **metadata):
    """Write the file again with some of its tensors or metadata changed."""
    with safe_open(path, "pt") as content:
        known = content.metadata()
    tensors = load_file(path)
    change_tensors(tensors)
    save_file(tensors, path, {**known, **metadata})


def test_everything_that_was_saved_is_loaded(network, file):
    loaded = load_weights(file)
    assert (loaded.settings, loaded.inference, loaded.card) == (SETTINGS, INFERENCE, CARD)
    assert not any(module.training for module in loaded.network.modules())
    state = loaded.network.state_dict()
    assert all(torch.equal(state[name], value) for name, value in network.state_dict().items())


def test_half_precision_halves_the_file_and_loads_as_float32(network, file, tmp_path):
    half = tmp_path / "half.safetensors"
    save_weights(half, network, SETTINGS, INFERENCE, CARD, dtype=torch.float16)
    assert half.stat().st_size < 0.6 * file.stat().st_size
    state, exact = load_weights(half).network.state_dict(), network.state_dict()
    assert {value.dtype for value in state.values()} == {torch.float32, torch.int64}
    for name, value in exact.items():
        torch.testing.assert_close(state[name], value, rtol=1e-3, atol=1e-6)


def test_the_network_says_the_same_after_the_round_trip(network, file):
    image = torch.arange(3 * 32 * 64).reshape(1, 3, 32, 64) % 256
    with torch.no_grad():
        before, after = network.features(image), load_weights(file).network.features(image)
    assert torch.equal(before.p2, after.p2)


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def cut_in_the_header(path):
    path.write_bytes(path.read_bytes()[:40])


def text(path):
    path.write_text("these are no weights, they only look like a file")


def without_metadata(path):
    save_file(load_file(path), path)


def nothing(path):
    path.unlink()


def nan(path):
    def change(tensors):
        tensors["prop_head.decoder.predict.bias"][1] = torch.nan

    rewrite(path, change)


def infinite(path):
    def change(tensors):
        tensors["prop_head.decoder.predict.bias"][0] = -torch.inf

    rewrite(path, change)


def missing(path):
    rewrite(path, lambda tensors: tensors.pop("prop_head.decoder.predict.bias"))


def extra(path):
    rewrite(path, lambda tensors: tensors.update(intruder=torch.zeros(1)))


def wrong_shape(path):
    rewrite(path, lambda tensors: tensors.update({"backbone.body.bn1.bias": torch.zeros(3)}))


def newer_format(path):
    rewrite(path, format="propose-reduce-weights/2", written_by="9.0")


def newer_setting(path):
    data = {**SETTINGS.model_dump(mode="json"), "telepathy": True}
    rewrite(path, model=json.dumps(data))


def claiming(**fields):
    """Return a function that lets a file claim other settings of its network."""

    def spoil(path):
        data = {**SETTINGS.model_dump(mode="json"), **fields}
        rewrite(path, model=json.dumps(data))

    return spoil


def flipped(path):
    """Flip the lowest bit of a weight near the end."""
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)


def other_card(path):
    rewrite(path, card='{"source": "another"}')


def eight_bits(path):
    name = "prop_head.decoder.predict.bias"
    rewrite(path, lambda t: t.update({name: t[name].to(torch.float8_e4m3fn)}))


def endless_side(path):
    """Claim a tensor without numbers whose other side no whole number of torch holds."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["huge"] = {"dtype": "F32", "shape": [0, 2**63], "data_offsets": [0, 0]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + size :])


def nested(path):
    rewrite(path, model="[" * 200_000)


def long_version(path):
    rewrite(path, format="propose-reduce-weights/" + "9" * 5000)


def pipe(path):
    path.unlink()
    os.mkfifo(path)


def page(path):
    path.write_text("<!DOCTYPE html><html>not found</html>")


def broken_json(path):
    rewrite(path, inference="{")


def list_for_a_mapping(path):
    rewrite(path, card="[]")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (nothing, "cannot be read: No such file"),
        (cut, "is cut short or damaged"),
        (cut_in_the_header, "is cut short or damaged"),
        (text, "is not a .safetensors file"),
        (without_metadata, "does not describe itself"),
        (nan, "'prop_head.decoder.predict.bias' holds NaN or infinite"),
        (infinite, "'prop_head.decoder.predict.bias' holds NaN or infinite"),
        (missing, "lacks tensor 'prop_head.decoder.predict.bias'"),
        (extra, "has an unknown tensor 'intruder'"),
        (wrong_shape, r"'backbone.body.bn1.bias' must be \(64,\) for its settings, got \(3,\)"),
        (newer_format, "written by propose-reduce 9.0.*upgrade"),
        (newer_setting, r"of propose-reduce \d.*unknown setting 'telepathy'"),
        (broken_json, "its 'inference' is missing or not valid JSON"),
        (list_for_a_mapping, "its 'card' must be a mapping"),
        (flipped, "is damaged: its contents are not those it was written with"),
        (other_card, "is damaged: its contents are not those it was written with"),
        (eight_bits, "is of type F8_E4M3, which is not read"),
        (endless_side, r"tensor 'huge' claims to be \[0, 9223372036854775808\]"),
        (nested, "its 'model' is missing or not valid JSON"),
        (long_version, "does not describe itself"),
        (pipe, "is a pipe or a device"),
        (page, "is a page of HTML"),
        (claiming(mask_layers=10**7), "mask_layers = 10000000: .*less than or equal to 64"),
        (claiming(propagation_channels=10**9), "propagation_channels = 1000000000"),
        (claiming(pyramid_channels=5000), r"must be \(5000, .* for its settings"),
        (claiming(categories=[f"{n}" for n in range(90_000)]), "must be .* for its settings"),
        (claiming(categories=[f"{n}" for n in range(10**6)]), "at most 100000 items"),
        (claiming(pixel_std=[0, 1, 1]), r"pixel_std.0 = 0.*greater than 0"),
        (claiming(anchor_sizes=[-1, 2, 3, 4, 5]), r"anchor_sizes.0 = -1"),
        (claiming(anchor_ratios=[0.0]), r"anchor_ratios.0 = 0"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_file_is_one_clear_error_that_names_it(spoil, says, file):
    spoil(file)
    with pytest.raises(InputError, match=says) as caught:
        load_weights(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "spoil", [claiming(pyramid_channels=8000), claiming(mask_layers=64, mask_channels=8192)]
)
def test_nothing_is_allocated_for_a_network_that_the_file_does_not_hold(spoil, file, monkeypatch):
    spoil(file)
    monkeypatch.setattr(weights, "read_safetensors", lambda path: pytest.fail("read the tensors"))
    resource_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"for its settings|lacks tensor"):
        load_weights(file)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resource_before
    assert grown < 200_000  # KiB; the mask head alone would take 36 GiB


def test_a_file_of_before_the_checksum_is_loaded_with_a_warning(network, file):
    with safe_open(file, "pt") as content:
        known = {name: text for name, text in content.metadata().items() if name != "sha256"}
    save_file(load_file(file), file, known)
    with pytest.warns(UserWarning, match=r"tiny\.safetensors' has no checksum"):
        loaded = load_weights(file)
    assert loaded.settings == SETTINGS


@pytest.mark.parametrize("name", bundled_models())
def test_the_weights_of_the_package_carry_their_checksum(name):
    with bundled_file(name) as path, safe_open(path, "pt") as content:
        assert len(content.metadata()["sha256"]) == 64


def test_a_new_card_leaves_all_else_as_it_is(network, tmp_path):
    path = tmp_path / "half.safetensors"
    save_weights(path, network, SETTINGS, INFERENCE, CARD, dtype=torch.float16)
    before = load_file(path)
    replace_card(path, {"limits": "many"})
    loaded = load_weights(path)  # its checksum is right
    assert (loaded.settings, loaded.inference) == (SETTINGS, INFERENCE)
    assert loaded.card == {"limits": "many"}
    after = load_file(path)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert {value.dtype for value in after.values()} == {value.dtype for value in before.values()}


def test_a_damaged_file_gets_no_new_card(file):
    flipped(file)
    before = file.read_bytes()
    with pytest.raises(InputError, match="damaged"):
        replace_card(file, {})
    assert file.read_bytes() == before


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10**6), st.integers(0, 7))
def test_any_flipped_bit_of_a_tensor_is_found(whole, place, bit):
    content = bytearray(whole.read_bytes())
    content[-place] ^= 1 << bit
    file = whole.with_name("flipped.safetensors")
    file.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_weights(file)
    assert "\n" not in str(caught.value)


def test_equal_weights_are_equal_files(network, file):
    before = file.read_bytes()
    for _ in range(3):
        save_weights(file, network, SETTINGS, INFERENCE, CARD)
        assert file.read_bytes() == before


def test_a_folder_is_no_weights_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_weights(tmp_path)


def test_weights_that_half_precision_cannot_hold_are_not_saved(network, tmp_path):
    large = build(SETTINGS)
    large.load_state_dict(network.state_dict())
    with torch.no_grad():
        large.prop_head.decoder.predict.bias[0] = 1e6
    path = tmp_path / "large.safetensors"
    with pytest.raises(InputError, match="holds NaN or infinite values"):
        save_weights(path, large, SETTINGS, INFERENCE, CARD, dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []
