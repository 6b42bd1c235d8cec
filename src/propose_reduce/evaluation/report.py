"""The report: one HTML page that needs nothing beside it, no network either.

It holds the numbers, plots as SVG, and pictures: truth above, predictions below, frame by frame.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from propose_reduce.drawing.palette import NEUTRAL, Colour, colour_of
from propose_reduce.drawing.strips import Layer, data_uri, spread, strip
from propose_reduce.errors import InputError
from propose_reduce.evaluation.average_precision import KEYS, RECALL_POINTS
from propose_reduce.evaluation.errors import KINDS, ErrorBreakdown, TrackErrors
from propose_reduce.evaluation.failures import HALF, TITLES, FailureCase, failure_cases
from propose_reduce.evaluation.tracks import Video
from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics, percent
from propose_reduce.files import write_text
from propose_reduce.images import read_scaled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FILE_NAME = "report.html"

SHEETS = 3
"""Most videos shown in pictures as the worst, and as the best."""

LISTED = 10
"""Videos in the table that is open at once; the others unfold."""


def write_report(
    folder: str | Path,
    metrics: YoutubeVisMetrics,
    videos: Mapping[int, Video],
    *,
    title: str = "Video instance segmentation",
    frames: Path | None = None,
    distance: Path | None = None,
) -> Path:
    """Write ``folder/report.html``, whole or not at all, and return its path.

    Args:
        folder: where the page goes.
        metrics: made with ``per_video`` and ``errors``.
        videos: the ground truth's videos by id.
        title: heading of the page.
        frames: folder that the videos' file names are relative to; no pictures without it.
        distance: folder that the distance analysis wrote; left out without it.

    Raises:
        InputError: metrics without what the page shows, a frame that is missing, or a folder
            without the files of the distance analysis.
    """
    errors, per_video, track_errors = metrics.errors, metrics.per_video, metrics.track_errors
    if errors is None or per_video is None or track_errors is None:
        raise InputError(
            "a report shows scores per video and errors: evaluate with per_video=True and "
            "errors=True"
        )
    pictures = Pictures(videos, track_errors, metrics.categories, frames)
    defined = sorted(
        (id_ for id_, s in per_video.items() if s["AP"] >= 0),
        key=lambda id_: (per_video[id_]["AP"], id_),
    )
    names = {id_: f"{id_} {name}" for id_, name in metrics.videos.items()}
    page = Template((files("propose_reduce.evaluation") / "report.html").read_text("utf-8"))
    text = page.substitute(
        title=escape(title),
        subtitle=(
            f"{metrics.counts['predictions']} predictions for {metrics.counts['objects']} objects "
            f"in {metrics.counts['videos']} videos"
        ),
        notes="".join(f'<p class="note">{escape(note)}</p>' for note in metrics.notes),
        tiles="".join(_tile(key, metrics.scores[key]) for key in KEYS),
        curves=precision_recall(metrics),
        gains=error_gains(errors),
        errors=_errors_table(errors),
        distance=_distance(distance) if distance is not None else "",
        categories=_scores_table(
            "category",
            [(metrics.categories[id_], scores) for id_, scores in metrics.per_category.items()],
            total=metrics.scores,
        ),
        videos=_videos_tables([(names[id_], per_video[id_]) for id_ in defined]),
        sheets=_sheets(pictures, defined, per_video) if frames is not None else "",
        failures="".join(
            case_html(case, pictures) for case in failure_cases(track_errors, metrics.categories)
        )
        or "<p>None.</p>",
    )
    path = Path(folder) / FILE_NAME
    write_text(path, text)
    return path


def _tile(key: str, score: float) -> str:
    main = " main" if key == "AP" else ""
    return f'<div class="tile{main}"><b>{percent(score)}</b><span>{key}</span></div>'


def table_html(
    header: Iterable[str], rows: Iterable[Iterable[str]], total: Iterable[str] = ()
) -> str:
    """Return a table; the first column is text, the others are numbers.

    Args:
        header: the headings.
        rows: cells, as text.
        total: a last row that stands out.
    """

    def row(cells: Iterable[str], tag: str = "td", attribute: str = "") -> str:
        inside = "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells)
        return f"<tr{attribute}>{inside}</tr>"

    body = "".join(row(cells) for cells in rows)
    last = row(total, attribute=' class="total"') if total else ""
    return f"<table><thead>{row(header, 'th')}</thead><tbody>{body}{last}</tbody></table>"


def _scores_table(
    heading: str,
    rows: Iterable[tuple[str, Mapping[str, float]]],
    total: Mapping[str, float] | None = None,
) -> str:
    def cells(name: str, scores: Mapping[str, float]) -> list[str]:
        return [name, *(percent(scores[key]) for key in KEYS)]

    return table_html(
        [heading, *KEYS],
        [cells(name, scores) for name, scores in rows],
        cells("all", total) if total else (),
    )


def _videos_tables(rows: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """Return the videos, the worst first, all but the first ones folded away."""
    tables = [_scores_table("video", part) for part in (rows[:LISTED], rows[LISTED:])]
    text = '<p class="soft">Every video alone, the worst first.</p>' + _wide(tables[0])
    if len(rows) > LISTED:
        more = f"{len(rows) - LISTED} more"
        text += f"<details><summary>{more}</summary>{_wide(tables[1])}</details>"
    return text


def _wide(table: str) -> str:
    return f'<div class="wide">{table}</div>'


def _errors_table(errors: ErrorBreakdown) -> str:
    return table_html(
        ["error", "count at IoU 0.5", "AP", "AP50", "AP75"],
        [
            [TITLES[name], str(g.count), *(f"{100 * x:+.1f}" for x in (g.gain, g.gain50, g.gain75))]
            for name, g in errors.gains.items()
        ],
    )


def _sheets(
    pictures: Pictures, defined: list[int], per_video: Mapping[int, Mapping[str, float]]
) -> str:
    """Return the worst and the best videos in pictures, none of them twice."""
    count = min(SHEETS, (len(defined) + 1) // 2)
    best = [id_ for id_ in defined[::-1][:count] if id_ not in defined[:count]]
    text = ""
    for heading, ids in (("The worst", defined[:count]), ("The best", best)):
        if ids:
            sheets = "".join(sheet_html(id_, per_video[id_]["AP"], pictures) for id_ in ids)
            text += f"<h2>{heading}, in pictures</h2>{sheets}"
    return text


def _distance(folder: Path) -> str:
    """Return the figure and the table that the distance analysis left in a folder."""
    try:
        figure = inline((folder / "distance.svg").read_text(encoding="utf-8"))
        drops = (folder / "drops.csv").read_text(encoding="utf-8")
        header, *rows = csv.reader(drops.splitlines())
        rows = [[f"{float(cell):.3g}" if "." in cell else cell for cell in row] for row in rows]
    except (OSError, ValueError) as error:
        raise InputError(
            f"'{folder}' has no sound distance.svg and drops.csv: give a folder that 'analyze "
            "distance' wrote"
        ) from error
    return (
        "<h2>Quality over the distance from the key frame</h2>"
        f"<figure>{figure}</figure>"
        f"<details><summary>the numbers</summary>{_wide(table_html(header, rows))}</details>"
    )


FRAMES = 5
"""Frames of a video in a strip."""

EXTRA = 2
"""How many predictions more than objects are shown, the best-scoring."""


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What pictures are made from.

    Attributes:
        videos: by id.
        errors: by video id.
        names: of the categories by id.
        folder: what the videos' file names are relative to; None for no pictures.
    """

    videos: Mapping[int, Video]
    errors: Mapping[int, TrackErrors]
    names: Mapping[Any, str]
    folder: Path | None


