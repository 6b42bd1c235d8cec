"""Import every module of the package with the optional dependencies out of reach.

Run as a script: one line for each module that does not import, and exit code 1 if there is any.
Only the training package may need an extra.
"""

import importlib
import re
import sys
import tomllib
from pathlib import Path

import propose_reduce

PACKAGE = Path(propose_reduce.__file__).parent
PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def optional_libraries() -> set[str]:
    """Return the names of everything that only an extra installs."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    names = {re.split(r"[^\w.-]", requirement)[0] for extra in extras for requirement in extra}
    return names - {project["name"]}


def module_names() -> list[str]:
    """Return every module by its dotted name, ``__main__`` excepted: importing it runs it."""
    names = []
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        names.append(".".join(parts).removesuffix(".__init__"))
    return [name for name in names if not name.endswith("__main__")]


def fault_of(module: str, optional: set[str]) -> str | None:
    """Return why a module does not import, or None where it does or may fail."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        library = (error.name or "").partition(".")[0]
        if module.startswith("propose_reduce.training.") and library in optional:
            return None
        return f"{module}: {error}"
    return None


def main() -> int:
    """Report on every module and return the exit code."""
    optional = optional_libraries()
    for library in optional:
        sys.modules[library] = None  # type: ignore[assignment]  # so that importing it fails
    faults = [fault for name in module_names() if (fault := fault_of(name, optional))]
    print("\n".join(faults) or f"{len(module_names())} modules import")
    return min(len(faults), 1)


if __name__ == "__main__":
    sys.exit(main())
