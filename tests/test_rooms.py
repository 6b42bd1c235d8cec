"""Imports go one way: which package may import which (docs/architecture.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "propose_reduce"

BASE_MODULES = {
    "errors",
    "files",
    "deep_images",
    "images",
    "structures",
    "protocols",
    "settings",
    "stages",
    "masks",
    "rle",
}
LAYER_1 = {"video", "data", "models", "paradigm", "results"}
MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(BASE_MODULES | LAYER_1, BASE_MODULES),
    "results": BASE_MODULES | {"data"},
    "components": BASE_MODULES | {"data", "models", "paradigm"},
    "drawing": BASE_MODULES | {"results", "video"},
    "evaluation": BASE_MODULES | {"data", "results", "drawing"},
    "training": BASE_MODULES | LAYER_1 | {"components", "evaluation", "drawing"},
    "api": BASE_MODULES | LAYER_1 | {"components", "evaluation", "drawing", "training"},
    "ablation": BASE_MODULES | LAYER_1 | {"components", "evaluation", "api"},
    "benchmarking": BASE_MODULES | LAYER_1 | {"components", "api"},
    "cli": BASE_MODULES
    | LAYER_1
    | {"components", "evaluation", "drawing", "training", "api", "ablation", "benchmarking"},
    "__init__": {"api", "errors", "structures", "results"},
    "__main__": {"cli"},
}
TORCH_FREE = [
    "evaluation",
    "data.youtube_vis",
    "data.check",
    "video",
    "results",
    "drawing",
    "cli.main",
]


def imported_packages(file: Path) -> set[str]:
    """Return first-level names of propose_reduce that ``file`` imports, lazily or not."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [
        f"{node.module}.{alias.name}"
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    return {name.split(".")[1] for name in names if name.startswith("propose_reduce.")}


def package_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: file.stem)
def test_a_package_imports_only_what_lies_below(file):
    package = package_of(file)
    upward = imported_packages(file) - MAY_IMPORT[package] - {package}
    assert not upward, f"{file.name} in '{package}' imports {sorted(upward)}"


def test_no_file_uses_relative_imports_which_this_table_cannot_see():
    relative = [
        file.name
        for file in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_the_paradigm_knows_no_network_and_no_file():
    forbidden = {"torch.nn", "pathlib", "os", "io", "cv2", "PIL", "av", "timm", "torchvision"}
    for file in (SOURCE / "paradigm").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
            assert not {n for n in names if n in forbidden or n.startswith("torch.nn")}, file.name


IMPORT_ONE_BY_ONE = """
import importlib, sys

for name in sys.argv[1:]:
    importlib.import_module(f"propose_reduce.{name}")
    if "torch" in sys.modules:
        sys.exit(f"{name} loads torch")
"""


@pytest.mark.process
def test_packages_without_networks_never_load_torch():
    command = [sys.executable, "-c", IMPORT_ONE_BY_ONE, *TORCH_FREE]
    run = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    assert run.stderr == ""