def sheet_html(video: int, score: float, pictures: Pictures) -> str:
    """Return a video in pictures: its objects, and as many predictions and two more."""
    found = pictures.errors[video]
    truth = [
        Layer(track.segmentations, _colour(index)) for index, track in enumerate(found.objects)
    ]
    labels = [
        (layer.colour, pictures.names[track.category])
        for layer, track in zip(truth, found.objects, strict=True)
    ]
    by_score = sorted(range(len(found.predictions)), key=lambda i: -found.predictions[i].score)
    shown = by_score[: len(truth) + EXTRA]
    targets = [int(found.targets[HALF, index]) for index in shown]
    predicted = [
        Layer(found.predictions[index].segmentations, _colour(target))
        for index, target in zip(shown, targets, strict=True)
    ]
    notes = [_label(found, index, pictures.names) for index in shown]
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
        objects = pictures.errors[case.video].objects
        index = next((i for i, track in enumerate(objects) if track is case.truth), -1)
        for row, track in (("truth", case.truth), ("predicted", case.predicted)):
            if track is not None and frames:
                layers = [Layer(track.segmentations, _colour(index))]
                text += _row(row, case.video, frames, layers, pictures)
    return text + "</div>"


def _colour(index: int) -> Colour:
    """Return the colour of an object by its index in the video, -1 for no object."""
    return NEUTRAL if index < 0 else colour_of(index + 1)


