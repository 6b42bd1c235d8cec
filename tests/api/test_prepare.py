"""Named components meet a model, or do without one."""

import numpy as np
import pytest
import torch
from fakes import FakePropagator, FakeProposer, FakeScorer
from weight_files import tiny_weights
from worlds import INPUT, WORLD

from propose_reduce.api import Options, load, prepare
from propose_reduce.components import published_weights
from propose_reduce.errors import InputError
from propose_reduce.settings import validate

FRAMES = np.zeros((6, 48, 64, 3), np.uint8)
PARTS = (FakeProposer(WORLD), FakePropagator(WORLD), FakeScorer(WORLD))


def options(**chosen):
    return validate(Options, {"settings": INPUT, "device": "cpu", **chosen}, "test")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


def test_weights_are_loaded_for_the_parts_that_are_the_models(weights):
    chosen = options(settings=("model.long_side=64", "model.short_side=64"))
    ready = prepare(weights, chosen, propagator="flow")
    assert ready.model is not None
    assert ready.settings()["components"] == {"propagator": "flow"}
    assert ready(ready.open(FRAMES)).result.num_frames == 6


def test_no_weights_are_loaded_where_no_part_needs_them(weights):
    ready = prepare(None, options(), *PARTS)
    assert ready.model is None
    with pytest.raises(
        InputError, match=r"no component would use the weights '.*tiny.safetensors'"
    ):
        prepare(weights, options(), *PARTS)


def test_a_loaded_model_stays_on_its_device(weights, monkeypatch):
    model = load(weights, device="cpu")
    for device in ("auto", "cpu"):
        assert prepare(model, options(device=device)).model is model
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(InputError, match="loaded on cpu: leave out device='cuda', or give it"):
        prepare(model, options(device="cuda"))


def test_track_by_detect_needs_a_proposer_alone():
    ready = prepare(None, options(paradigm="track-by-detect"), PARTS[0])
    result = ready(ready.open(FRAMES)).result
    assert [s.category for s in result.sequences] == ["cat", "dog"]
    assert result.settings["inference"]["paradigm"] == "track-by-detect"
    assert result.settings["components"] == {"proposer": "FakeProposer"}


def test_the_paradigm_may_come_as_a_further_setting():
    chosen = options(settings=(*INPUT, "inference.paradigm=track-by-detect"))
    assert prepare(None, chosen, PARTS[0]).model is None


def test_what_a_result_depends_on_tells_paradigms_and_parts_apart():
    named = prepare(None, options(), PARTS[0], "flow", PARTS[2]).settings()
    assert named["components"]["propagator"] == "flow"
    own = prepare(None, options(), *PARTS).settings()
    tracked = prepare(None, options(paradigm="track-by-detect"), *PARTS).settings()
    assert named != own
    assert own != tracked


@pytest.mark.parametrize(
    ("components", "chosen", "message"),
    [
        ((PARTS[0], "flwo", PARTS[2]), {}, "unknown propagator 'flwo': did you mean 'flow'"),
        (PARTS, {"paradigm": "track"}, "inference.paradigm = 'track'"),
        (("torchvision:x", *PARTS[1:]), {"prompts": ("dog",)}, "takes no prompts"),
    ],
)
def test_a_mistake_is_one_line(components, chosen, message):
    with pytest.raises(InputError, match=message):
        prepare(None, options(**chosen), *components)


def test_prompts_are_not_for_the_models_own_proposer(weights):
    with pytest.raises(InputError, match="takes no prompts: name another proposer"):
        prepare(weights, options(prompts=("dog",)))


def test_a_preset_names_parts_and_sizes_and_needs_no_weights(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    chosen = Options(preset="coco_sam2", device="cpu")
    ready = prepare(None, chosen, *PARTS)  # objects come before names
    assert ready.model is None
    assert ready.settings()["input"] == {"long_side": 854, "short_side": 480}
    with pytest.raises(InputError, match="nobody/nothing"):
        prepare(None, chosen, PARTS[0], "sam2:nobody/nothing")


def test_compile_prepares_the_networks_and_nothing_where_there_are_none(weights, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda module: module)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self, **_: compiled.append(self))
    model = load(weights, device="cpu")
    prepare(model, options(settings=(), compile=True))
    network = model.weights.network
    assert compiled[0] is network.backbone
    assert network.prop_head.decoder in compiled
    compiled.clear()
    prepare(None, options(compile=True), *PARTS)
    assert compiled == []


