"""Foreign checkpoint files: their tensors, without running anything that they hold."""

import pickle
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from propose_reduce.errors import InputError, cut
from propose_reduce.files import check_regular, foreign_content
from propose_reduce.models.weights import FORMAT, read_safetensors

STANDINS = ("mmengine", "mmcv", "mmdet", "detectron2", "fvcore", "numpy")
"""Packages whose objects lie beside the tensors of a training run; none of them is built."""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The content of a foreign checkpoint.

    Attributes:
        tensors: by the names they have there, in main memory.
        categories: its foreground classes, where it says so.
        config: the text of the settings that it was trained with, where it says so.
        name: of the file.
    """

    tensors: dict[str, Tensor]
    categories: tuple[str, ...] | None = None
    config: str = ""
    name: str = ""


def read_checkpoint(path: Path) -> Checkpoint:
    """Return what a ``.pth``, ``.pt``, ``.pkl`` or ``.safetensors`` file holds.

    The state dict may be the whole file, or lie under ``state_dict`` (as OpenMMLab's tools write
    it) or ``model`` (as torchvision's and Detectron2's do), and its names may start with
    ``module.``. A ``.pkl`` is a plain pickle of numpy arrays, as Detectron2 publishes them.

    Raises:
        InputError: the file cannot be read, holds more than plain data, or no tensors.
    """
    if Path(path).suffix == ".safetensors":
        content = read_safetensors(path)
        if content.metadata.get("format", "").startswith(FORMAT):
            raise InputError(f"'{path}' is a propose-reduce weights file already: use it as it is")
        return Checkpoint(content.tensors, name=Path(path).name)
    data = _read(path)
    meta = data["meta"] if isinstance(data.get("meta"), Mapping) else {}
    if "blobs" in data:
        raise InputError(
            f"checkpoint '{path}' is of Caffe2 (Detectron 1), whose form is another: give "
            "Detectron2's of the same model"
        )
    state = next((data[name] for name in ("state_dict", "model") if name in data), data)
    if not isinstance(state, Mapping) or not state:
        raise InputError(f"checkpoint '{path}' holds no state dict: give a model's weights")
    for name, value in state.items():
        if not isinstance(name, str):
            raise InputError(f"checkpoint '{path}': tensors must have names, got {cut(name)}")
        if kind := _odd_kind(value):
            raise InputError(
                f"checkpoint '{path}': {cut(name)} must be a dense tensor of plain numbers, got "
                f"{kind}"
            )
    wrapped = all(name.startswith("module.") for name in state)
    tensors = {
        name.removeprefix("module.") if wrapped else name: value for name, value in state.items()
    }
    config = meta.get("cfg") or meta.get("config") or ""
    return Checkpoint(tensors, _noted_categories(meta), str(config), Path(path).name)


NUMBER_TYPES = {
    *(torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
}
"""Types of numbers that are read, as ``weights.NUMBERS``."""


def _odd_kind(value: object) -> str:
    """Return what a value is that is no dense tensor of plain numbers; empty for one that is."""
    if not isinstance(value, Tensor):
        return type(value).__name__
    if value.layout != torch.strided:
        return str(value.layout)
    if value.device.type != "cpu":
        return f"a tensor without numbers ({value.device})"
    return "" if value.dtype in NUMBER_TYPES else str(value.dtype)


def _read(path: Path) -> Mapping[str, Any]:
    check_regular(path)
    try:
        data = _unpickle_arrays(path) if Path(path).suffix == ".pkl" else _unpickle_tensors(path)
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


def _unpickle_tensors(path: Path) -> Any:
    """Return what torch reads of a file with tensors; other objects are empty stand-ins."""
    with warnings.catch_warnings(), Path(path).open("rb") as file:
        warnings.simplefilter("ignore")  # of pickles that are not torch's
        standins: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = []
        older = file.read(2) != b"PK"
        file.seek(0)
        if not older:  # whose other objects cannot be listed
            for name in torch.serialization.get_unsafe_globals_in_checkpoint(file):
                if name.split(".")[0] in STANDINS:
                    standins.append((type("StandIn", (_StandIn,), {}), name))
        file.seek(0)
        with torch.serialization.safe_globals(standins):
            return torch.load(file, map_location="cpu", weights_only=True)


class _StandIn:
    """In the place of an object that is not built: it takes what it is given, and has nothing."""

    def __new__(cls, *_arguments: object, **_named: object) -> "_StandIn":
        return super().__new__(cls)

    def __init__(self, *_arguments: object, **_named: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass


class _Numbers:
    """A type of numbers as a pickle describes it, of which its name and byte order are taken.

    NumPy's own would take sizes, fields and flags from the file too, and read memory by them.
    """

    def __init__(self, name: object = "", *_: object) -> None:
        self.name, self.order = str(name), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = "=" if state[1] == "|" else str(state[1])


class _Array:
    """An array as a pickle describes it."""

    def __init__(self, *_: object) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def tensor(self) -> Tensor | None:
        """Return its numbers; None where it holds others than of 1 to 8 bytes."""
        _, shape, numbers, columns_first, content = self._state
        if not (isinstance(numbers, _Numbers) and re.fullmatch("[fiu][1248]", numbers.name)):
            return None
        data = content.encode("latin1") if isinstance(content, str) else content  # of Python 2
        values = np.frombuffer(data, np.dtype(f"{numbers.order}{numbers.name}"))
        array = values.reshape(shape, order="F" if columns_first else "C")
        return torch.from_numpy(np.array(array, numbers.name, order="C"))


def _bytes(text: str, encoding: str) -> bytes:
    """Return what a pickle writes as text, because its protocol has no bytes."""
    return text.encode({"latin1": "latin1"}[encoding])


BUILDERS: Mapping[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("numpy", "dtype"): _Numbers,
    ("numpy", "ndarray"): _Array,
    ("_codecs", "encode"): _bytes,
    **{
        (f"numpy.{core}.multiarray", name): builder
        for core in ("core", "_core")
        for name, builder in (("_reconstruct", _Array), ("scalar", _StandIn))
    },
}
"""All that a pickle of numpy arrays may ask for, and what it gets; none of it is NumPy's."""


