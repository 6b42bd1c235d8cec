"""What the documentation says is so: its examples run, its tables and links hold."""

import json
import re
from importlib import util

import pytest
from places import REPOSITORY
from safetensors import safe_open
from snippets import python_snippets, run_snippets

from propose_reduce.api.model import bundled_file, bundled_models
from test_rooms import BASE_MODULES, LAYER_1, MAY_IMPORT

PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
READ = [*PAGES, *sorted(REPOSITORY.glob("*.md"))]
LONGEST = 160
"""Characters of a line and of a table's cell: what a screen shows beside another window."""
MADE = {REPOSITORY / "docs" / "reference" / name for name in ("settings.md", "commands.md")}
"""Pages that docs/build.py makes; building the site checks the links to them."""
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page.parent.name != "tutorial"], ids=lambda page: page.stem
)  # test_site.py runs tutorials, commands and all
def test_every_example_of_a_page_runs(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run_snippets(page)


def test_a_block_runs_unless_the_line_before_gives_a_reason():
    page = "text\n```python\na = 1\n```\n<!-- not run: needs data -->\n```python\nb\n```\n"
    first, second = python_snippets(page)
    assert (first.code, first.line, first.not_run) == ("a = 1\n", 3, None)
    assert (second.code, second.line, second.not_run) == ("b\n", 7, "needs data")


def test_an_example_that_fails_is_reported_with_its_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```python\nvalue = 1\n\nassert value == 2\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError) as failure:
        run_snippets(page)
    assert failure.traceback[-1].lineno == 5  # 0-based: the sixth line of the page


@pytest.mark.parametrize("page", READ, ids=lambda page: page.stem)
def test_every_link_to_a_file_leads_to_one(page):
    links = LINK.findall(page.read_text(encoding="utf-8"))
    led = {link: (page.parent / link).resolve() for link in links}
    assert [link for link, file in led.items() if not file.exists() and file not in MADE] == []


@pytest.mark.parametrize("page", READ, ids=lambda page: page.stem)
def test_lines_and_cells_are_short_enough_to_read(page):
    blocks = re.split(r"^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = [line for text in blocks[::2] for line in text.splitlines()]
    cells = [
        cell for line in lines if line.startswith("|") for cell in line.strip("|").split(" | ")
    ]
    prose = [line for line in lines if not line.startswith("|")]
    assert [text for text in (*prose, *cells) if len(text.strip()) > LONGEST] == []


def test_the_import_table_of_the_architecture_page_is_the_one_that_is_enforced():
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.split("### Who may import whom")[1].split("##")[0]
    assert "| a base module | base modules |" in section
    stated = dict.fromkeys(BASE_MODULES, BASE_MODULES)
    for line in section.splitlines():
        if line.startswith("| `"):
            packages, allowed = line.strip("| ").split("|")
            names = set(re.findall(r"`(\w+)`", allowed))
            names |= BASE_MODULES if "base modules" in allowed else set()
            names |= LAYER_1 if "layer 1" in allowed else set()
            stated |= dict.fromkeys(re.findall(r"`(\w+)`", packages), names)
    assert stated == {
        package: may for package, may in MAY_IMPORT.items() if not package.startswith("__")
    }


@pytest.mark.parametrize("name", bundled_models())
def test_weights_carry_the_card_that_the_page_shows(name):
    spec = util.spec_from_file_location("model_cards", REPOSITORY / "docs" / "model_cards.py")
    script = util.module_from_spec(spec)
    spec.loader.exec_module(script)
    card = script.model_card(name)
    rows = dict(line.split(": ", 1) for line in card.splitlines())
    assert rows["model"] == name
    assert all(rows[head] for head in ("data", "licence", "figures", "limits", "not for"))
    with bundled_file(name) as path, safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["card"]).get("model_card")
    assert told == card, "run: python docs/model_cards.py"
