"""Writing pages, with thumbnails, beside the results that they show."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from propose_reduce import rle
from propose_reduce.drawing.contact_sheet import main_box
from propose_reduce.drawing.paint import data_uri
from propose_reduce.drawing.viewer.pages import (
    IndexEntry,
    ViewerVideo,
    index_page,
    poster_of,
    viewer_page,
)
from propose_reduce.errors import InputError
from propose_reduce.files import write_text
from propose_reduce.results import SHOW_SCORE, VideoResult
from propose_reduce.structures import Frames
from propose_reduce.video import Video, plays_in_browser, write_video
from propose_reduce.video.write import DEFAULT_FPS

SIDE = 88
"""Pixels of a thumbnail's longer side: twice as many as the page shows, for fine screens."""

POSTER_WIDTH = 320


def thumbnails(frames: Frames, result: VideoResult) -> dict[int, str]:
    """Return each sequence cut out of its key frame as a ``data:`` URL, by sequence id.

    Where it is absent from its key frame the nearest frame that shows it counts; one that is
    nowhere has no picture.
    """
    chosen: dict[int, list[int]] = {}  # sequence ids by frame, so that each is decoded once
    for sequence in result.sequences:
        shown = [t for t, mask in enumerate(sequence.segmentations) if mask and rle.area(mask)]
        if shown:
            distances = [abs(t - sequence.key_frame) for t in shown]
            frame = shown[distances.index(min(distances))]
            chosen.setdefault(frame, []).append(sequence.id)
    pictures = {}
    for frame in sorted(chosen):
        image = frames[frame]
        for id_ in chosen[frame]:
            mask = result[id_].segmentations[frame]
            if mask is not None:
                pictures[id_] = data_uri(_small(image[main_box(rle.decode(mask))], SIDE))
    return pictures


def poster(frames: Frames) -> str:
    """Return the first frame of a video as a small ``data:`` URL."""
    return data_uri(_small(frames[0], POSTER_WIDTH))


def _small(image: np.ndarray, side: int) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((side, side))
    return np.asarray(picture)


PAGE, COPY = "index.html", "video.mp4"

OTHERS = ("result.json", "overlay.mp4", "contact_sheet.png", "youtube_vis.json", "proposals.json")
"""Files that a page links to where they lie beside it."""

MARK = 'name="generator" content="propose-reduce"'
"""What tells our pages from others of the same name."""


def write_page(
    path: Path,
    result: VideoResult,
    video: Video | None = None,
    source: Path | None = None,
    *,
    show_score: float = SHOW_SCORE,
) -> None:
    """Write the page of a result into its folder, and what the page plays where that is missing.

    The page plays the source where browsers do and all of its frames were taken, else an H.264
    copy of the frames that is written beside it.

    Args:
        path: of the page.
        result: what it shows.
        video: the frames that were segmented; None where they cannot be had any more. Then the
            page plays a copy or an overlay that lies beside it, or nothing.
        source: the file that they come from.
        show_score: where the score slider stands at first.

    Raises:
        InputError: the folder cannot be written to.
    """
    folder, notes = path.parent, []
    if video is None:
        played = next((name for name in (COPY, "overlay.mp4") if (folder / name).is_file()), "")
        if played == "overlay.mp4":
            notes.append("the video is not at hand, its overlay plays")
    elif source is not None and _plays_whole(result, video, source):
        played = Path(os.path.relpath(source.resolve(), folder.resolve())).as_posix()
    else:
        played = COPY
        if not (folder / COPY).exists():
            frames = (video.frames[t] for t in range(len(video.frames)))
            write_video(folder / COPY, frames, fps=video.fps, timestamps=video.timestamps)
    weights = result.settings.get("weights")
    if isinstance(weights, dict) and isinstance(weights.get("name"), str):
        notes.append(f"weights {weights['name']}")
    page = viewer_page(
        result,
        ViewerVideo(played, frame_times(result), labelled=played == "overlay.mp4"),
        poster="" if video is None else poster(video.frames),
        thumbnails={} if video is None else thumbnails(video.frames, result),
        links=[name for name in OTHERS if (folder / name).is_file()],
        notes=notes,
        show_score=show_score,
    )
    write_text(path, page)


def _plays_whole(result: VideoResult, video: Video, source: Path) -> bool:
    """Tell whether a browser that plays the source shows just the frames of the result."""
    taken = result.settings
    part = taken.get("start") is not None or taken.get("end") is not None
    return (
        not part and taken.get("every", 1) == 1 and not video.warnings and plays_in_browser(source)
    )


def frame_times(result: VideoResult) -> Sequence[float]:
    """Return when each frame is shown: T seconds from the first one."""
    if result.timestamps is not None:
        return result.timestamps
    return [t / (result.fps or DEFAULT_FPS) for t in range(result.num_frames)]


def write_index(
    folder: Path, results: Mapping[str, VideoResult], *, show_score: float = SHOW_SCORE
) -> Path | None:
    """Write the page that lists the videos of a folder, each with a page of its own below it.

    Args:
        folder: holds a folder for each video with its page.
        results: in the order to show, by the names of these folders.
        show_score: sequences from this score on are counted.

    Returns:
        Its path; None where a page that is not ours has the name, which stays.

    Raises:
        InputError: a page cannot be read, or the folder not be written to.
    """
    path = folder / PAGE
    if path.exists() and MARK not in _text_of(path):
        return None
    entries = [
        IndexEntry(result, f"{name}/{PAGE}", poster_of(_text_of(folder / name / PAGE)))
        for name, result in results.items()
    ]
    write_text(path, index_page(entries, show_score=show_score))
    return path


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"page '{path}' cannot be read: {error.strerror}") from error
