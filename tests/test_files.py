import codecs
import gc
import gzip
import io
import json
import os
import resource
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from propose_reduce import files
from propose_reduce.errors import InputError
from propose_reduce.files import check_folder, is_folder, read_json, replacing, write_text


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def interrupted(path, folder=False):
    with replacing(path) as temporary:
        if folder:
            temporary.mkdir()
        (temporary / "x" if folder else temporary).write_text("half")
        raise KeyboardInterrupt


def test_what_was_there_is_replaced_only_when_writing_ends_well(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text() == "old"
    write_text(tmp_path / "a.txt", "new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert left(tmp_path) == ["a.txt"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for name in ("first", "second"):
        with replacing(tmp_path / "d") as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert left(tmp_path) == ["d"]
    assert left(tmp_path / "d") == ["second"]


def test_a_half_written_folder_goes(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "d", folder=True)
    assert left(tmp_path) == []


def test_a_path_under_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write '.*file/a/b.txt': Not a directory"):
        write_text(tmp_path / "file" / "a" / "b.txt", "x")


def test_a_place_is_looked_at_without_making_it(tmp_path, monkeypatch):
    check_folder(tmp_path / "new" / "deep")
    assert left(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write into '.*/file/in': '.*/file' is a file"):
        check_folder(tmp_path / "file" / "in")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)  # not for root
    with pytest.raises(InputError, match=rf"cannot write into '.*': '{tmp_path}' may not be"):
        check_folder(tmp_path / "new")


def test_a_folder_of_that_name_is_not_deleted_for_a_file(tmp_path):
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "a.txt" / "precious").touch()
    with pytest.raises(InputError, match=r"cannot write '.*a.txt'"):
        write_text(tmp_path / "a.txt", "x")
    assert left(tmp_path / "a.txt") == ["precious"]


def test_a_file_size_limit_leaves_nothing_behind(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(InputError, match="File too large"):
            write_text(tmp_path / "big.txt", "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert left(tmp_path) == []


def test_a_name_too_long_for_the_system_is_no_folder(tmp_path):
    assert is_folder(tmp_path)
    assert not is_folder(tmp_path / ("a" * 300))


@pytest.mark.parametrize("path", [".", "/"])
def test_a_folder_is_no_name_for_a_file(path):
    with pytest.raises(InputError, match=rf"cannot write '{path}': it is a folder"):
        write_text(Path(path), "text")


def test_json_may_start_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1}', encoding="utf-8-sig")
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize("text", ["[1", "{'a': 1}", "[" * 100_000, "1" * 5000, b"\xff"])
def test_what_is_no_json_is_said_in_one_line(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r"a\.json' is not valid JSON: ") as told:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(told.value)


LISTED = json.dumps([1, 2]).encode()


def gzipped(data):
    return gzip.compress(data, mtime=0)


def zipped(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            name = name.replace("_json", ".json")
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        LISTED,
        codecs.BOM_UTF8 + LISTED,
        "[1, 2]".encode("utf-16"),
        "[1, 2]".encode("utf-32"),
        "[1, 2]".encode("utf-16-le"),
        gzipped(LISTED),
        zipped(results_json=LISTED),
        zipped(results_json=LISTED, readme=b"text"),
        gzipped(codecs.BOM_UTF8 + LISTED),
    ],
)
def test_json_is_read_however_it_is_packed(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    assert read_json(tmp_path / "a.json") == [1, 2]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file"),
        (b" \n", "is an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a git-lfs pointer"),
        (b"<!DOCTYPE html><html>", "is a page of HTML"),
        (b"\xef\xbb\xbf\n<html>", "is a page of HTML"),
        (b"BZh91AY", "is compressed with bzip2"),
        (b'{"a": 1}\n{"a": 2}\n', "it is JSON lines"),
        (gzipped(LISTED)[:-9], "is a damaged archive"),
        (gzipped(b"[" + b" " * 10**8), "unpacks to more than"),
        (zipped(a_json=b"[" + b" " * 10**8), "unpacks to more than"),
        (zipped(a_json=LISTED)[:40], "is a damaged archive"),
        (zipped(a_json=LISTED, b_json=LISTED), r"must hold one .json file, got 2"),
        (zipped(readme=b""), r"must hold one .json file, got 0"),
        (b"[" * 900_000, "it is nested too deep"),
    ],
)
def test_what_is_something_else_is_called_by_its_name(tmp_path, content, message):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_json(tmp_path / "a.json")


@given(st.binary(max_size=40) | st.binary(max_size=20).map(gzipped))
def test_bytes_of_any_kind_are_json_or_one_line(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "fuzzed.json"
    file.write_bytes(content)
    try:
        read_json(file)
    except InputError as error:
        lines = str(error).splitlines()
        assert len(lines) == 1


@pytest.mark.parametrize("path", ["/dev/zero", "pipe"])
def test_what_never_ends_is_not_read(tmp_path, path):
    if path == "pipe":
        os.mkfifo(tmp_path / path)
    with pytest.raises(InputError, match="is a pipe or a device"):
        read_json(tmp_path / path)


def test_reading_leaves_the_garbage_collector_as_it_was(tmp_path):
    write_text(tmp_path / "a.json", "[]")
    read_json(tmp_path / "a.json")
    assert gc.isenabled()


def left_behind(folder, process, *, age=0.0, machine=None):
    """Make what a process left in the middle of writing a file and a folder."""
    mark = files._MARK if machine is None else f"{files._PREFIX}{machine}-"
    whole, half = folder / f"{mark}{process}.1-0123.json", folder / f"{mark}{process}.1-4567"
    whole.write_text("half")
    half.mkdir()
    (half / "00000.png").write_text("half")
    for path in (whole, half):
        os.utime(path, (time.time() - age, time.time() - age))


@pytest.fixture
def dead():
    """Return the number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_what_a_killed_process_left_goes_with_the_next_writing(tmp_path, dead):
    left_behind(tmp_path, dead)
    write_text(tmp_path / "a.txt", "new")
    assert left(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("machine", [None, "1234abcd"])
def test_what_may_be_at_work_stays_until_it_is_old(tmp_path, machine, dead):
    (tmp_path / ".propose-reduce-notes").touch()
    left_behind(tmp_path, os.getppid() if machine is None else dead, machine=machine)
    write_text(tmp_path / "a.txt", "new")
    assert len(left(tmp_path)) == 4
    old = tmp_path / "old"
    old.mkdir()
    left_behind(old, os.getppid(), machine=machine, age=files.LEFT_AFTER + 60)
    write_text(old / "a.txt", "new")
    assert left(old) == ["a.txt"]


def test_what_another_run_of_this_number_left_goes(tmp_path):
    left_behind(tmp_path, os.getpid())
    write_text(tmp_path / "a.txt", "new")
    assert left(tmp_path) == ["a.txt"]


def test_a_pipe_in_the_place_of_json_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(InputError, match="is a pipe or a device"):
        read_json(tmp_path / "a.json")


def test_halves_of_characters_are_written_escaped(tmp_path):
    write_text(tmp_path / "a.html", "cat \ud800")
    assert (tmp_path / "a.html").read_bytes() == rb"cat \ud800"


def test_a_file_that_begins_with_blanks_is_not_called_empty(tmp_path):
    (tmp_path / "a.json").write_text(" " * 600 + "[1]")
    assert read_json(tmp_path / "a.json") == [1]
    assert files.foreign_content(tmp_path / "a.json") == ""
    (tmp_path / "a.json").write_text(" " * 512)
    assert files.foreign_content(tmp_path / "a.json") == "an empty file"
