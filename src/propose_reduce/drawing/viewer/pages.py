"""The pages themselves: self-contained HTML that opens from a plain folder, without a network.

A page holds the run-length codes of every mask; a script in it draws them over the video on a
canvas. Text of a result (names of videos and categories) goes through jinja2's escaping, or as
JSON into a script block that is never executed.
"""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from propose_reduce.drawing.pages import render
from propose_reduce.drawing.paint import colour_of, css
from propose_reduce.errors import InputError
from propose_reduce.results import SHOW_SCORE, VideoResult

PACKAGE = "propose_reduce.drawing.viewer"


@dataclass(frozen=True, slots=True)
class ViewerVideo:
    """What a page plays.

    Attributes:
        file: the video's path relative to the page, with ``/`` between folders; empty for none,
            and then masks are drawn on black.
        times: T seconds from the first frame, rising: when each frame of the result is shown.
        labelled: masks and labels are in its pixels already; the page starts without labels then.
    """

    file: str
    times: Sequence[float]
    labelled: bool = False


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One video on the page that lists them.

    Attributes:
        result: of the video.
        page: path of its page, relative to the list.
        poster: a small picture as a ``data:`` URL; empty for none.
    """

    result: VideoResult
    page: str
    poster: str = field(default="", repr=False)


def viewer_page(
    result: VideoResult,
    video: ViewerVideo,
    *,
    poster: str = "",
    thumbnails: Mapping[int, str] | None = None,
    links: Sequence[str] = (),
    notes: Sequence[str] = (),
    show_score: float = SHOW_SCORE,
) -> str:
    """Return the page of one result.

    Args:
        result: what to show.
        video: what to play below it.
        poster: the first frame as a ``data:`` URL, until the video is there; empty for none.
        thumbnails: pictures of sequences as ``data:`` URLs, by sequence id.
        links: files to link to, relative to the page.
        notes: short texts for the head of the page.
        show_score: where the score slider stands at first.

    Raises:
        InputError: not one time for each frame.
    """
    if len(video.times) != result.num_frames:
        raise InputError(f"{len(video.times)} times for {result.num_frames} frames of a page")
    pictures = thumbnails or {}
    data = {
        "name": result.name,
        "width": result.size[1],
        "height": result.size[0],
        "times": [round(float(time), 6) for time in video.times],
        "labels": "off" if video.labelled else "full",
        "sequences": [
            {
                "id": sequence.id,
                "category": sequence.category,
                "score": round(sequence.score, 6),
                "key_frame": sequence.key_frame,
                "colour": css(colour_of(sequence.id)),
                "thumbnail": pictures.get(sequence.id, ""),
                "frame_scores": [s if s is None else round(s, 3) for s in sequence.frame_scores],
                "masks": [s if s is None else s["counts"] for s in sequence.segmentations],
            }
            for sequence in result.sequences
        ],
    }
    script = _text("viewer.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _render(
        "page.html",
        data=data,
        video=_relative_url(video.file) if video.file else "",
        poster=poster,
        links=[{"text": link, "href": _relative_url(link)} for link in links],
        notes=notes,
        show_score=show_score,
        script=Markup(script),
        script_digest=digest,
    )


def index_page(entries: Sequence[IndexEntry], *, show_score: float = SHOW_SCORE) -> str:
    """Return the page that lists many results.

    Args:
        entries: in the order to show.
        show_score: sequences from this score on are counted.
    """
    return _render(
        "index.html",
        entries=[
            {
                "name": entry.result.name,
                "href": _relative_url(entry.page),
                "poster": entry.poster,
                "shown": sum(s.score >= show_score for s in entry.result.sequences),
                "sequences": len(entry.result.sequences),
                "frames": entry.result.num_frames,
                "categories": _categories(entry.result, show_score),
            }
            for entry in entries
        ],
        show_score=show_score,
    )


def poster_of(page: str) -> str:
    """Return the poster that a page of ``viewer_page`` has; empty where it has none."""
    found = re.search(r'<video [^>]*poster="(data:image/jpeg;base64,[\w+/=]+)"', page)
    return found[1] if found else ""


def _categories(result: VideoResult, show_score: float) -> str:
    names = [s.category for s in result.sequences if s.score >= show_score]
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    return ", ".join(f"{count} x {name}" for name, count in counts.items())


def _relative_url(path: str) -> str:
    """Return a relative path as a URL that no browser takes for another scheme or host."""
    return "./" + quote(path)


def _render(template: str, **values: Any) -> str:
    return render(f"{PACKAGE}:templates", template, style=Markup(_text("viewer.css")), **values)


@cache
def _text(name: str) -> str:
    return (files(PACKAGE) / "templates" / name).read_text(encoding="utf-8")
