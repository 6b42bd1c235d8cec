"""Processes killed at random moments: what is on disk stays whole, and the next run ends the work.

    python benchmarks/kills.py predict [--kills 200] [--seed 0]
    python benchmarks/kills.py train [--kills 200] [--tmpdir DIR]

``predict`` is killed over a folder of short films, then run to its end: every file must be equal to
that of a run that nobody killed, and no temporary file may be left. ``train`` is killed and resumed
until it ends: its weights must be equal, to the bit, to those of an unbroken run. ``--tmpdir`` puts
TMPDIR elsewhere, on another file system for example. The exit code is 1 where anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from propose_reduce.data.shapes import shapes_video
from propose_reduce.settings import load_preset
from propose_reduce.video import write_video

FILMS, FRAMES = 3, 8
PRESET = "shapes_tiny"
TRAINING = (
    "--set=training.workers=0",
    "--set=training.checkpoint_every=2",
    "--set=training.validation.every=0",
    "--set=training.pictures_every=0",
)


def main() -> int:
    """Kill what the command line asks for; say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("predict", "train"))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=40, help="of each stage of the training")
    parser.add_argument("--tmpdir", type=Path, help="TMPDIR of the killed processes")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kill = _kill_predict if words.command == "predict" else _kill_train
        return kill(Path(folder), words)


def _kill_predict(folder: Path, words: argparse.Namespace) -> int:
    films = folder / "films"
    for index in range(FILMS):
        film = shapes_video("val", index)
        write_video(films / f"{index}.mp4", (film.frame(t) for t in range(FRAMES)), threads=1)
    options = ("--key-frames", "2", "--overlay", "frames", "--format", "davis")
    command = ["predict", str(films), *options, "-o"]
    seconds = _run([*command, str(folder / "whole")], words)
    whole = _content(folder / "whole")
    random, faults, killed = Random(words.seed), 0, 0
    while killed < words.kills:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        for _ in range(random.randint(1, 3)):
            killed += _run([*command, str(out)], words, until=random.uniform(0, seconds)) < 0
        _run([*command, str(out)], words)
        differing = {name for name, _ in _content(out).items() ^ whole.items()}
        if differing:
            faults += 1
            print(f"after {killed} kills differ: {', '.join(sorted(differing))}", file=sys.stderr)
    print(f"predict: {killed} kills, {faults} outputs that differ")
    return int(faults > 0)


def _kill_train(folder: Path, words: argparse.Namespace) -> int:
    stages = load_preset(PRESET).training.stages
    steps = [f"--set=training.stages.{name}.steps={words.steps}" for name in stages]
    command = ["train", PRESET, *TRAINING, *steps, "-o"]
    seconds = _run([*command, str(folder / "whole")], words)
    random, faults, killed = Random(words.seed), 0, 0
    while killed < words.kills:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        done = False
        while not done:
            resume = ["--resume"] if (run / "preset.yaml").is_file() else []
            if not resume:
                shutil.rmtree(run, ignore_errors=True)
            until = random.uniform(seconds / 3, seconds) if killed < words.kills else None
            done = _run([*command, str(run), *resume], words, until=until) >= 0
            killed += not done
        name = "weights.safetensors"
        if (run / name).read_bytes() != (folder / "whole" / name).read_bytes():
            faults += 1
            print(f"after {killed} kills the weights differ", file=sys.stderr)
    print(f"train: {killed} kills, {faults} weights that differ")
    return int(faults > 0)


def _run(arguments: list[str], words: argparse.Namespace, until: float | None = None) -> float:
    """Run a command; return its seconds, or -1 where it was killed.

    Args:
        arguments: of the command line.
        words: where TMPDIR is.
        until: seconds after which to kill it; None: never.

    Raises:
        SystemExit: it ended with an error.
    """
    place = {} if words.tmpdir is None else {"TMPDIR": str(words.tmpdir)}
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "propose_reduce", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, **place},
        start_new_session=True,
    ) as process:
        try:
            _, told = process.communicate(timeout=until)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return -1
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} ended by {process.returncode}: {told.decode()[-2000:]}")
    return time.perf_counter() - began


def _content(folder: Path) -> dict[str, str]:
    """Return the digest of every file in a folder, by its name there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    sys.exit(main())
