"""The site is built without a warning, its tutorials and notebooks run, its pages can be read."""

import functools
import http.server
import threading
from importlib import util

import numpy as np
import pytest
from browsing import browser, page
from places import REPOSITORY
from snippets import commands, run_command, run_snippets

from propose_reduce.settings import InferenceSettings
from propose_reduce.video import write_video

TUTORIALS = sorted((REPOSITORY / "docs" / "tutorial").glob("*.md"))
NOTEBOOKS = sorted((REPOSITORY / "docs" / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def builder():
    """Return docs/build.py as a module."""
    pytest.importorskip("zensical", reason="needs the extra 'docs'")
    pytest.importorskip("nbconvert", reason="needs the extra 'docs'")
    spec = util.spec_from_file_location("build_site", REPOSITORY / "docs" / "build.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def address(builder, tmp_path_factory):
    """Build the site and serve it as any file server does."""
    folder = tmp_path_factory.mktemp("site")
    builder.build(folder)
    handler = functools.partial(Silent, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing on the terminal."""


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_as_it_is_printed(tutorial, tmp_path, monkeypatch):
    clip = np.full((3, 72, 96, 3), 90, dtype=np.uint8)
    clip[:, 20:50, 30:60] = (200, 60, 40)
    write_video(tmp_path / "clip.mp4", list(clip))
    ran = [command.line for command in commands(tutorial) if command.runs]
    for line in ran:
        run_command(line, tmp_path)
    monkeypatch.chdir(tmp_path)
    run_snippets(tutorial)
    assert ran or tutorial.stem == "component"


@pytest.mark.process
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own
def test_a_notebook_runs(notebook, tmp_path):
    nbformat = pytest.importorskip("nbformat", reason="needs the extra 'docs'")
    nbclient = pytest.importorskip("nbclient", reason="needs the extra 'docs'")
    cells = nbformat.read(notebook, as_version=4)
    stored = [cell.outputs for cell in cells.cells if cell.cell_type == "code"]
    nbclient.NotebookClient(cells, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert any(stored)  # what the site shows


def test_every_setting_stands_on_its_page(builder):
    text = builder.settings_page()
    for group, field in InferenceSettings.model_fields.items():
        for name in getattr(field.annotation, "model_fields", {}):
            section = text.split(f"## inference.{group}\n")[1].split("\n## ")[0]
            assert f"| `{name}` |" in section
    assert "| `key_frames` |" in text


def test_every_command_and_option_stands_on_its_page(builder):
    text = builder.commands_page()
    predict = text.split("### propose-reduce predict\n")[1].split("\n### ")[0]
    for option in ("`--output`", "`--key-frames`", "`--show-score`", "`--set`"):
        assert option in predict
    assert "propose-reduce evaluate youtube-vis\n" in text


def test_links_that_leave_docs_lead_to_pages_of_the_site(builder):
    told = builder.led("[a](../README.md) [b](data.md#x) [c](../LICENSE)", "docs/x.md", "x.md")
    assert told == b"[a](index.md) [b](data.md#x) [c](licence.txt)"
    told = builder.led("[a](docs/data.md)", "CONTRIBUTING.md", "contributing.md")
    assert told == b"[a](data.md)"


@pytest.mark.browser
@pytest.mark.process
@pytest.mark.parametrize("width", [1400, 390])
def test_pages_fit_the_screen_and_the_search_finds(address, width):
    with browser() as chromium, page(chromium, width, home=address) as opened:
        for name in ("index", "reference/settings", "reference/python", "results"):
            opened.goto(f"{address}{name}.html")
            wider = opened.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wider <= 0, name
        opened.keyboard.press("Control+k")
        opened.keyboard.type("key frames")
        opened.get_by_text("The method").last.wait_for()
