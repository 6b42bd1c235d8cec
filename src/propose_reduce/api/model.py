"""Weights to a model on a device: names, devices, precisions."""

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

import torch

from propose_reduce.components.computing import fast_bfloat16
from propose_reduce.errors import InputError, unknown_name
from propose_reduce.models.weights import LoadedModel, load_weights
from propose_reduce.settings.base import PRECISIONS as PRECISION_NAMES
from propose_reduce.settings.base import precision_name

DEFAULT_MODEL = "real-tiny"
"""For real video; where nothing else is chosen."""

PRECISIONS = {name: getattr(torch, long) for name, long in PRECISION_NAMES.items()}
"""By the names of the command line."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A network ready to use.

    Attributes:
        name: as it was asked for: a bundled name, or a file's name.
        sha256: of the weights file.
        weights: the network with all that its file says about it.
    """

    name: str
    sha256: str
    weights: LoadedModel = field(repr=False)

    @property
    def categories(self) -> tuple[str, ...]:
        """Return the foreground classes it knows."""
        return self.weights.settings.categories

    @property
    def device(self) -> torch.device:
        """Return where the network is."""
        return next(self.weights.network.parameters()).device


def bundled_models() -> list[str]:
    """Return the names of the weights that come in the package."""
    folder = files("propose_reduce") / "weights"
    if not folder.is_dir():
        return []
    names = (entry.name for entry in folder.iterdir())
    return sorted(n.removesuffix(".safetensors") for n in names if n.endswith(".safetensors"))


def bundled_file(name: str) -> AbstractContextManager[Path]:
    """Give the file of a bundled model, as long as it is open."""
    return as_file(files("propose_reduce") / "weights" / f"{name}.safetensors")


def default_model(preset: str | Path | None) -> str:
    """Return the bundled model of a preset: the one called like it, or else the default."""
    name = str(preset).replace("_", "-")
    return name if name in bundled_models() else DEFAULT_MODEL


def load(name: str | Path = DEFAULT_MODEL, *, device: str = "auto") -> Model:
    """Return a model, ready to use.

    Args:
        name: a bundled name ("real-tiny", "shapes-tiny") or a weights file (``.safetensors``).
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1" or "mps".

    Raises:
        InputError: no such model or device, or the file holds no weights of this package.
    """
    chosen = choose_device(device)
    if str(name) in bundled_models():
        with bundled_file(str(name)) as path:
            return _read(str(name), path, chosen)
    path = Path(name)
    if not path.exists() and path.suffix != ".safetensors":
        raise unknown_name("model", str(name), [*bundled_models(), "FILE.safetensors"])
    return _read(path.name, path, chosen)


def compile_model(model: Model) -> None:
    """Let torch compile the model's networks, which takes minutes at their first use.

    Raises:
        InputError: nothing can be compiled here.
    """
    try:
        torch.compile(torch.nn.ReLU())(torch.zeros(1, device=model.device))
    except Exception as error:  # whatever the backend of this device raises
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            "--compile needs what torch.compile needs, a C++ compiler on CPUs and Triton on GPUs: "
            f"install it or leave out --compile ({reason})"
        ) from error
    model.weights.network.compile_parts()


def _read(name: str, path: Path, device: torch.device) -> Model:
    weights = load_weights(path, device)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Model(name, digest, weights)


def choose_device(name: str) -> torch.device:
    """Return the device of a name.

    Raises:
        InputError: an unknown name, or a device that this machine or this torch does not have.
    """
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    mps = torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    kind, _, number = name.partition(":")
    counts = {"cpu": 1, "cuda": cuda, "mps": int(mps)}
    if kind not in counts or (number and not number.isdecimal()):
        # not the nearest name: that of "gpu" is "cpu"
        raise InputError(f"unknown device '{name}': known: auto, cpu, cuda, cuda:N, mps")
    if int(number or 0) >= counts[kind]:
        raise InputError(
            f"device '{name}' is not available: this torch sees {counts[kind]} {kind} devices; "
            "give another, or auto"
        )
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the precision of a name; "auto" takes bf16 where the hardware computes in it.

    Raises:
        InputError: an unknown name.
    """
    if name == "auto":
        return torch.bfloat16 if fast_bfloat16(device) else torch.float32
    precision: torch.dtype = getattr(torch, str(precision_name(name)))
    return precision
