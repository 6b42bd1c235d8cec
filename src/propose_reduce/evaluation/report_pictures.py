"""The pictures of the report: truth above, predictions below, frame by frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from propose_reduce.evaluation.contact_sheets import (
    Painted,
    colour,
    data_uri,
    spread,
    strip,
)
from propose_reduce.evaluation.failures import HALF, TITLES, FailureCase
from propose_reduce.evaluation.mistakes import KINDS, Mistakes
from propose_reduce.evaluation.tracks import Video
from propose_reduce.evaluation.youtube_vis_metrics import percent

FRAMES = 5
"""Frames of a video in a strip."""

BESIDE = 2
"""How many predictions more than objects are shown, the best-scoring."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What pictures are made from.

    Attributes:
        videos: by id.
        mistakes: by video id.
        names: of the categories by id.
        folder: what the videos' file names are relative to; None for no pictures.
    """

    videos: Mapping[int, Video]
    mistakes: Mapping[int, Mistakes]
    names: Mapping[Any, str]
    folder: Path | None


def sheet_html(video: int, score: float, pictures: Pictures) -> str:
    """Return a video in pictures: its objects, and as many predictions and two more."""
    found = pictures.mistakes[video]
    truth = [Painted(track, colour(place)) for place, track in enumerate(found.objects)]
    labels = [(each.colour, pictures.names[each.track.category]) for each in truth]
    by_score = sorted(range(len(found.predictions)), key=lambda p: -found.predictions[p].score)
    shown = by_score[: len(truth) + BESIDE]
    targets = [int(found.targets[HALF, place]) for place in shown]
    predicted = [
        Painted(found.predictions[place], colour(target))
        for place, target in zip(shown, targets, strict=True)
    ]
    notes = [_label(found, place, pictures.names) for place in shown]
    frames = spread(range(pictures.videos[video].num_frames), FRAMES)
    heading = f"{video} {pictures.videos[video].name}: AP {percent(score)}"
    return (
        f'<div class="sheet"><h3>{escape(heading)}</h3>'
        + _row("truth", video, frames, truth, pictures)
        + _chips(labels)
        + _row("predicted", video, frames, predicted, pictures)
        + _chips([(each.colour, note) for each, note in zip(predicted, notes, strict=True)])
        + "</div>"
    )


def case_html(case: FailureCase, pictures: Pictures) -> str:
    """Return a failure case in words and, where there are frames, in pictures."""
    name = f"{case.video} {pictures.videos[case.video].name}"
    text = (
        f'<div class="sheet"><p><span class="tag">{TITLES[case.kind]}</span>'
        f"<b>{escape(name)}</b> {escape(case.reason)}</p>"
    )
    if pictures.folder is not None:
        shown = [track for track in (case.predicted, case.truth) if track is not None]
        drawn = {frame for track in shown for frame, m in enumerate(track.segmentations) if m}
        last = pictures.videos[case.video].num_frames
        frames = spread(sorted(frame for frame in drawn if frame < last), FRAMES)
        objects = pictures.mistakes[case.video].objects
        place = next((p for p, track in enumerate(objects) if track is case.truth), -1)
        for row, track in (("truth", case.truth), ("predicted", case.predicted)):
            if track is not None and frames:
                painted = [Painted(track, colour(place))]
                text += _row(row, case.video, frames, painted, pictures)
    return text + "</div>"


def _label(found: Mistakes, place: int, names: Mapping[Any, str]) -> str:
    track = found.predictions[place]
    kind = KINDS[found.kinds[HALF, place]]
    said = f" ({TITLES.get(kind, kind)})" if kind != "right" else ""
    return f"{names[track.category]} {track.score:.2f}{said}"


def _row(
    name: str, video: int, frames: Sequence[int], painted: Sequence[Painted], pictures: Pictures
) -> str:
    if pictures.folder is None:
        return ""
    image = strip(pictures.videos[video], pictures.folder, frames, painted)
    where = ", ".join(map(str, frames))
    return (
        f'<div class="row"><span>{name}</span>'
        f'<img src="{data_uri(image)}" alt="{name}, frames {where}" title="frames {where}"></div>'
    )


def _chips(labels: Sequence[tuple[tuple[int, int, int], str]]) -> str:
    chips = "".join(
        f'<span class="chip"><i style="background:rgb{rgb}"></i>{escape(text)}</span>'
        for rgb, text in labels
    )
    return f'<div class="chips">{chips or "nothing"}</div>'
