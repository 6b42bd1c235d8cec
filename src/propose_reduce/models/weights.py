"""Weights that describe themselves: one ``.safetensors`` file with its settings as metadata.

The metadata holds, each as JSON text: ``format`` (a name and a version), ``model`` (the model
settings, categories included), ``inference`` (how to run it), ``card`` (where the weights come
from; free), and ``sha256``, plain, of all the others and the tensors. Tensors carry the names of
the network's own state dict.
"""

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from propose_reduce.errors import InputError, cut
from propose_reduce.files import check_regular, foreign_content, replacing
from propose_reduce.models.build import build
from propose_reduce.models.seq_mask_rcnn import SeqMaskRCNN
from propose_reduce.settings import InferenceSettings, ModelSettings, validate

FORMAT = "propose-reduce-weights"
VERSION = 1  # of the metadata; a reader refuses what is above its own
MOST_DIGITS = 9  # of a version; Python turns no more than 4,300 into a number


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
        name: _stored_tensor(value.detach(), dtype).cpu().contiguous()
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
    _write(path, TensorFile(tensors, metadata))


def replace_card(path: Path, card: Mapping[str, Any]) -> None:
    """Give a weights file another card; tensors and all else stay as they are.

    Raises:
        InputError: the file cannot be read as weights or written.
    """
    load_weights(path)  # refuses what is damaged, which a new checksum would hide
    content = read_safetensors(path)
    _write(path, replace(content, metadata={**content.metadata, "card": json.dumps(dict(card))}))


def _write(path: Path, content: TensorFile) -> None:
    metadata = {**content.metadata, "sha256": _digest(content)}
    with replacing(Path(path)) as temporary:
        # not save_file: its files can be read by nobody but their owner
        temporary.write_bytes(_in_one_order(save(content.tensors, metadata)))


def _in_one_order(content: bytes) -> bytes:
    """Return a ``.safetensors`` file with its metadata sorted: the library's order is random."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def load_weights(path: Path, device: torch.device | str = "cpu") -> LoadedModel:
    """Return the network of a weights file; half precision becomes float32.

    A Python warning tells of a file without a checksum.

    Raises:
        InputError: the file is missing, cut short, of another format or of a newer version; its
            tensors are not those of the network it describes, hold NaN or infinity, or are not
            those that it was written with.
    """
    source = f"weights file '{path}'"
    header = _read_header(path)
    metadata = header.metadata
    _check_format(metadata, source)
    writer = f"{source} of propose-reduce {metadata.get('written_by', '?')[:40]}"
    settings = validate(ModelSettings, _json(metadata, "model", source), writer)
    inference = validate(InferenceSettings, _json(metadata, "inference", source), writer)
    card = _json(metadata, "card", source)
    with torch.device("meta"):  # a file may claim a network of any size: nothing is allocated
        check_fit(header.tensors, build(settings).state_dict(), source)
    content = read_safetensors(path)
    check_finite(content.tensors, source)
    if "sha256" not in metadata:
        warnings.warn(
            f"{source} has no checksum, as early versions wrote it: damage to it would not be "
            "noticed; make it again with 'train' or 'convert'",
            stacklevel=2,
        )
    elif metadata["sha256"] != _digest(content):
        raise InputError(
            f"{source} is damaged: its contents are not those it was written with; get it again"
        )
    network = build(settings)
    network.load_state_dict(content.tensors)  # copies into float32
    return LoadedModel(network.to(device), settings, inference, card)


NUMBERS = frozenset(["BOOL", "U8", "I8", "I16", "I32", "I64", "F16", "BF16", "F32", "F64"])
"""Types of tensors that are read, in the format's words; torch cannot count with 8-bit floats."""

LARGEST_SIDE = 2**40
"""Of a tensor: one without numbers may claim sides that torch has no room for."""


def read_safetensors(path: Path) -> TensorFile:
    """Return the tensors and metadata of any ``.safetensors`` file.

    Raises:
        InputError: the file is missing, cut short, of another format, or has tensors of 8-bit
            floats or beyond all size.
    """
    with _opened(path) as content:
        tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        return TensorFile(tensors, dict(content.metadata() or {}))


def _read_header(path: Path) -> TensorFile:
    """Return the same with tensors on the meta device, which have a shape and no numbers."""
    with _opened(path) as content:
        shapes = {name: content.get_slice(name).get_shape() for name in content.keys()}  # noqa: SIM118
        tensors = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
        return TensorFile(tensors, dict(content.metadata() or {}))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a ``.safetensors`` file whose tensors can be read."""
    check_regular(Path(path))
    try:
        with Path(path).open("rb") as file:
            start = file.read(9)
        with safe_open(path, framework="pt") as content:
            for name in content.keys():  # noqa: SIM118
                number, shape = (
                    content.get_slice(name).get_dtype(),
                    content.get_slice(name).get_shape(),
                )
                if number not in NUMBERS:
                    raise InputError(
                        f"weights file '{path}': tensor {cut(name)} is of type {number}, which is "
                        "not read: write it as F16 or F32"
                    )
                if max(shape, default=0) > LARGEST_SIDE:
                    raise InputError(
                        f"weights file '{path}': tensor {cut(name)} claims to be {cut(shape)}"
                    )
            yield content
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"weights file '{path}' cannot be read: {reason}") from error
    except SafetensorError as error:
        # after 8 bytes of length the header opens as JSON; a file that starts so is one of them
        kind = foreign_content(Path(path)) or "not a .safetensors file"
        fault = "cut short or damaged" if start[8:] == b"{" else kind
        advice = "get it again; a foreign checkpoint is turned into one by propose-reduce convert"
        raise InputError(f"weights file '{path}' is {fault}: {advice}") from error


def _digest(content: TensorFile) -> str:
    """Return the SHA-256 of tensors and metadata, but for the one that stands there."""
    digest = hashlib.sha256()
    for name, text in sorted(content.metadata.items()):
        if name != "sha256":
            digest.update(json.dumps([name, text]).encode())
    for name, value in sorted(content.tensors.items()):
        digest.update(json.dumps([name, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


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


def _stored_tensor(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    return value.to(dtype) if dtype is not None and value.is_floating_point() else value


def _check_format(metadata: Mapping[str, str], source: str) -> None:
    name, _, number = metadata.get("format", "").partition("/")
    if name != FORMAT or not number.isdecimal() or len(number) > MOST_DIGITS:
        raise InputError(
            f"{source} does not describe itself (format {cut(metadata.get('format', ''))}, "
            f"expected '{FORMAT}/{VERSION}'): turn a foreign checkpoint into one by "
            "propose-reduce convert"
        )
    if int(number) > VERSION:
        raise InputError(
            f"{source} is of format {number}, written by propose-reduce "
            f"{metadata.get('written_by', 'of a later version')[:40]}; this version reads up to "
            f"{VERSION}: upgrade propose-reduce"
        )


def _json(metadata: Mapping[str, str], name: str, source: str) -> dict[str, Any]:
    """Return the mapping that one metadata entry holds."""
    try:
        content = json.loads(metadata[name])
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(
            f"{source}: its '{name}' is missing or not valid JSON; get it again"
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"{source}: its '{name}' must be a mapping, got {cut(content)}")
    return content
