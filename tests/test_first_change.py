"""The recipes of docs/first_change.md work as printed, in a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from places import REPOSITORY

PAGE = REPOSITORY / "docs" / "first_change.md"
BLOCK = re.compile(
    r"^```(?:python|yaml)\n# (?P<file>\S+?)(?:, above: (?P<line>[^\n]+))?\n(?P<code>.*?)^```$",
    re.M | re.S,
)
"""A block that is a file, or lines of one above the first line that begins as named."""


def follow(recipe: re.Match[str], root):
    """Do what a block says below the folder ``root``; return the file."""
    file = root / recipe["file"]
    if recipe["line"] is None:
        assert not file.exists(), f"{recipe['file']} is there already: name another in the recipe"
        file.write_text(recipe["code"], encoding="utf-8")
        return file
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    places = [n for n, line in enumerate(lines) if line.lstrip().startswith(recipe["line"])]
    assert len(places) == 1, f"{recipe['file']}: {len(places)} lines begin with {recipe['line']!r}"
    here = lines[places[0]]
    margin = here[: len(here) - len(here.lstrip())]
    added = [margin + line for line in recipe["code"].splitlines(keepends=True)]
    blank = ["\n", "\n"] if here.startswith("def ") else []
    lines[places[0] : places[0]] = [*added, *blank]
    file.write_text("".join(lines), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """Return a copy of the repository in which every recipe was followed, and the tests added."""
    root = tmp_path_factory.mktemp("clone")
    leave = shutil.ignore_patterns("__pycache__", "*.egg-info", "reference")
    for folder in ("src", "tests"):
        shutil.copytree(REPOSITORY / folder, root / folder, ignore=leave)
    shutil.copy(REPOSITORY / "pyproject.toml", root)
    recipes = list(BLOCK.finditer(PAGE.read_text(encoding="utf-8")))
    files = [follow(recipe, root) for recipe in recipes]
    return root, [file for file in files if file.is_relative_to(root / "tests")]


def in_copy(root, *command):
    """Run a command of Python in the copy; its package comes first."""
    places = {"PYTHONPATH": str(root / "src"), "PYTEST_ADDOPTS": ""}
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=root,
        env=os.environ | places,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.process
def test_every_recipe_brings_a_test_that_passes(changed):
    root, tests = changed
    assert len(tests) == 4
    run = in_copy(root, "pytest", "-q", "-n", "0", *tests, "tests/test_rooms.py")
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.process
def test_what_the_recipes_add_is_as_the_linter_wants_it(changed):
    pytest.importorskip("ruff", reason="needs the extra 'dev'")
    root, _ = changed
    run = in_copy(root, "ruff", "check", "--fix", "-q", "src", "tests")  # as the page says
    assert run.returncode == 0, run.stdout + run.stderr
