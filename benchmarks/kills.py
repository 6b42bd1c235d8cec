"""Processes killed at random moments, and disks that fail: what is on disk stays whole.

    python benchmarks/kills.py predict [--kills 200] [--minutes 60] [--seed 0]
    python benchmarks/kills.py train [--kills 200] [--minutes 60] [--tmpdir DIR]
    python benchmarks/kills.py mishaps

``predict`` is killed over a folder of short films, then run to its end: every file must be equal to
that of a run that nobody killed, and no temporary file may be left. ``train`` is killed and resumed
until it ends: its weights must be equal, to the bit, to those of an unbroken run. ``--tmpdir`` puts
TMPDIR elsewhere, on another file system for example. ``mishaps`` (Linux) runs ``predict`` on disks
that get full, on a disk that is read-only, and lets a film vanish while another one is at work: the
exit code is 2, no traceback is shown, what is there is whole, and the next run ends the work. The
exit code of the script is 1 where anything differs.
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
    """Do what the command line asks for; say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("predict", "train", "mishaps"))
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=1e9, help="after which no more are killed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=40, help="of each stage of the training")
    parser.add_argument("--tmpdir", type=Path, help="TMPDIR of the killed processes")
    words = parser.parse_args()
    run = {"predict": _kill_predict, "train": _kill_train, "mishaps": _mishaps}[words.command]
    with tempfile.TemporaryDirectory() as folder:
        return run(Path(folder), words)


def _films(folder: Path) -> list[str]:
    """Write short films into a folder; return the command over them, without its output."""
    for index in range(FILMS):
        film = shapes_video("val", index)
        write_video(folder / f"{index}.mp4", (film.frame(t) for t in range(FRAMES)), threads=1)
    options = ("--key-frames", "2", "--overlay", "frames", "--format", "davis")
    return ["predict", str(folder), *options, "-o"]


def _kill_predict(folder: Path, words: argparse.Namespace) -> int:
    command = _films(folder / "films")
    seconds = _run([*command, str(folder / "whole")], words)
    whole = _content(folder / "whole")
    random, faults, killed = Random(words.seed), 0, 0
    end = time.perf_counter() + 60 * words.minutes
    while killed < words.kills and time.perf_counter() < end:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        for _ in range(random.randint(1, 6)):
            killed += _run([*command, str(out)], words, until=random.uniform(0, seconds)) < 0
        _run([*command, str(out)], words)
        differing = {name for name, _ in _content(out).items() ^ whole.items()}
        if differing:
            faults += 1
            print(f"after {killed} kills differ: {', '.join(sorted(differing))}", file=sys.stderr)
        print(f"predict: {killed} kills, {faults} outputs that differ", flush=True)
    return int(faults > 0)


def _kill_train(folder: Path, words: argparse.Namespace) -> int:
    stages = load_preset(PRESET).training.stages
    steps = [f"--set=training.stages.{name}.steps={words.steps}" for name in stages]
    command = ["train", PRESET, *TRAINING, *steps, "-o"]
    seconds = _run([*command, str(folder / "whole")], words)
    random, faults, killed = Random(words.seed), 0, 0
    end = time.perf_counter() + 60 * words.minutes
    while killed < words.kills and time.perf_counter() < end:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        done = False
        while not done:
            resume = ["--resume"] if (run / "preset.yaml").is_file() else []
            if not resume:
                shutil.rmtree(run, ignore_errors=True)
            more = killed < words.kills and time.perf_counter() < end
            until = random.uniform(seconds / 3, seconds) if more else None
            done = _run([*command, str(run), *resume], words, until=until) >= 0
            killed += not done
        name = "weights.safetensors"
        if (run / name).read_bytes() != (folder / "whole" / name).read_bytes():
            faults += 1
            print(f"after {killed} kills the weights differ", file=sys.stderr)
        print(f"train: {killed} kills, {faults} weights that differ", flush=True)
    return int(faults > 0)


def _mishaps(folder: Path, words: argparse.Namespace) -> int:
    command = _films(folder / "films")
    _run([*command, str(folder / "whole")], words)
    whole = _content(folder / "whole")
    size = sum(path.stat().st_size for path in (folder / "whole").rglob("*") if path.is_file())
    random, faults = Random(words.seed), []
    for number in range(8):
        kilobytes = random.randint(4, max(5, size // 1000))
        faults += _on_a_disk(folder / f"full{number}", f"size={kilobytes}k", command, whole)
    faults += _on_a_disk(folder / "read-only", "ro", command, whole)
    faults += _vanished(folder, command, whole)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"mishaps: 8 full disks, 1 read-only, 1 film that vanishes, {len(faults)} faults")
    return int(bool(faults))


ON_A_DISK = """
mount -t tmpfs -o "$0" tmpfs "$1" || exit 99
kept="$2"; place="$1"; shift 2
"$@" -o "$place"
code=$?
cp -r "$place/." "$kept"
exit $code
"""
"""A command with its output on a new disk, in a name space of its own; what it wrote is kept."""


def _on_a_disk(place: Path, options: str, command: list[str], whole: dict[str, str]) -> list[str]:
    """Run a command on a disk that fails it, then on one that does not; return the faults."""
    disk, kept = place / "disk", place / "kept"
    for path in (disk, kept):
        path.mkdir(parents=True)
    enter = ["unshare", "--map-root-user", "--mount", "sh", "-c", ON_A_DISK, options]
    work = [sys.executable, "-m", "propose_reduce", *command[:-1]]
    done = subprocess.run(
        [*enter, str(disk), str(kept), *work], capture_output=True, text=True, check=False
    )
    faults = _faults(place.name, done.returncode, done.stderr, kept, whole)
    again = subprocess.run([*work, "-o", str(kept)], capture_output=True, text=True, check=False)
    if again.returncode or _content(kept) != whole:
        faults.append(f"{place.name}: the next run ends by {again.returncode}, or differs")
    return faults


def _vanished(folder: Path, command: list[str], whole: dict[str, str]) -> list[str]:
    """Let the last film vanish as soon as the first is done; return the faults."""
    out, last = folder / "vanished", folder / "films" / f"{FILMS - 1}.mp4"
    with subprocess.Popen(
        [sys.executable, "-m", "propose_reduce", *command, str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and not (out / "0" / "result.json").exists():
            time.sleep(0.01)
        last.unlink()
        _, told = process.communicate()
    return _faults("vanished", process.returncode, told, out, whole)


def _faults(case: str, code: int, told: str, out: Path, whole: dict[str, str]) -> list[str]:
    """Return what is wrong with a run that could not do all: its end, its words, its files."""
    faults = [] if code == 2 else [f"{case}: ended by {code}: {told[-500:]}"]
    if "Traceback" in told:
        faults.append(f"{case}: {told[-2000:]}")
    # the pages of all videos list fewer of them
    parts = {name for name, digest in _content(out).items() if whole.get(name) != digest}
    if parts - {"index.html"}:
        faults.append(f"{case}: not whole: {', '.join(sorted(parts))}")
    return faults


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
