"""Pages beside the results that they show: which video they play, what they link to."""

import json
import re
from dataclasses import replace

import pytest
from films import film, numbers
from sequences import result, sequence

from propose_reduce.drawing.viewer import write_index, write_page
from propose_reduce.drawing.viewer.pages import poster_of
from propose_reduce.video import open_video, plays_in_browser

BLOCK = " ".join(["#" * 20 + "." * 44] * 20 + ["." * 64] * 28)


def block(frames=4, **fields):
    return result(sequence(1, 0.9, *[BLOCK] * frames), fps=10.0, **fields)


def played(page):
    found = re.search(r'<video [^>]*src="([^"]*)"', page.read_text())
    return found and found[1]


@pytest.fixture
def clip(tmp_path):
    return film(tmp_path / "my clip.mp4", 4)


def test_a_page_plays_the_source_where_browsers_do(clip, tmp_path):
    page = tmp_path / "out" / "pets" / "index.html"
    write_page(page, block(), open_video(clip), clip)
    assert played(page) == "./../../my%20clip.mp4"
    assert [file.name for file in page.parent.iterdir()] == ["index.html"]
    data = json.loads(re.search(r'id="result">(.*)</script>', page.read_text())[1])
    assert data["times"] == [0.0, 0.1, 0.2, 0.3]
    assert data["sequences"][0]["thumbnail"].startswith("data:image/jpeg;base64,")
    assert poster_of(page.read_text()).startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("settings", [{"every": 2}, {"start": 0.1}, {"end": 0.2}])
def test_a_part_of_a_video_is_copied(clip, tmp_path, settings):
    page = tmp_path / "pets" / "index.html"
    write_page(page, block(settings=settings), open_video(clip), clip)
    assert played(page) == "./video.mp4"
    assert numbers(open_video(page.parent / "video.mp4").frames) == [0, 1, 2, 3]


def test_what_browsers_do_not_play_is_copied_once(tmp_path):
    clip = film(tmp_path / "clip.avi", 4, codec="mpeg4")
    page = tmp_path / "pets" / "index.html"
    write_page(page, block(), open_video(clip), clip)
    assert played(page) == "./video.mp4"
    assert plays_in_browser(page.parent / "video.mp4")
    before = (page.parent / "video.mp4").stat()
    write_page(page, block(), open_video(clip), clip)
    assert (page.parent / "video.mp4").stat() == before


def test_without_the_video_an_overlay_plays_or_nothing(tmp_path):
    page = tmp_path / "pets" / "index.html"
    page.parent.mkdir()
    write_page(page, block())
    assert played(page) is None
    film(page.parent / "overlay.mp4", 4)
    write_page(page, block())
    assert played(page) == "./overlay.mp4"
    assert "its overlay plays" in page.read_text()
    assert '"labels": "off"' in page.read_text()  # they are in its pixels already
    assert 'href="./overlay.mp4"' in page.read_text()


def test_a_list_links_to_every_page_and_leaves_a_foreign_one(tmp_path):
    found = {name: block(name="pets") for name in ("one", "two")}
    for name, one in found.items():
        write_page(tmp_path / name / "index.html", one)
    assert write_index(tmp_path, found) == tmp_path / "index.html"
    assert write_index(tmp_path, found) == tmp_path / "index.html"  # ours may be replaced
    assert 'href="./two/index.html"' in (tmp_path / "index.html").read_text()
    (tmp_path / "index.html").write_text("<p>my own page</p>")
    assert write_index(tmp_path, found) is None
    assert (tmp_path / "index.html").read_text() == "<p>my own page</p>"


def test_a_sequence_absent_from_its_key_frame_is_cut_out_where_it_is_nearest(clip, tmp_path):
    from propose_reduce.drawing.viewer.write import thumbnails

    late = replace(sequence(1, 0.9, None, None, BLOCK, BLOCK), key_frame=0)
    nowhere = sequence(2, 0.5, " ".join(["." * 64] * 48), None, None, None)
    pictures = thumbnails(open_video(clip).frames, result(late, nowhere))
    assert pictures.keys() == {1}
