"""Weights that others publish and a component's library downloads: what they are, where they lie.

A run looks here before it loads anything, so that it says what it is about to download, and so that
without a network one error names all that is missing instead of the first file after many retries.
"""

import hashlib
import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from propose_reduce.errors import InputError, missing_library

PROBE_SECONDS = 5
"""How long a server may take to answer at all before there is no network."""

HUB_MODELS = {
    "facebook/sam2.1-hiera-tiny": (160, "Apache-2.0"),
    "facebook/sam2.1-hiera-large": (900, "Apache-2.0"),
    "facebook/sam3": (3400, "SAM License, to be accepted on the hub"),
    "facebook/mask2former-swin-small-coco-instance": (280, "see its model card"),
}
"""Megabytes, about, and licence of models of the Hugging Face hub (docs/components.md)."""

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
HUB_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
HUB_SUFFIXES = {".json", ".txt", ".model", ".jinja", ".safetensors"}

_log = logging.getLogger("propose_reduce")


@dataclass(frozen=True, slots=True)
class PublishedWeights(ABC):
    """Weights that are a download away.

    Attributes:
        name: of the file or the model.
        component: a component's name up to the file or folder that may take their place.
        megabytes: about; None where nobody has looked.
        licence: in a few words.
    """

    name: str
    component: str
    megabytes: int | None
    licence: str

    def __str__(self) -> str:
        """Return name, size and licence."""
        return f"{self.name} ({self.size}; licence: {self.licence})"

    @property
    def size(self) -> str:
        """How much is downloaded, for people to read."""
        return "size unknown" if self.megabytes is None else f"{self.megabytes} MB"

    @property
    @abstractmethod
    def digest(self) -> str:
        """What is known of their SHA-256 without asking the network."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the library keeps what it has downloaded."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Where they come from; empty where the network must not be asked."""

    @property
    def place(self) -> str:
        """Where they lie or would lie, for people to read; what it needs to know that."""
        try:
            return str(self.folder)
        except InputError as error:
            return str(error)

    @property
    def state(self) -> str:
        """Whether they are here, for people to read."""
        try:
            return "downloaded" if self.held else "to be downloaded"
        except InputError:
            return "to be downloaded"

    @property
    @abstractmethod
    def held(self) -> bool:
        """Whether they lie where the library keeps them.

        Raises:
            InputError: the library that would know is not installed.
        """

    @abstractmethod
    def fetch(self, folder: Path | None = None) -> Path:
        """Download what is not there, check it, and return where it lies.

        Args:
            folder: where to put it; None for where the library looks.

        Raises:
            InputError: they cannot be had, or are not what was published.
        """


@dataclass(frozen=True, slots=True)
class TorchvisionWeights(PublishedWeights):
    """A file of torchvision's; its name ends in the beginning of its SHA-256.

    Attributes:
        url: of the file.
    """

    url: str

    @property
    def digest(self) -> str:
        """The beginning."""
        return Path(self.name).stem.rpartition("-")[2]

    @property
    def folder(self) -> Path:
        """The cache of torch."""
        from torch import hub

        return Path(hub.get_dir()) / "checkpoints"

    @property
    def address(self) -> str:
        """The file's own."""
        return self.url

    @property
    def held(self) -> bool:
        """Whether the file is in the cache."""
        return (self.folder / self.name).is_file()

    def fetch(self, folder: Path | None = None) -> Path:
        """Download the file; torch writes it whole or not at all."""
        from torch import hub

        path = (folder or self.folder) / self.name
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                hub.download_url_to_file(self.url, str(path), hash_prefix=self.digest)
            except (OSError, RuntimeError) as error:
                reason = " ".join(str(error).split())
                raise InputError(f"{self.name} cannot be fetched: {reason}") from error
        elif not _sha256(path).startswith(self.digest):
            raise InputError(f"'{path}' is damaged: remove it, and fetch it again")
        return path


