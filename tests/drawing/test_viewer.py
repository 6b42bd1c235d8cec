"""The viewer's pages as text: what they hold, and that no name gets out of its place."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from sequences import result, sequence

from propose_reduce import rle
from propose_reduce.drawing.viewer import IndexEntry, ViewerVideo, index_page, viewer_page
from propose_reduce.errors import InputError

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "../../etc/passwd",
    "javascript:alert(1)",
    "\"quotes\" and 'others'",
    "\u202eright to left",
    "two\nlines",
    "x" * 300,
    "{{ 7 * 7 }}",
]


class Tags(HTMLParser):
    """Collects the tags of a page, and the text of its JSON block."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.data, self._inside = [], [], "", False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]
        self._inside = dict(attrs).get("id") == "result"

    def handle_data(self, data):
        if self._inside:
            self.data += data
            self._inside = False


def pets(**fields):
    return result(sequence(1, 0.9, "#. ..", None), sequence(2, 0.2, "## ##", ".# .#"), **fields)


def page_of(found, **options):
    return viewer_page(found, ViewerVideo("pets.mp4", [0.0, 0.5]), **options)


def test_a_page_holds_every_mask_score_and_time():
    data = json.loads(Tags(page_of(pets())).data)
    assert (data["width"], data["height"], data["times"]) == (2, 2, [0.0, 0.5])
    first, second = data["sequences"]
    assert first["masks"] == [pets().sequences[0].segmentations[0]["counts"], None]
    assert (first["id"], first["score"], second["frame_scores"]) == (1, 0.9, [0.2, 0.2])
    assert first["colour"] != second["colour"]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_becomes_markup_or_leads_away(name):
    plain = Tags(page_of(pets(), links=["result.json"], notes=["shapes-tiny"]))
    named = tuple(replace(s, category=name, class_scores={name: s.score}) for s in pets().sequences)
    found = result(*named, name=name, categories={3: name})
    page = viewer_page(found, ViewerVideo(name, [0, 1]), links=[name], notes=[name])
    tags = Tags(page)
    assert tags.tags == plain.tags
    assert json.loads(tags.data)["sequences"][0]["category"] == name
    assert all(link.startswith("./") for link in tags.links)
    assert ">49<" not in page


def test_a_page_needs_a_time_for_each_frame():
    with pytest.raises(InputError, match="1 times for 2 frames"):
        viewer_page(pets(), ViewerVideo("pets.mp4", [0.0]))


def test_the_script_is_the_one_that_the_page_allows():
    page = page_of(pets())
    assert page.count("<script") == 2
    assert "script-src 'sha256-" in page
    assert "unsafe-inline'; script" in page  # styles only


def test_the_list_counts_what_is_shown_and_links_to_each_page():
    page = index_page(
        [IndexEntry(pets(), "pets/index.html"), IndexEntry(pets(name="<b>"), "b&c/index.html")]
    )
    assert Tags(page).links == ["./pets/index.html", "./b%26c/index.html"]
    assert "1 objects above a score of 0.3, 2 in all" in page
    assert "&lt;b&gt;" in page


def test_three_hundred_frames_of_ten_ragged_objects_take_less_than_five_megabytes():
    rng, frames = np.random.default_rng(0), 300
    rows, columns = np.mgrid[:720, :1280]
    counts = []
    for _ in range(20):  # discs of radius 120 whose edge is ragged by half a pixel
        radius = 120 + rng.normal(0, 0.5, columns.shape)
        counts.append(rle.encode((rows - 360) ** 2 + (columns - 640) ** 2 < radius**2))
    ten = [
        replace(
            sequence(i, 0.5, "#"),
            size=(720, 1280),
            frame_scores=(0.5,) * frames,
            segmentations=tuple(counts[(t + i) % 20] for t in range(frames)),
        )
        for i in range(1, 11)
    ]
    page = viewer_page(result(*ten), ViewerVideo("a.mp4", [t / 25 for t in range(frames)]))
    assert len(page) < 5e6
