"""The viewer in a real browser: what it draws, frame by frame."""

from dataclasses import replace

import numpy as np
import pytest
from browsing import browser, page
from films import film, number
from sequences import result, sequence

from propose_reduce import rle
from propose_reduce.drawing.viewer import ViewerVideo, viewer_page

pytestmark = pytest.mark.browser

FRAMES = 24
UNEVEN = [0, 40, 120, 130, 300, *range(400, 2300, 100)]  # milliseconds


@pytest.fixture(scope="module")
def chromium():
    with browser() as running:
        yield running


def moving(id_, score, start):
    """Return a sequence whose box moves one pixel a frame, absent on every fifth frame."""
    masks = np.zeros((FRAMES, 48, 64), bool)
    for t in range(FRAMES):
        if t % 5 != 4:
            masks[t, 5 + t : 20 + t, start + t : start + t + 9] = True
            masks[t, 8 + t, start + t + 3] = False
    segmentations = tuple(rle.encode(mask) if mask.any() else None for mask in masks)
    scores = tuple(None if mask is None else score for mask in segmentations)
    small = sequence(id_, score, "#")
    return replace(
        small, size=(48, 64), segmentations=segmentations, frame_scores=scores, key_frame=6
    )


@pytest.fixture(scope="module", params=["constant", "uneven"])
def viewer(request, tmp_path_factory):
    """Return a page's path, and its result: B-frames, at a constant rate and at uneven times."""
    folder = tmp_path_factory.mktemp("viewer")
    uneven = request.param == "uneven"
    film(folder / "clip.mp4", FRAMES, milliseconds=UNEVEN if uneven else None, bf="3", g="12")
    times = [t / 1000 for t in UNEVEN] if uneven else [t / 10 for t in range(FRAMES)]
    found = result(moving(1, 0.9, 2), moving(2, 0.2, 30), fps=10.0)
    (folder / "index.html").write_text(viewer_page(found, ViewerVideo("clip.mp4", times)))
    return folder / "index.html", found


def opened(tab, path):
    tab.goto(path.as_uri())
    tab.wait_for_function("() => state.origin !== null && video.readyState >= 2")


def go_to(tab, frame):
    tab.evaluate("frame => goTo(frame)", frame)
    tab.wait_for_function("frame => state.frame === frame && !video.seeking", arg=frame)


def drawn(tab):
    """Return where the page has drawn a mask: bool (H, W)."""
    alpha = tab.evaluate(
        "Array.from(masks.getImageData(0, 0, width, height).data.filter((_, i) => i % 4 === 3))"
    )
    return np.array(alpha).reshape(48, 64) > 0


def played(tab):
    """Return the number of the frame that the video shows."""
    values = tab.evaluate(
        "(() => { const c = document.createElement('canvas'); c.width = 64; c.height = 48;"
        " const p = c.getContext('2d'); p.drawImage(video, 0, 0, 64, 48);"
        " return Array.from(p.getImageData(0, 0, 64, 48).data) })()"
    )
    return number(np.array(values).reshape(48, 64, 4)[..., :3])


def test_video_and_masks_are_those_of_the_frame_that_was_asked_for(chromium, viewer):
    path, found = viewer
    with page(chromium) as tab:
        opened(tab, path)
        for frame in (0, 2, 3, 4, 13, FRAMES - 1):  # first, B-frames, one without the object, last
            go_to(tab, frame)
            mask = found.sequences[0].masks[frame]
            assert np.array_equal(drawn(tab), mask), frame
            assert played(tab) == frame


def test_keys_step_one_frame_and_ten(chromium, viewer):
    with page(chromium) as tab:
        opened(tab, viewer[0])
        for key, frame in (
            ("ArrowRight", 1),
            ("Shift+ArrowRight", 11),
            ("ArrowLeft", 10),
            ("End", 23),
            ("Home", 0),
        ):
            tab.keyboard.press(key)
            tab.wait_for_function("frame => state.frame === frame", arg=frame)
            assert played(tab) == frame


def test_playing_shows_masks_of_the_frame_on_screen(chromium, viewer):
    with page(chromium) as tab:
        opened(tab, viewer[0])
        tab.click("#play")
        tab.wait_for_function("() => video.ended", timeout=20_000)
        tab.wait_for_function("frame => state.frame === frame", arg=FRAMES - 1)
        assert played(tab) == FRAMES - 1


def test_a_sequence_can_be_hidden_shown_alone_and_found_by_its_score(chromium, viewer):
    path, found = viewer
    first, second = (s.masks[0] for s in found.sequences)
    with page(chromium) as tab:
        opened(tab, path)
        assert tab.inner_text("#count") == "1 of 2 shown"  # the other scores less than 0.3
        tab.fill("#score", "0.1")
        assert np.array_equal(drawn(tab), first | second)
        tab.click("tr[data-id='2'] button:has-text('solo')")
        assert np.array_equal(drawn(tab), second)
        tab.click("#all")
        tab.uncheck("tr[data-id='1'] input[type=checkbox]")
        assert np.array_equal(drawn(tab), second)
        tab.click("#none")
        assert not drawn(tab).any()


def test_a_click_on_the_timeline_jumps(chromium, viewer):
    with page(chromium) as tab:
        opened(tab, viewer[0])
        box = tab.locator(".track").first.bounding_box()
        tab.mouse.click(box["x"] + box["width"] * 12.5 / FRAMES, box["y"] + 5)
        tab.wait_for_function("() => state.frame === 12")
        tab.click("tr[data-id='1'] td button[title='jump to the key frame']")
        tab.wait_for_function("() => state.frame === 6")


def test_a_colour_and_the_outlines_change_what_is_drawn(chromium, viewer):
    with page(chromium) as tab:
        opened(tab, viewer[0])
        at = "Array.from(masks.getImageData(6, 12, 1, 1).data)"  # inside the first object's box
        assert tab.evaluate(at)[3] == round(255 * 0.45)
        tab.fill("#opacity", "1")
        tab.fill("tr[data-id='1'] input[type=color]", "#00ff00")
        assert tab.evaluate(at) == [0, 255, 0, 255]


@pytest.mark.parametrize("width", [390, 480, 910, 1110, 1400])
def test_nothing_is_wider_than_the_window(chromium, viewer, width):
    with page(chromium, width) as tab:
        opened(tab, viewer[0])
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert tab.locator("td.name").first.bounding_box()["width"] >= 60  # words stay whole


def test_without_the_video_the_masks_are_still_there(chromium, viewer, tmp_path):
    path, found = viewer
    copy = tmp_path / "index.html"
    copy.write_text(path.read_text())
    tab = chromium.new_page()
    tab.goto(copy.as_uri())
    tab.wait_for_function("() => !document.getElementById('fault').hidden")
    assert "cannot be played" in tab.inner_text("#fault")
    tab.keyboard.press("ArrowRight")
    assert np.array_equal(drawn(tab), found.sequences[0].masks[1])
    tab.close()
