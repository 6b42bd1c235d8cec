"""How the code is built, in figures: what CONTRIBUTING.md gives as guides.

    python benchmarks/house.py

Counts the calls from the command ``predict`` to the first ``forward`` of a network, the share of
lines that are imports, the class and function names that two files define, the source files, and
the files that import each other in a circle.
"""

from __future__ import annotations

import ast
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

PACKAGE = Path(__file__).parents[1] / "src" / "propose_reduce"


class _Reached(BaseException):
    """The first forward was called; not an Exception, which a run over videos would log."""


def calls_to_forward() -> list[str]:
    """Return the functions of this package from the command's to the first ``forward``.

    The command itself is not among them, so that their number is that of the calls. A forward that
    only finds out shapes while a network is built does not count.
    """
    import torch

    from propose_reduce.api.predicting import write_clip
    from propose_reduce.cli.predict import predict_command

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frame.f_code.co_name != "forward":
            return
        if not isinstance(frame.f_locals.get("self"), torch.nn.Module):
            return
        names: list[str] = []
        above: FrameType | None = frame
        while above is not None and above.f_code is not predict_command.__code__:
            if Path(above.f_code.co_filename).is_relative_to(PACKAGE):
                names.insert(0, above.f_code.co_qualname)
            above = above.f_back
        if above is not None and not any(name.endswith("__init__") for name in names):
            sys.setprofile(None)
            raise _Reached(names)

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        write_clip(clip)
        sys.setprofile(watch)
        try:
            predict_command([str(clip)], Path(folder) / "out")
        except _Reached as reached:
            return list(reached.args[0])
        finally:
            sys.setprofile(None)
    raise RuntimeError("the command came to no forward")


def sources(package: Path = PACKAGE) -> dict[Path, ast.Module]:
    """Return the syntax trees of all source files."""
    return {file: ast.parse(file.read_text()) for file in sorted(package.rglob("*.py"))}


def import_share(trees: dict[Path, ast.Module]) -> float:
    """Return the share of lines that belong to import statements."""
    imports = sum(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    return imports / sum(len(file.read_text().splitlines()) for file in trees)


def doubled_names(trees: dict[Path, ast.Module]) -> dict[str, list[str]]:
    """Return the names of classes and functions that two or more files define, with these."""
    found: dict[str, list[str]] = defaultdict(list)
    for file, tree in trees.items():
        names = Counter(
            node.name
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        )
        for name in names:
            found[name].append(file.relative_to(PACKAGE).as_posix())
    return {name: files for name, files in sorted(found.items()) if len(files) > 1}


def circles(trees: dict[Path, ast.Module]) -> list[list[str]]:
    """Return the groups of files that import each other, at any time or for types alone."""
    modules = {_module(file): tree for file, tree in trees.items()}
    targets = {name: set(_imported(name, tree, modules)) for name, tree in modules.items()}
    reached = {name: _reachable(name, targets) for name in targets}
    groups = {
        tuple(sorted(n for n in reached[name] if name in reached[n]))
        for name in targets
        if name in reached[name]
    }
    return [list(group) for group in sorted(groups)]


def _module(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def _imported(name: str, tree: ast.Module, modules: dict[str, ast.Module]) -> Iterator[str]:
    """Yield the modules that another one names in its imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module in modules:
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                target = below if below in modules else node.module
                if target != name:
                    yield target


def _reachable(name: str, targets: dict[str, set[str]]) -> set[str]:
    """Return the modules that are imported from one, through others too."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        for target in targets[waiting.pop()] - seen:
            seen.add(target)
            waiting.append(target)
    return seen


def main() -> None:
    """Print all figures."""
    trees = sources()
    calls = calls_to_forward()
    doubled = doubled_names(trees)
    print(f"calls to the first forward: {len(calls)} ({' > '.join(calls)})")
    print(f"lines that are imports: {100 * import_share(trees):.1f} %")
    print(f"names that two files define: {len(doubled)}")
    for name, files in doubled.items():
        print(f"  {name}: {', '.join(files)}")
    print(f"source files: {len(trees)}")
    print(f"import circles: {circles(trees)}")


if __name__ == "__main__":
    main()