def test_without_a_compiler_compile_says_what_to_do(weights, monkeypatch):
    def fails(module):
        raise RuntimeError("No working C++ compiler found\nand much more")

    monkeypatch.setattr(torch, "compile", fails)
    with pytest.raises(
        InputError, match=r"leave out --compile \(No working C\+\+ compiler found\)"
    ):
        prepare(weights, options(settings=(), compile=True))


@pytest.mark.slow  # compiling takes a minute
def test_a_compiled_model_finds_what_it_finds_otherwise(weights):
    chosen = {"settings": ("model.long_side=64", "model.short_side=64"), "precision": "fp32"}
    plain, compiled = (prepare(weights, options(compile=c, **chosen)) for c in (False, True))
    frames = np.random.default_rng(0).integers(0, 255, FRAMES.shape, dtype=np.uint8)
    results = [ready(ready.open(frames)).result for ready in (plain, compiled)]
    scores = [[s.score for s in result.sequences] for result in results]
    assert scores[1] == pytest.approx(scores[0], abs=1e-4)


@pytest.mark.parametrize(
    ("preset", "name", "knows"),
    [(None, "real-tiny", "person, cat, dog"), ("shapes_tiny", "shapes-tiny", "circle, square")],
)
def test_the_default_knows_real_things_unless_the_preset_has_its_own_model(preset, name, knows):
    ready = prepare(None, Options(preset=preset, device="cpu"))
    assert ready.model.name == name
    assert ready.introduction.startswith(f"weights {name}: knows {knows}, ")


def test_the_first_line_names_networks_only_and_few_of_many_categories(weights):
    assert prepare(None, options(), *PARTS).introduction == ""
    many = tuple(f"c{number}" for number in range(80))

    class Knowing(FakeProposer):
        categories = many

    ready = prepare(weights, options(settings=()), Knowing(WORLD), None, "key-frame")
    listed = ", ".join(many[:12])
    assert ready.introduction == f"weights tiny.safetensors: knows {listed}, .. (80 categories)"


def test_without_a_network_one_line_names_all_that_is_missing(monkeypatch, tmp_path):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(published_weights, "_silence", lambda address: "no network (gone)")
    with pytest.raises(InputError) as caught:
        prepare(None, Options(preset="coco_sam2", device="cpu"))
    line = str(caught.value)
    assert "\n" not in line
    for said in (
        "no network (gone)",
        "maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth (177 MB; licence: none stated",
        str(tmp_path / "hub" / "checkpoints"),
        "facebook/sam2.1-hiera-tiny (160 MB; licence: Apache-2.0)",
        "'propose-reduce weights fetch coco_sam2 --to DIR'",
        "'torchvision:maskrcnn_resnet50_fpn_v2:PATH' and 'sam2:PATH'",
        "real-tiny",
        "file:DIR",
    ):
        assert said in line
    with pytest.raises(InputError, match=r"run 'propose-reduce weights fetch facebook/sam2\.1-hie"):
        prepare(None, options(), PARTS[0], "sam2:facebook/sam2.1-hiera-large", PARTS[2])


def test_a_download_is_told_before_it_begins(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(published_weights, "_silence", lambda address: "")
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", _cut_off)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", _cut_off)
    with pytest.raises(InputError, match="cannot be fetched: cut off"):
        prepare(None, Options(preset="coco", device="cpu"))
    assert caplog.messages == [
        "downloading once: maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth (177 MB; licence: none "
        f"stated; trained on COCO) to '{tmp_path / 'hub' / 'checkpoints'}'"
    ]


def _cut_off(*_, **__):
    raise OSError("cut off")
