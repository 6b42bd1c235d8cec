"""The transformers library, which only some components need: found, and its weights loaded.

Weights are downloaded only when a component of this kind is named, and not when
``HF_HUB_OFFLINE=1`` is set: then what is in the library's cache must do.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from safetensors import SafetensorError
from torch import Tensor

from propose_reduce.errors import InputError, missing_library


def transformers() -> ModuleType:
    """Return the library.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module("transformers")
    except ImportError as error:
        raise missing_library("this component", "transformers", "transformers") from error


def load_pretrained(kind: str, source: str | Path, **options: Any) -> Any:
    """Return an object that the library loads from a model id or a folder.

    Code that comes with a model is never run.

    Args:
        kind: name of the library's class, such as ``AutoConfig``.
        source: model id on the Hugging Face hub, or a folder with a model's files.
        **options: for ``from_pretrained``.

    Raises:
        InputError: the library is missing, or the files cannot be fetched or used.
    """
    loader = getattr(transformers(), kind)
    try:  # without this word some would ask whether to run code that lies beside the weights
        return loader.from_pretrained(str(source), trust_remote_code=False, **options)
    # what a broken file or a missing helper library raises; none of these has run foreign code
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, SafetensorError) as error:
        raise InputError(_fault(kind, source, error)) from error


def in_float32(outputs: Any) -> Any:
    """Return a network's outputs with every tensor in float32: autocast leaves some in less.

    A threshold on a probability near it would fall with the rounding.
    """
    for name, value in outputs.items():
        if isinstance(value, Tensor):
            outputs[name] = value.float()
    return outputs


def _fault(kind: str, source: str | Path, error: Exception) -> str:
    lines = (line.strip() for line in str(error).splitlines())
    reason = next((line for line in lines if line), type(error).__name__).rstrip(".:")
    fault = f"{kind} cannot be loaded from '{source}': {reason}"
    if Path(source).is_dir():
        return f"{fault}; give the folder that holds config.json, the weights and the processor"
    return (
        f"{fault}; get it by hand where there is a network ('hf download {source} --local-dir "
        "FOLDER', after 'hf auth login' if its licence must be accepted) and name that folder "
        "in place of the id"
    )