class _ArrayUnpickler(pickle.Unpickler):
    """Reads arrays, numbers, texts and what holds them together; refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what builds an array.

        Raises:
            UnpicklingError: anything else is asked for.
        """
        if (module, name) not in BUILDERS:
            raise pickle.UnpicklingError(f"GLOBAL {module}.{name}")
        return BUILDERS[module, name]

    def persistent_load(self, pid: object) -> NoReturn:
        """Refuse what lies outside the file."""
        raise pickle.UnpicklingError(f"persistent {pid}")


def _unpickle_arrays(path: Path) -> Any:
    """Return what a pickle of numpy arrays holds, those of its state dict as tensors."""
    with Path(path).open("rb") as file:
        data = _ArrayUnpickler(file, encoding="latin1").load()
    if not isinstance(data, Mapping):
        return data
    model = data.get("model", data)
    if isinstance(model, Mapping):
        tensors = {
            name: value.tensor() if isinstance(value, _Array) else value
            for name, value in model.items()
        }
        data = {**data, "model": tensors} if "model" in data else tensors
    return data


def _noted_categories(meta: object) -> tuple[str, ...] | None:
    """Return the class names that OpenMMLab's tools note beside the weights, in our spelling."""
    if not isinstance(meta, Mapping):
        return None
    noted = meta.get("dataset_meta")
    names = meta.get("CLASSES") or (
        noted.get("classes", noted.get("CLASSES")) if isinstance(noted, Mapping) else None
    )
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return None
    return tuple(name.replace(" ", "_") for name in names)
