"""The command line's frame: cheap help, exit codes, one place where errors become one line."""

import json
import os
import signal
import subprocess
import sys
import warnings
from importlib.metadata import version
from io import TextIOWrapper
from pathlib import Path

import pytest
import typer

from propose_reduce.cli import main as frame
from propose_reduce.cli.terminal import say
from propose_reduce.errors import ContractError, DivergedError, InputError, ResourceError

HEAVY = ("torch", "torchvision", "timm", "lightning", "cv2", "av", "scipy", "matplotlib")

# Asks every command and every group of commands for its help, in one fresh process.
ASK_FOR_HELP = f"""
import json, sys
import typer.main
from typer.testing import CliRunner
from propose_reduce.cli.main import app

def paths(command, path=()):
    yield path
    for name, child in getattr(command, "commands", {{}}).items():
        yield from paths(child, (*path, name))

answers = {{}}
for path in paths(typer.main.get_command(app)):
    result = CliRunner().invoke(app, [*path, "--help"])
    loaded = [name for name in {HEAVY} if name in sys.modules]
    answers[" ".join(path)] = [result.exit_code, "Usage" in result.output, loaded]
print(json.dumps(answers))
"""


def run(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.process
def test_help_of_every_command_answers_without_loading_a_heavy_library():
    answers = json.loads(run(sys.executable, "-c", ASK_FOR_HELP).stdout)
    assert "" in answers
    assert {name: answer for name, answer in answers.items() if answer != [0, True, []]} == {}


@pytest.mark.process
def test_the_package_runs_as_a_module_and_says_its_version():
    answer = run(sys.executable, "-m", "propose_reduce", "--version")
    assert (answer.returncode, answer.stdout) == (
        0,
        f"propose-reduce {version('propose-reduce')}\n",
    )


@pytest.mark.parametrize("arguments", [["segmnt"], ["--colour"]], ids=["command", "option"])
def test_an_unknown_name_is_the_users_mistake(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["propose-reduce", *arguments])
    with pytest.raises(SystemExit) as stop:
        frame.main()
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def command_line_that_raises(error):
    """Return an application of the same kind whose only command fails."""
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("kind", "code"),
    [(InputError, 2), (ContractError, 3), (DivergedError, 4), (ResourceError, 5)],
)
def test_an_error_of_ours_becomes_one_line_and_its_exit_code(kind, code, monkeypatch, capsys):
    mistake = kind("no such video 'x.mp4': give a file or a folder of frames")
    monkeypatch.setattr(frame, "app", command_line_that_raises(mistake))
    monkeypatch.setattr(sys, "argv", ["propose-reduce"])
    with pytest.raises(SystemExit) as stop:
        frame.main()
    assert stop.value.code == code
    output = capsys.readouterr()
    assert output.err == f"propose-reduce: {mistake}\n"
    assert output.out == ""


def test_a_warning_is_one_line_too(monkeypatch, capsys):
    def warn():
        warnings.warn("the file '\x1b[2J' has no checksum", stacklevel=1)

    monkeypatch.setattr(frame, "app", warn)
    frame.main()
    assert capsys.readouterr().err == "warning: the file '\\x1b[2J' has no checksum\n"


def test_what_the_system_refuses_is_one_line_with_the_path(tmp_path, monkeypatch, capsys):
    name = str(tmp_path / ("x" * 300))
    monkeypatch.setattr(sys, "argv", ["propose-reduce", "data", "check", name])
    with pytest.raises(SystemExit) as stop:
        frame.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"propose-reduce: '{name}': File name too long\n"


def report_and_work(done):
    """Return a command that prints, then does its work."""

    def work():
        say("printed before the work")
        done.append("work")
        raise SystemExit(0)

    return work


def exit_code():
    with pytest.raises(SystemExit) as stop:
        frame.main()
    return stop.value.code


FULL = Path("/dev/full")
needs_full_disk = pytest.mark.skipif(not FULL.exists(), reason="this system has no full device")


@needs_full_disk
@pytest.mark.parametrize("buffering", [-1, 0], ids=["buffered", "python -u"])
def test_a_full_stdout_ends_no_work_and_is_told_in_the_end(monkeypatch, capsys, buffering):
    done = []
    monkeypatch.setattr(frame, "app", report_and_work(done))
    with TextIOWrapper(FULL.open("wb", buffering), write_through=buffering == 0) as full:
        monkeypatch.setattr("sys.stdout", full)
        assert exit_code() == 5
    assert done == ["work"]
    assert "is lost: No space left" in capsys.readouterr().err


def test_a_reader_that_has_gone_ends_no_work(monkeypatch, capsys):
    done = []
    monkeypatch.setattr(frame, "app", report_and_work(done))
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        monkeypatch.setattr("sys.stdout", gone)
        assert exit_code() == 0
    assert (done, capsys.readouterr().err) == (["work"], "")


@needs_full_disk
def test_a_full_stderr_leaves_the_exit_code(monkeypatch):
    monkeypatch.setattr(frame, "app", command_line_that_raises(InputError("a mistake")))
    with FULL.open("w") as full:
        monkeypatch.setattr("sys.stderr", full)
        assert exit_code() == 2


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_stream_ends_no_work(monkeypatch, name):
    done = []
    monkeypatch.setattr(frame, "app", report_and_work(done))
    monkeypatch.setattr(f"sys.{name}", None)
    assert (exit_code(), done) == (0, ["work"])


def test_names_that_stdout_cannot_encode_are_escaped(monkeypatch, tmp_path):
    monkeypatch.setattr(frame, "app", lambda: say("日本 caf\xe9"))
    with (tmp_path / "out").open("w", encoding="cp1252") as narrow:
        monkeypatch.setattr("sys.stdout", narrow)
        frame.main()
    assert (tmp_path / "out").read_bytes().strip() == b"\\u65e5\\u672c caf\xe9"


ENDLESS = """
import pathlib, signal, sys, time
from propose_reduce.cli import main as frame
from propose_reduce.files import replacing

def write():
    with replacing(pathlib.Path(sys.argv[1])) as half:
        half.write_text("half")
        print("begun", flush=True)
        time.sleep(600)

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have it ignored
frame.app = write
frame.main()
"""


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_half_written(tmp_path, number):
    line = [sys.executable, "-c", ENDLESS, str(tmp_path / "a.txt")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        assert process.wait(timeout=60) == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_before_a_command_begins_is_no_traceback(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(frame, "app", interrupted)
    with pytest.raises(SystemExit) as stop:
        frame.main()
    assert stop.value.code == 130


def test_a_line_of_help_is_not_broken_twice():
    """Typer keeps the line breaks of a docstring and breaks again where 80 columns end."""
    pages = [command.callback.__doc__ for command in commands(typer.main.get_command(frame.app))]
    assert pages
    assert [line for page in pages for line in page.splitlines()[1:] if len(line) > 82] == []


def commands(command):
    """Return every command below one, without the groups."""
    children = getattr(command, "commands", None)
    if children is None:
        return [command]
    return [found for child in children.values() for found in commands(child)]


@pytest.mark.parametrize("kind", [RuntimeError, OSError])
def test_an_error_of_our_own_keeps_its_traceback(monkeypatch, kind):
    monkeypatch.setattr(frame, "app", command_line_that_raises(kind("our fault")))
    monkeypatch.setattr(sys, "argv", ["propose-reduce"])
    with pytest.raises(kind, match="our fault"):
        frame.main()
