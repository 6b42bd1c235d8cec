"""Foreign checkpoint files: their tensors, without running anything that they hold."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from propose_reduce.errors import InputError
from propose_reduce.files import check_regular, foreign_content
from propose_reduce.models.weights import FORMAT, read_safetensors


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The content of a foreign checkpoint.

    Attributes:
        tensors: by the names they have there, in main memory.
        categories: its foreground classes, where it says so.
    """

    tensors: dict[str, Tensor]
    categories: tuple[str, ...] | None = None


def read_checkpoint(path: Path) -> Checkpoint:
    """Return what a ``.pth``, ``.pt`` or ``.safetensors`` file holds.

    The state dict may be the whole file, or lie under ``state_dict`` (as OpenMMLab's tools write
    it) or ``model`` (as torchvision's do), and its names may start with ``module.``.

    Raises:
        InputError: the file cannot be read, holds more than plain data, or no tensors.
    """
    if Path(path).suffix == ".safetensors":
        content = read_safetensors(path)
        if content.metadata.get("format", "").startswith(FORMAT):
            raise InputError(f"'{path}' is a propose-reduce weights file already: use it as it is")
        return Checkpoint(content.tensors)
    data = _unpickle(path)
    meta = data.get("meta")
    state = next((data[name] for name in ("state_dict", "model") if name in data), data)
    if not isinstance(state, Mapping) or not state:
        raise InputError(f"checkpoint '{path}' holds no state dict: give a model's weights")
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            kind = value.layout if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"checkpoint '{path}': '{name}' must be a dense tensor, got {kind}")
        if not isinstance(name, str):
            raise InputError(f"checkpoint '{path}': tensors must have names, got {name!r}")
    wrapped = all(name.startswith("module.") for name in state)
    tensors = {
        name.removeprefix("module.") if wrapped else name: value for name, value in state.items()
    }
    return Checkpoint(tensors, _noted_categories(meta))


def _unpickle(path: Path) -> Mapping[str, Any]:
    check_regular(path)
    try:
        with warnings.catch_warnings(), Path(path).open("rb") as file:
            warnings.simplefilter("ignore")  # of the pickles that Detectron2 writes
            data = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"checkpoint '{path}' cannot be read: {reason}") from error
    except Exception as error:  # a foreign byte stream fails in many ways; none of it has run
        what = foreign_content(path)
        if what and "zip" not in what:  # as torch's own files are
            raise InputError(f"checkpoint '{path}' is {what}") from error
        # not torch's own words: they advise to run it
        foreign = re.search(r"GLOBAL ([\w.]+)", str(error))
        asks = f" (it asks for {foreign[1]})" if foreign else ""
        raise InputError(
            f"checkpoint '{path}' is damaged or holds more than plain tensors{asks}, and is not "
            "unpickled: get it again, or save its state dict alone"
        ) from error
    if not isinstance(data, Mapping):
        kind = type(data).__name__
        raise InputError(f"checkpoint '{path}' must hold a state dict, got {kind}")
    return data


def _noted_categories(meta: object) -> tuple[str, ...] | None:
    """Return the class names that OpenMMLab's tools note beside the weights, in our spelling."""
    names = meta.get("CLASSES") if isinstance(meta, Mapping) else None
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(name.replace(" ", "_") for name in names)