@dataclass(frozen=True, slots=True)
class HubWeights(PublishedWeights):
    """A model of the Hugging Face hub, which says the SHA-256 of each large file."""

    @property
    def digest(self) -> str:
        """Nothing: the hub says it with the download."""
        return "told by the hub"

    @property
    def folder(self) -> Path:
        """The cache of the hub's library."""
        return Path(_hub().constants.HF_HUB_CACHE)

    @property
    def address(self) -> str:
        """A file that every model has."""
        constants = _hub().constants
        if constants.HF_HUB_OFFLINE:
            return ""
        return f"{constants.ENDPOINT}/{self.name}/resolve/main/config.json"

    @property
    def held(self) -> bool:
        """Whether settings and weights are in the cache."""
        found = _hub().file_download.try_to_load_from_cache
        return isinstance(found(self.name, "config.json"), str) and any(
            isinstance(found(self.name, file), str) for file in HUB_WEIGHTS
        )

    def fetch(self, folder: Path | None = None) -> Path:
        """Download settings and weights; what is there already is not downloaded again."""
        hub = _hub()
        place = {} if folder is None else {"local_dir": folder / self.name.rpartition("/")[2]}
        try:
            listed = hub.hf_api.HfApi().model_info(self.name, files_metadata=True).siblings or []
            wanted = [file for file in listed if Path(file.rfilename).suffix in HUB_SUFFIXES]
            paths = [
                Path(hub.file_download.hf_hub_download(self.name, file.rfilename, **place))
                for file in wanted
                if "/" not in file.rfilename
            ]
        except Exception as error:  # whatever the library and its own libraries raise
            reason = " ".join(str(error).split())
            raise InputError(
                f"{self.name} cannot be fetched: {reason:.300}; where its licence must be accepted "
                "do so on its page, and run 'hf auth login'"
            ) from error
        digests = {file.rfilename: file.lfs.sha256 for file in wanted if file.lfs is not None}
        for path in paths:
            if path.name in digests and _sha256(path) != digests[path.name]:
                raise InputError(f"'{path}' is damaged: remove it, and fetch it again")
        if not paths:
            raise InputError(f"{self.name} has no weights that can be used: see its page")
        return paths[0].parent


def torchvision_weights(name: str) -> TorchvisionWeights | None:
    """Return what ``torchvision:NAME`` downloads; None for a file of one's own."""
    from torchvision.models import get_model_weights, list_models

    if name not in list_models():
        return None
    weights = get_model_weights(name).DEFAULT
    return TorchvisionWeights(
        weights.url.rpartition("/")[2],
        f"torchvision:{name}:",
        round(weights.meta["_file_size"]),
        "none stated; trained on COCO",
        weights.url,
    )


def hub_weights(source: str, kind: str) -> HubWeights | None:
    """Return what a component takes from the Hugging Face hub; None for a folder.

    Args:
        source: what follows the component's colon.
        kind: what comes before it.
    """
    if Path(source).exists() or not HUB_ID.fullmatch(source):
        return None
    return HubWeights(source, f"{kind}:", *HUB_MODELS.get(source, (None, "see its model card")))


def prepare_downloads(weights: Sequence[PublishedWeights], names: str) -> None:
    """Say what a run is about to download, or that it cannot, before any of it is tried.

    Args:
        weights: all that the run needs.
        names: what ``propose-reduce weights fetch`` takes for them.

    Raises:
        InputError: there is no network, or a library is missing; everything missing is named.
    """
    missing = [each for each in weights if not each.held]
    if not missing:
        return
    servers = {urlsplit(each.address).netloc: each.address for each in missing}
    for address in servers.values():
        if reason := _silence(address):
            raise _unreachable(missing, names, reason)
    for each in missing:
        _log.warning("downloading once: %s to '%s'", each, each.folder)


def _unreachable(missing: Sequence[PublishedWeights], names: str, reason: str) -> InputError:
    files = "; ".join(f"{each}, to lie in '{each.folder}'" for each in missing)
    instead = " and ".join(f"'{each.component}PATH'" for each in missing)
    return InputError(
        f"{reason}, and these weights are not here: {files}. Where there is a network run "
        f"'propose-reduce weights fetch {names} --to DIR' and name what it writes: {instead}. "
        "Without any download: leave out preset and components (the bundled real-tiny), or give "
        "the masks of any detector with --proposer file:DIR"
    )


def _silence(address: str) -> str:
    """Return why nobody answers at an address; empty where somebody does."""
    if not address:
        return "the network must not be asked (HF_HUB_OFFLINE)"
    try:
        with urlopen(Request(address, method="HEAD"), timeout=PROBE_SECONDS):
            return ""
    except HTTPError:  # an answer, whatever it says
        return ""
    except OSError as error:
        reason = " ".join(str(getattr(error, "reason", error)).split())
        return f"no network ({reason})"


def _hub() -> ModuleType:
    """Return the Hugging Face hub's library with the modules that are used here.

    Raises:
        InputError: it is not installed.
    """
    try:
        for module in ("constants", "file_download", "hf_api"):
            import_module(f"huggingface_hub.{module}")
        return import_module("huggingface_hub")
    except ImportError as error:
        raise missing_library("this component", "transformers", "transformers") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
