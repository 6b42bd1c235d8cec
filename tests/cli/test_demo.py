"""``propose-reduce demo --video``; the demo itself is in test_readme.py."""

import sys

from command_line import type_command
from films import film
from worlds import segmenter

from propose_reduce import api


def test_ones_own_video_ends_as_the_demo_does(tmp_path, monkeypatch):
    home = sys.modules[api.demo.__module__]  # the module; the function hides its name
    monkeypatch.setattr(home, "load", lambda *_: None)
    monkeypatch.setattr(home, "Segmenter", lambda *_: segmenter())
    path = film(tmp_path / "pets.mp4", 6)
    answer = type_command("demo", "--video", path, "-o", tmp_path / "out")
    assert answer.exit_code == 0, answer.stderr
    assert "2 objects in 6 frames" in answer.stdout
    assert "evaluated" not in answer.stdout
    for name in ("overlay.mp4", "contact_sheet.png", "result.json"):
        assert (tmp_path / "out" / "pets" / name).is_file()
        assert name in answer.stdout
    answer = type_command("demo", "--video", tmp_path / "none.mp4", "-o", tmp_path / "out")
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)
