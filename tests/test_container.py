"""The container file: what it builds from, who it runs as, and, where Docker is, that it works."""

import json
import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from places import REPOSITORY

from propose_reduce.results import VideoResult
from propose_reduce.video import write_video
from test_repository import PROJECT

TEXT = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


def instructions(text):
    """Return the lines of a container file as pairs: the instruction and what follows it."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", text))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


LINES = instructions(TEXT)
LAST_STAGE = LINES[max(index for index, (word, _) in enumerate(LINES) if word == "FROM") :]


def test_what_runs_is_no_root_user():
    words = [word for word, _ in LAST_STAGE]
    (user,) = [rest for word, rest in LAST_STAGE if word == "USER"]
    assert int(user) > 0
    assert set(words[words.index("USER") + 1 :]) <= {"WORKDIR", "ENTRYPOINT", "CMD"}


def test_it_runs_the_command_of_the_package():
    told = dict(LAST_STAGE)
    (program,) = json.loads(told["ENTRYPOINT"])
    assert program in PROJECT["project"]["scripts"]
    assert told["WORKDIR"] == "/videos"


def test_its_python_is_one_that_the_package_runs_on():
    python = re.search(r"ARG PYTHON=(\S+)", TEXT)[1]
    assert f"Programming Language :: Python :: {python}" in PROJECT["project"]["classifiers"]


def test_the_build_sees_all_that_the_wheel_is_made_of_and_nothing_else():
    text = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8")
    first, *rest = [line for line in text.splitlines() if not line.startswith("#")]
    seen = {line[1:] for line in rest if line.startswith("!")}
    project = PROJECT["project"]
    assert first == "*"
    assert seen == {"pyproject.toml", "src", project["readme"], *project["license-files"]}


def test_a_linter_finds_nothing():
    if shutil.which("hadolint") is None:
        pytest.skip("needs hadolint")
    command = ["hadolint", str(REPOSITORY / "Dockerfile")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.stdout + found.stderr == ""


@pytest.mark.download
def test_it_predicts_on_a_mounted_folder_and_what_it_writes_is_ours(tmp_path):
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True).returncode:
        pytest.skip("needs a Docker that runs")
    clip = np.full((3, 72, 96, 3), 90, dtype=np.uint8)
    clip[:, 20:50, 30:60] = (200, 60, 40)
    write_video(tmp_path / "clip.mp4", list(clip))
    subprocess.run([docker, "build", "-q", "-t", "propose-reduce:test", REPOSITORY], check=True)
    user = f"{os.getuid() or 1234}:{os.getgid()}"
    tmp_path.chmod(0o777)
    command = [docker, "run", "--rm", "--network", "none", "--user", user]
    command += [
        "-v",
        f"{tmp_path}:/videos",
        "propose-reduce:test",
        "predict",
        "clip.mp4",
        "-o",
        "out",
    ]
    subprocess.run(command, check=True)
    written = tmp_path / "out" / "clip" / "result.json"
    assert VideoResult.load(written).num_frames == 3
    assert written.stat().st_uid == int(user.split(":")[0])
