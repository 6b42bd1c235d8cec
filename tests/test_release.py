"""What is handed out: the source archive and the wheel hold what they must and nothing else."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser

import pytest
from places import REPOSITORY

from test_repository import PACKAGE, PROJECT, tracked_files

NAME = f"propose_reduce-{PROJECT['project']['version']}"
INFO = f"{NAME}.dist-info"
pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    """Build both from a copy of what git tracks, the wheel out of the source archive."""
    pytest.importorskip("build", reason="needs the extra 'dev'")
    tree, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for file in tracked_files():
        place = tree / file.relative_to(REPOSITORY)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(tree)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return out


@pytest.fixture(scope="module")
def wheel(distributions):
    with zipfile.ZipFile(distributions / f"{NAME}-py3-none-any.whl") as opened:
        yield opened


@pytest.fixture(scope="module")
def source(distributions):
    with tarfile.open(distributions / f"{NAME}.tar.gz") as opened:
        yield opened


def test_the_wheel_holds_the_package_as_git_has_it_and_nothing_else(wheel):
    tracked = {file for file in tracked_files() if file.is_relative_to(PACKAGE)}
    package = {f"propose_reduce/{file.relative_to(PACKAGE).as_posix()}" for file in tracked}
    about = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt"}
    licences = {"licenses/LICENSE", "licenses/THIRD_PARTY.md"}
    assert set(wheel.namelist()) == package | {f"{INFO}/{name}" for name in about | licences}
    for file in tracked:
        inside = f"propose_reduce/{file.relative_to(PACKAGE).as_posix()}"
        assert wheel.read(inside) == file.read_bytes(), inside


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "weights/real-tiny.safetensors",
        "weights/shapes-tiny.safetensors",
        "presets/real_tiny.yaml",
        "presets/youtube_vis_2019_r50.yaml",
        "results/result.schema.json",
        "evaluation/reports/templates/report.html",
        "drawing/viewer/templates/viewer.js",
    ],
)
def test_what_a_user_cannot_do_without_is_in_the_wheel(wheel, name):
    assert f"propose_reduce/{name}" in wheel.namelist()


def test_the_wheel_says_what_the_project_file_says(wheel):
    told = HeaderParser().parsestr(wheel.read(f"{INFO}/METADATA").decode())
    assert told["Version"] == PROJECT["project"]["version"]
    assert told["License-Expression"] == "Apache-2.0"
    assert set(told["Requires-Python"].split(",")) == {">=3.11", "<3.15"}
    assert set(told.get_all("Provides-Extra")) == set(PROJECT["project"]["optional-dependencies"])
    command = wheel.read(f"{INFO}/entry_points.txt").decode()
    assert "propose-reduce = propose_reduce.cli.main:main" in command


def test_the_source_archive_holds_all_that_its_tests_need(source):
    held = {name.removeprefix(f"{NAME}/") for name in source.getnames()}
    here = {file.relative_to(REPOSITORY).as_posix() for file in tracked_files()}
    left_out = {name for name in here - held if not name.startswith(".git")}
    assert left_out <= {".pre-commit-config.yaml", ".dockerignore", "Dockerfile", "MANIFEST.in"}
    assert not [name for name in held if "__pycache__" in name or name.startswith("build/")]


def test_an_index_would_take_both(distributions):
    pytest.importorskip("twine", reason="needs the extra 'dev'")
    command = [
        sys.executable,
        "-m",
        "twine",
        "check",
        "--strict",
        *map(str, distributions.iterdir()),
    ]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count("PASSED") == 2
