"""Weights that describe themselves: one ``.safetensors`` file with its settings as metadata.

The metadata holds, each as JSON text: ``format`` (a name and a version), ``model`` (the model
settings, categories included), ``inference`` (how to run it) and ``card`` (where the weights come
from; free). Tensors carry the names of the network's own state dict.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from propose_reduce.errors import InputError
from propose_reduce.files import replacing
from propose_reduce.models.build import build
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.settings import InferenceSettings, ModelSettings, validate

FORMAT = "propose-reduce-weights"
VERSION = 1  # of the metadata; a reader refuses what is above its own


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A network with all that its weights file says about it.

    Attributes:
        network: in evaluation mode, float32, on the device asked for.
        settings: what it is, its categories among them.
        inference: how it is meant to be run.
        card: where the weights come from, as their maker put it.
    """

    network: SeqMaskRCNN
    settings: ModelSettings
    inference: InferenceSettings
    card: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class TensorFile:
    """The content of one ``.safetensors`` file.

    Attributes:
        tensors: by name, in main memory.
        metadata: text by name; empty where the file has none.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str] = field(default_factory=dict)


def save_weights(
    path: Path,
    network: SeqMaskRCNN,
    model_settings: ModelSettings,
    inference_settings: InferenceSettings,
    card: Mapping[str, Any],
    dtype: torch.dtype | None = None,
) -> None:
    """Write a network's weights, whole or not at all.

    Args:
        path: the file; it is replaced if it exists.
        network: built from ``model_settings``.
        model_settings: what the network is.
        inference_settings: how it is meant to be run.
        card: anything that JSON can hold, such as source, data and training.
        dtype: torch.float16 for half the size; None keeps the network's own.

    Raises:
        InputError: a weight is NaN or infinite (in ``dtype``), or the file cannot be written.
    """
    tensors = {
        name: _stored(value.detach(), dtype).cpu().contiguous()
        for name, value in network.state_dict().items()
    }
    check_finite(tensors, f"weights for '{path}'")
    metadata = {
        "format": f"{FORMAT}/{VERSION}",
        "written_by": version("propose-reduce"),
        "model": model_settings.model_dump_json(),
        "inference": inference_settings.model_dump_json(),
        "card": json.dumps(dict(card)),
    }
    with replacing(Path(path)) as temporary:
        # not save_file: its files can be read by nobody but their owner
        temporary.write_bytes(save(tensors, metadata))


def load_weights(path: Path, device: torch.device | str = "cpu") -> LoadedModel:
    """Return the network of a weights file; half precision becomes float32.

    Raises:
        InputError: the file is missing, cut short, of another format or of a newer version; its
            tensors are not those of the network it describes, or hold NaN or infinity.
    """
    source = f"weights file '{path}'"
    content = read_safetensors(path)
    _check_format(content.metadata, source)
    writer = f"{source} of propose-reduce {content.metadata.get('written_by', '?')}"
    settings = validate(ModelSettings, _json(content.metadata, "model", source), writer)
    inference = validate(InferenceSettings, _json(content.metadata, "inference", source), writer)
    network = build(settings)
    check_fit(content.tensors, network.state_dict(), source)
    check_finite(content.tensors, source)
    network.load_state_dict(content.tensors)  # copies into float32
    return LoadedModel(
        network.to(device), settings, inference, _json(content.metadata, "card", source)
    )


def read_safetensors(path: Path) -> TensorFile:
    """Return the tensors and metadata of any ``.safetensors`` file.

    Raises:
        InputError: the file is missing, cut short or of another format.
    """
    try:
        with Path(path).open("rb") as file:
            start = file.read(9)
        with safe_open(path, framework="pt") as content:
            tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
            return TensorFile(tensors, dict(content.metadata() or {}))
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"weights file '{path}' cannot be read: {reason}") from error
    except SafetensorError as error:
        # after 8 bytes of length the header opens as JSON; a file that starts so is one of them
        fault = "is cut short or damaged" if start[8:] == b"{" else "is no .safetensors file"
        advice = "get it again; a foreign checkpoint is turned into one by propose-reduce convert"
        raise InputError(f"weights file '{path}' {fault}: {advice}") from error


def check_fit(given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: str) -> None:
    """Raise InputError unless ``given`` has exactly the names and shapes of ``wanted``."""
    for fault, names in (
        ("lacks", sorted(wanted.keys() - given.keys())),
        ("has an unknown", sorted(given.keys() - wanted.keys())),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise InputError(
                f"{source} {fault} tensor '{names[0]}'{more}: it does not hold the network that "
                "its settings describe"
            )
    for name, value in wanted.items():
        if given[name].shape != value.shape:
            raise InputError(
                f"{source}: tensor '{name}' must be {tuple(value.shape)} for its settings, "
                f"got {tuple(given[name].shape)}"
            )


def check_finite(tensors: Mapping[str, Tensor], source: str) -> None:
    """Raise InputError if a tensor holds NaN or infinity."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise InputError(
                f"{source}: tensor '{name}' holds NaN or infinite values: its training diverged, "
                "or the file is damaged; use another"
            )


def _stored(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    return value.to(dtype) if dtype is not None and value.is_floating_point() else value


def _check_format(metadata: Mapping[str, str], source: str) -> None:
    name, _, number = metadata.get("format", "").partition("/")
    if name != FORMAT or not number.isdecimal():
        raise InputError(
            f"{source} does not describe itself (format '{metadata.get('format', '')}', expected "
            f"'{FORMAT}/{VERSION}'): turn a foreign checkpoint into one by propose-reduce convert"
        )
    if int(number) > VERSION:
        raise InputError(
            f"{source} is of format {number}, written by propose-reduce "
            f"{metadata.get('written_by', 'of a later version')}; this version reads up to "
            f"{VERSION}: upgrade propose-reduce"
        )


def _json(metadata: Mapping[str, str], name: str, source: str) -> dict[str, Any]:
    """Return the mapping that one metadata entry holds."""
    try:
        content = json.loads(metadata[name])
    except (KeyError, ValueError) as error:
        raise InputError(f"{source}: its '{name}' is missing or no JSON; get it again") from error
    if not isinstance(content, dict):
        raise InputError(f"{source}: its '{name}' must be a mapping, got {content!r}")
    return content
