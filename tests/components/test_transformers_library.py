"""What is said when the library or its weights are not there."""

import sys

import pytest

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
