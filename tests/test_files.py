import gc
import resource
import signal
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("text", ["", "[1", "{'a': 1}", "[" * 100_000, "1" * 5000, b"\xff"])
def test_what_is_no_json_is_said_in_one_line(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r"a\.json' is not valid JSON: ") as told:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(told.value)


def test_reading_leaves_the_garbage_collector_as_it_was(tmp_path):
    write_text(tmp_path / "a.json", "[]")
    read_json(tmp_path / "a.json")
    assert gc.isenabled()
