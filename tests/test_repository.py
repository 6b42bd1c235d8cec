"""Facts about the repository as a whole: its version, its files, its licence."""

import hashlib
import re
import runpy
import shutil
import subprocess
import tomllib
from importlib.metadata import entry_points, version

import pytest
import yaml
from places import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGE = REPOSITORY / "src" / "propose_reduce"
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))

# Absolute folders of somebody's machine, and hosts that packages come from: neither means
# anything to the reader of a file.
MACHINE_PATH = re.compile(rb"(?<![\w./-])/(?:work|root|home|Users|opt|mnt)/\w[\w./-]*")
REGISTRY_HOST = re.compile(rb"\b(?:pypi|pythonhosted|npmjs|debian|pytorch)\.(?:org|com|io)\b")


def tracked_files():
    """Return the files git knows of; skip where there is no git."""
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("needs git and a clone")
    command = ["git", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    files = [REPOSITORY / name for name in listing.stdout.split("\0") if name]
    return [file for file in files if file.is_file()]


@pytest.mark.parametrize("pattern", [MACHINE_PATH, REGISTRY_HOST], ids=["paths", "hosts"])
def test_no_file_names_a_machine_path_or_a_registry_host(pattern):
    found = {
        str(file.relative_to(REPOSITORY)): match[0]
        for file in tracked_files()
        if (match := pattern.search(file.read_bytes()))
    }
    assert found == {}


@pytest.mark.parametrize("folder", ["work", "root", "home", "opt"])
def test_the_search_for_machine_paths_finds_one(folder):
    assert MACHINE_PATH.search(f"cd /{folder}/somebody/x".encode())
    assert not MACHINE_PATH.search(f"frame{folder}/somebody and a/{folder}/x".encode())


def test_the_search_for_registry_hosts_finds_one():
    assert REGISTRY_HOST.search(b"https://" + b".".join([b"files", b"pythonhosted", b"org"]))


def test_the_installed_package_has_the_version_of_the_project_file():
    assert version("propose-reduce") == PROJECT["project"]["version"]


@pytest.mark.parametrize("file", ["CITATION.cff", "CHANGELOG.md"])
def test_every_file_that_states_the_version_states_the_same(file):
    assert PROJECT["project"]["version"] in (REPOSITORY / file).read_text(encoding="utf-8")


def test_a_tag_is_released_only_where_every_file_states_its_version(tmp_path):
    check = runpy.run_path(str(REPOSITORY / ".ci" / "check_tag.py"))["faults"]
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md"):
        shutil.copy(REPOSITORY / name, tmp_path)
    version = PROJECT["project"]["version"]
    (tmp_path / "CHANGELOG.md").write_text(f"## [{version}] - 2026-01-01\n", encoding="utf-8")
    assert check(f"v{version}", tmp_path) == []
    assert len(check("v99.0.0", tmp_path)) == 3
    (tmp_path / "CHANGELOG.md").write_text(f"## [Unreleased]: {version}\n", encoding="utf-8")
    assert [fault.split()[0] for fault in check(f"v{version}", tmp_path)] == ["CHANGELOG.md"]


def test_the_command_is_installed():
    (command,) = entry_points(group="console_scripts", name="propose-reduce")
    assert command.value == "propose_reduce.cli.main:main"


def test_the_package_takes_every_file_along_that_is_no_code():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["propose_reduce"]
    taken = {file for pattern in patterns for file in PACKAGE.glob(pattern)}
    data = {
        file
        for file in PACKAGE.rglob("*")
        if file.is_file() and file.suffix != ".py" and file.parent.name != "__pycache__"
    }
    assert data - taken == set()


def test_every_extra_that_is_named_exists_and_is_installed_from_a_clone():
    known = PROJECT["project"]["optional-dependencies"]
    for file in (*PACKAGE.rglob("*.py"), *REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")):
        text = file.read_text(encoding="utf-8")
        assert "install 'propose-reduce[" not in text, file.name  # on no index: it is not found
        named = set(re.findall(r"install (?:-e )?'\.\[(\w+)\]'", text))
        assert named <= set(known), file.name


def test_the_licence_is_the_whole_apache_licence():
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_the_citation_names_the_paper_with_all_five_authors():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    paper = citation["preferred-citation"]
    names = [author["family-names"] for author in paper["authors"]]
    assert names == ["Lin", "Wu", "Liu", "Lu", "Jia"]
    assert paper["year"] == 2021
    assert "2103.13746" in paper["url"]


def test_every_dependency_and_what_its_wheel_brings_is_told():
    told = (REPOSITORY / "THIRD_PARTY.md").read_text(encoding="utf-8")
    cells = {line.split("|")[1] for line in told.splitlines() if line.startswith("| `")}
    names = {name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)}
    needed = {re.match(r"[\w-]+", line)[0] for line in PROJECT["project"]["dependencies"]}
    assert names == needed


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_pins_every_action_by_commit(workflow):
    actions = re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8"))
    assert actions
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in actions)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_holds_no_secret_and_may_write_nothing(workflow):
    text = workflow.read_text(encoding="utf-8")
    told = yaml.safe_load(text)
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert told["permissions"] in ({}, {"contents": "read"})
    written = {
        name: {right for right, kind in job.get("permissions", {}).items() if kind == "write"}
        for name, job in told["jobs"].items()
    }
    assert {name: rights for name, rights in written.items() if rights} == (
        {"publish": {"id-token", "attestations"}} if workflow.stem == "release" else {}
    )
    assert all(job["timeout-minutes"] <= 120 for job in told["jobs"].values())


def test_every_python_that_is_named_is_tried_on_three_systems():
    text = (REPOSITORY / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    matrix = yaml.safe_load(text)["jobs"]["checks"]["strategy"]["matrix"]
    named = " ".join(PROJECT["project"]["classifiers"])
    assert matrix["python"] == re.findall(r"Python :: (3\.\d+)", named)
    assert matrix["system"] == ["ubuntu", "macos", "windows"]
