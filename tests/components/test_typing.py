"""The type checker compares components with their protocols."""

from pathlib import Path

import pytest

import propose_reduce
from propose_reduce.components import registry

api = pytest.importorskip("mypy.api", reason="needs mypy, of the extra 'dev'")

RIGHT = """
from collections.abc import Iterator, Sequence

from propose_reduce.components.registry import Kind, Request, Table
from propose_reduce.protocols import Corrector, Propagator
from propose_reduce.structures import Clip, FrameMasks, Seed


class Still:
    def propagate(
        self, clip: Clip, seeds: Sequence[Seed], *, corrector: Corrector | None = None
    ) -> Iterator[FrameMasks]:
        for index, seed in enumerate(seeds):
            for frame in range(len(clip.frames)):
                yield FrameMasks(index, frame, seed.masks)


def still(source: str, request: Request) -> Propagator:
    return Still()


TABLE: Table[Propagator] = Table("propagator", "propagate", {"still": Kind(still)})
"""
WRONG = {
    "swapped arguments": (
        "clip: Clip, seeds: Sequence[Seed]",
        "seeds: Sequence[Seed], clip: Clip",
    ),
    "another method": ("def propagate", "def follow"),
    "another result": ("-> Iterator[FrameMasks]", "-> Sequence[FrameMasks]"),
}


BUILT = ",".join(
    f"propose_reduce.components.{file.stem}"
    for file in Path(registry.__file__).parent.glob("*.py")
    if file.stem not in {"__init__", "registry"}
)
HOME = Path(propose_reduce.__file__).parents[1]
CONFIGURATION = f"""
[mypy]
strict = True
{f"mypy_path = {HOME}" if HOME.name == "src" else ""}
follow_imports = silent

[mypy-torch.*,numpy.*,pydantic.*,yaml.*,propose_reduce.models.*,propose_reduce.paradigm.*,{BUILT}]
follow_imports = skip
"""
"""mypy finds an installed package by itself and refuses to be told where it is.

The protocols decide, so large libraries and what the registry builds need not be read."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a configuration; mypy keeps there what it has read."""
    folder = tmp_path_factory.mktemp("mypy")
    (folder / "mypy.ini").write_text(CONFIGURATION)
    return folder


def checked(folder, source):
    """Return what mypy says of a file."""
    file = folder / "component.py"
    file.write_text(source)
    options = ["--config-file", str(folder / "mypy.ini"), "--cache-dir", str(folder / "cache")]
    return api.run([*options, str(file)])[0]


def test_a_component_that_fits_passes(folder):
    assert checked(folder, RIGHT).startswith("Success")


@pytest.mark.parametrize("mistake", WRONG)
def test_a_component_that_does_not_fit_is_found(folder, mistake):
    right, wrong = WRONG[mistake]
    told = checked(folder, RIGHT.replace(right, wrong))
    assert 'Incompatible return value type (got "Still", expected "Propagator")' in told


def test_a_wrong_option_of_segment_is_found(folder):
    right = (
        'from propose_reduce import segment\n\nsegment("a.mp4", key_frames=3, precision="bf16")\n'
    )
    assert checked(folder, right).startswith("Success")
    assert 'Unexpected keyword argument "keyframes"' in checked(
        folder, right.replace("key_frames", "keyframes")
    )