def _label(found: TrackErrors, index: int, names: Mapping[Any, str]) -> str:
    track = found.predictions[index]
    kind = KINDS[found.kinds[HALF, index]]
    error = f" ({TITLES.get(kind, kind)})" if kind != "correct" else ""
    return f"{names[track.category]} {track.score:.2f}{error}"


def _row(
    name: str, video: int, frames: Sequence[int], layers: Sequence[Layer], pictures: Pictures
) -> str:
    folder = pictures.folder
    if folder is None:
        return ""
    known = pictures.videos[video]
    if not frames:
        raise InputError(
            f"video {known.id} ('{known.name}') has neither a length nor file names; leave out the "
            "frames"
        )
    image = strip(lambda frame: read_small(known, folder, frame), frames, layers)
    numbers = ", ".join(map(str, frames))
    return (
        f'<div class="row"><span>{name}</span>'
        f'<img src="{data_uri(image)}" alt="{name}, frames {numbers}" title="frames {numbers}">'
        "</div>"
    )


def read_small(video: Video, folder: Path, frame: int, width: int = 220) -> np.ndarray:
    """Return a frame of a video from its image file, small: uint8 RGB (H, W, 3).

    Args:
        video: the video; its ``frame_names`` lie in ``folder``.
        folder: where the images are.
        frame: 0-based index.
        width: in pixels; the height follows the video's.

    Raises:
        InputError: the frame has no file name, or its image is missing or cannot be read.
    """
    if frame >= len(video.frame_names):
        raise InputError(
            f"video {video.id} ('{video.name}') has no file name for frame {frame}; leave out "
            "the frames"
        )
    size = (max(1, round(width * video.size[0] / video.size[1])), width)
    path = folder / video.frame_names[frame]
    try:
        return read_scaled(path, size, annotated=video.size)
    except InputError as error:
        raise InputError(
            f"{error}; the file names of the ground truth are taken relative to the folder of "
            "frames"
        ) from error


def _chips(labels: Sequence[tuple[tuple[int, int, int], str]]) -> str:
    chips = "".join(
        f'<span class="chip"><i style="background:rgb{rgb}"></i>{escape(text)}</span>'
        for rgb, text in labels
    )
    return f'<div class="chips">{chips or "nothing"}</div>'


INK, GRID = "#333333", "#dddddd"
LEVELS = {"IoU 0.5": 0, "IoU 0.75": 5, "IoU 0.9": 8}
"""Curves shown beside the mean, by their index among the thresholds."""

SHADES = ("#9ecae1", "#4292c6", "#08519c")


def precision_recall(metrics: YoutubeVisMetrics) -> str:
    """Return the precision over recall, mean of all categories with objects."""
    figure, axes = _figure(5.4, 3.6)
    curves = np.mean(list(metrics.curves.values()) or [np.zeros((10, 101))], axis=0)
    for shade, (name, level) in zip(SHADES, LEVELS.items(), strict=True):
        axes.plot(RECALL_POINTS, curves[level], color=shade, label=name)
    mean = curves.mean(axis=0)
    axes.plot(RECALL_POINTS, mean, color="#d55e00", linewidth=2, label="mean of all thresholds")
    axes.fill_between(RECALL_POINTS, mean, color="#d55e00", alpha=0.08)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(color=GRID, linewidth=0.6)
    axes.legend(framealpha=0.85, edgecolor="none", fontsize=9, loc="upper right")
    return _svg(figure, "precision-recall")


def error_gains(errors: ErrorBreakdown) -> str:
    """Return what each kind of error costs, as bars."""
    figure, axes = _figure(5.4, 3.6)
    names = [TITLES[name] for name in errors.gains]
    rows = np.arange(len(names))
    for offset, shade, label, gains in (
        (-0.19, SHADES[0], "AP50", [100 * g.gain50 for g in errors.gains.values()]),
        (0.19, SHADES[2], "AP", [100 * g.gain for g in errors.gains.values()]),
    ):
        bars = axes.barh(rows + offset, gains, height=0.36, color=shade, label=label)
        axes.bar_label(bars, fmt="%+.1f", padding=3, fontsize=8, color=INK)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlabel("gain if this kind of error were gone (points)")
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return _svg(figure, "errors")


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure, name: str) -> str:
    from matplotlib import rc_context

    stream = io.StringIO()
    # text stays text; the names of clip paths must differ between the plots of one page
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    return inline(stream.getvalue())


def inline(svg: str) -> str:
    """Return an SVG file's element without what stands before it."""
    return svg[svg.index("<svg") :]
