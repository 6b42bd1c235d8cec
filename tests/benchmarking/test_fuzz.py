"""The fuzzing harness: damaged files for every reader, and that it sees a fault."""

import codecs
import gzip
import importlib
import io
import os
import sys
import warnings
import zipfile

import pytest
from places import REPOSITORY

from propose_reduce.errors import ProposeReduceError

FUZZ = REPOSITORY / "benchmarks" / "fuzz"
NAMES = ["mutations", "targets", "run"]


@pytest.fixture(scope="module")
def harness():
    sys.path.insert(0, str(FUZZ))
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FUZZ))
        for name in NAMES:
            sys.modules.pop(name, None)


def test_a_few_damaged_files_of_every_kind_give_results_or_errors_of_ours(harness, tmp_path):
    for reader in harness["targets"].TARGETS:
        found = harness["run"].fuzz(reader, 60, seed=1, keep=tmp_path, cases=4)
        logs = [log.read_text() for log in tmp_path.glob("*.log")]
        assert (found["cases"], found["faults"]) == (4, 0), f"{reader}: {logs}"


def test_a_fault_is_counted_and_kept(harness, tmp_path):
    def read(path):
        if path.read_bytes() != b"sound":
            raise KeyError("unforeseen")

    targets = harness["targets"]
    fragile = targets.Target("a.txt", lambda path: path.write_bytes(b"sound") and None, read)
    targets.TARGETS["fragile"] = fragile
    try:
        found = harness["run"].fuzz("fragile", 60, seed=0, keep=tmp_path, cases=5)
    finally:
        del targets.TARGETS["fragile"]
    assert found["faults"] >= 4
    assert "KeyError: 'unforeseen'" in (tmp_path / "fragile-1.log").read_text()


def zipped(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.json", content)
    return stream.getvalue()


FORMS = {
    "BOM": lambda sound: codecs.BOM_UTF8 + sound,
    "UTF-16": lambda sound: sound.decode().encode("utf-16"),
    "gzip": gzip.compress,
    "zip": zipped,
    "HTML": lambda sound: b"<!DOCTYPE html><html><title>404</title></html>",
    "pointer": lambda sound: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    "empty": lambda sound: b"",
    "cut": lambda sound: sound[: len(sound) // 2],
}
TEXT = {"set", "preset", "split", "mots", "mots-lengths", "file-mots"}
"""Readers of text; those whose damage is that of JSON read JSON."""


SAID = {"pipe": "pipe", "HTML": "HTML", "pointer": "git-lfs"}
LENIENT = {"empty": TEXT, "cut": {"split", "preset", "jpeg", "video"}}


def refusal(target, path):
    """Return what a reader says of a file, empty where it reads it; other errors are raised."""
    try:
        with warnings.catch_warnings(action="ignore"):
            target.read(path)
    except ProposeReduceError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("form", [*FORMS, "pipe"])
def test_every_reader_reads_or_names_what_lies_in_the_place_of_its_file(harness, tmp_path, form):
    faults = []
    for name, target in harness["targets"].TARGETS.items():
        if name == "set":  # a command line, not a file
            continue
        path = tmp_path / name / target.name
        path.parent.mkdir()
        target.write(path)
        sound = path.read_bytes()
        is_json, is_text = target.damage is harness["mutations"].damaged_json, name in TEXT
        path.unlink()
        if form == "pipe":
            os.mkfifo(path)
        elif form == "UTF-16" and not (is_json or is_text):
            continue
        else:
            path.write_bytes(FORMS[form](sound))
        reads = (is_json and form in {"BOM", "UTF-16", "gzip", "zip"}) or (
            is_text and form in {"BOM", "UTF-16"}
        )
        try:
            said = refusal(target, path)
        except Exception as error:
            said = f"raised\n{error!r}"
        if said:
            wrong = reads or "\n" in said or SAID.get(form, "") not in said
        else:
            wrong = not reads and name not in LENIENT.get(form, ())
        if wrong:
            faults.append((name, said))
    assert faults == []


def test_every_field_of_every_json_file_may_be_missing_or_odd(harness, tmp_path):
    faults = []
    for name, target in harness["targets"].TARGETS.items():
        if target.damage is not harness["mutations"].damaged_json:
            continue
        path = tmp_path / target.name
        target.write(path)
        for case, content in harness["mutations"].every_odd_field(path.read_bytes()):
            path.write_bytes(content)
            try:
                said = refusal(target, path)
            except Exception as error:
                said = f"raised\n{error!r}"
            if "\n" in said or len(said) > 1000:
                faults.append((name, case, said[:300]))
    assert faults == []
