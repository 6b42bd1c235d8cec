"""``propose-reduce view`` on folders of one video and of many."""

import webbrowser

import pytest
from films import film
from sequences import result, sequence
from typer.testing import CliRunner

from propose_reduce.cli.main import app


@pytest.fixture
def opened(monkeypatch):
    pages = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    return pages


def run(*arguments):
    return CliRunner().invoke(app, ["view", *map(str, arguments)])


def save(folder, name):
    result(sequence(1, 0.9, "#. ..", None), name=name, fps=10.0).save(folder / name)


def test_many_results_have_pages_and_a_list_that_opens(tmp_path, opened):
    for name in ("one", "two"):
        save(tmp_path, name)
    ran = run(tmp_path)
    assert ran.exit_code == 0, ran.output
    assert opened == [(tmp_path / "index.html").as_uri()]
    assert (tmp_path / "two" / "index.html").is_file()


def test_one_result_opens_its_own_page_and_can_be_given_its_video(tmp_path, opened):
    save(tmp_path, "one")
    clip = film(tmp_path / "clip.mp4", 2)
    assert run(tmp_path / "one", "--no-open", "--video", clip).exit_code == 0
    assert opened == []
    assert 'src="./../clip.mp4"' in (tmp_path / "one" / "index.html").read_text()


def test_a_result_whose_name_leads_out_is_listed_by_its_folder(tmp_path, opened):
    result(sequence(1, 0.9, "#. ..", None), name="../../x").save(tmp_path / "one")
    assert run(tmp_path, "--no-open").exit_code == 0
    assert 'href="./one/index.html"' in (tmp_path / "index.html").read_text()


def test_mistakes_are_named(tmp_path, opened):
    save(tmp_path, "one")
    clip = film(tmp_path / "clip.mp4", 3)
    assert "has 3 frames, the result 2" in str(run(tmp_path / "one", "--video", clip).exception)
    (tmp_path / "index.html").write_text("mine")
    assert "not a page of ours" in str(run(tmp_path).exception)
