"""Every object in a video as a complete, labelled, scored mask sequence."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from propose_reduce.errors import InputError, ProposeReduceError

if TYPE_CHECKING:
    from propose_reduce.api import load, segment
    from propose_reduce.results import VideoResult
    from propose_reduce.structures import Box, Point

    __version__: str

__all__ = ["Box", "InputError", "Point", "ProposeReduceError", "VideoResult", "load", "segment"]

_HOMES = {
    "load": "api",
    "segment": "api",
    "VideoResult": "results",
    "Box": "structures",
    "Point": "structures",
}


def __dir__() -> list[str]:
    """Return the public names, for completion."""
    return [*__all__, "__version__"]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for: ``--help`` must not wait for torch."""
    if name == "__version__":
        return version("propose-reduce")
    if name not in _HOMES:
        raise AttributeError(f"module 'propose_reduce' has no attribute '{name}'")
    return getattr(import_module(f"propose_reduce.{_HOMES[name]}"), name)
