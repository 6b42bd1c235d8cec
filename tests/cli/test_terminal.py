"""Names out of files on the terminal: shown, and never obeyed."""

import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from propose_reduce import cli
from propose_reduce.cli.terminal import say, terminal
from propose_reduce.errors import printable

HOSTILE = "\x1b[2J\x1b]0;title\x07red\x1b[31m\r\nforged \u202edrawkcab \x9b1m\udc80"


@given(st.text())
def test_printable_text_is_one_line_and_stays_what_it_is(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
    assert not text.isprintable() or shown == text


def test_a_line_is_one_line(capsys):
    say(f"result -> {HOSTILE}")
    say(HOSTILE, err=True)
    for written in capsys.readouterr():
        assert written.count("\n") == 1
        assert written.rstrip("\n").isprintable()


@pytest.mark.parametrize("colours", [False, True])
def test_tables_show_control_characters_escaped(colours):
    console = terminal(file=io.StringIO(), width=200, force_terminal=colours)
    table = Table(title=Text(HOSTILE))
    table.add_column("name")
    table.add_row(Text(HOSTILE, style="red"))
    console.print(table)
    written = console.file.getvalue()
    assert r"\x1b[2J" in written
    assert "\x1b[2J" not in written
    assert "\x1b]0" not in written
    assert "\u202e" not in written
    assert ("\x1b[" in written) == colours  # its own colours stay


def test_no_command_writes_past_it():
    files = [f for f in Path(cli.__file__).parent.glob("*.py") if f.name != "terminal.py"]
    assert len(files) > 10
    direct = re.compile(r"typer\.echo\(|(?<![.\w])print\(|(?<!\w)Console\(|std(out|err)\.write")
    assert [f.name for f in files if direct.search(f.read_text())] == []
