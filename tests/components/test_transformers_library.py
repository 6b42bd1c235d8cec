"""What is said when the library or its weights are not there."""

import json
import sys
from types import SimpleNamespace

import pytest
from tiny_transformers import write_model

from propose_reduce.components import transformers_library
from propose_reduce.components.huggingface_segmenter import HuggingFaceSegmenter
from propose_reduce.components.sam_video import CLASSES, Sam3Prompts, load_sam_video
from propose_reduce.components.transformers_library import load_pretrained, transformers
from propose_reduce.errors import InputError


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install '\.\[transformers\]'"):
        transformers()


def test_weights_that_cannot_be_fetched_are_one_line_with_the_way_out(monkeypatch):
    library = pytest.importorskip("transformers")

    def unreachable(source, **options):
        raise OSError(f"We couldn't connect to load {source}.\nCheck your connection.")

    monkeypatch.setattr(library.AutoConfig, "from_pretrained", unreachable)
    with pytest.raises(InputError) as caught:
        load_pretrained("AutoConfig", "somebody/model")
    line = str(caught.value)
    assert "\n" not in line
    assert "AutoConfig cannot be loaded from 'somebody/model': We couldn't connect" in line
    assert "hf download somebody/model --local-dir FOLDER" in line


def test_a_folder_without_a_model_is_named(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match=r"config\.json") as caught:
        load_pretrained("AutoConfig", tmp_path)
    assert "\n" not in str(caught.value)
    assert "hf download" not in str(caught.value)


LOADERS = {
    "hf": HuggingFaceSegmenter.load,
    "prompts": lambda source: Sam3Prompts.load(source, ["dog"]),
    **{kind: lambda source, kind=kind: load_sam_video(kind, str(source)) for kind in CLASSES},
}


@pytest.mark.parametrize("component", LOADERS)
def test_every_call_of_the_hub_says_that_no_code_is_to_be_run(component, monkeypatch):
    calls = []

    def asked(source, **options):
        calls.append(options)
        return SimpleNamespace(model_type="mask2former", eval=lambda: None)

    class Library:
        def __getattr__(self, _):
            return SimpleNamespace(from_pretrained=asked)

    monkeypatch.setattr(transformers_library, "transformers", Library)
    try:
        LOADERS[component]("somebody/model")
    except (AttributeError, TypeError):  # what was loaded is nothing to go on with
        assert calls
    assert [options.get("trust_remote_code") for options in calls] == [False] * len(calls)


@pytest.mark.parametrize(("kind", "component"), [("oneformer", "hf"), ("sam3", "prompts")])
def test_code_beside_the_weights_is_neither_run_nor_asked_about(
    kind, component, tmp_path, monkeypatch
):
    pytest.importorskip("transformers")
    folder, ran = write_model(kind, tmp_path / "model"), tmp_path / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: ...\n")
    names = ("AutoConfig", "AutoModel", "AutoProcessor", "AutoImageProcessor", "AutoTokenizer")
    for file in folder.glob("*.json"):
        content = json.loads(file.read_text())
        if isinstance(content, dict) and "config" in file.name:
            content["auto_map"] = dict.fromkeys(names, "evil.Evil")
            content["tokenizer_class"] = "Evil"
            file.write_text(json.dumps(content))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    try:
        LOADERS[component](folder)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017
    assert not ran.exists()
