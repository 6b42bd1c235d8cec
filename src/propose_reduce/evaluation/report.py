"""The report: one HTML page that needs nothing beside it, no network either."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from propose_reduce.errors import InputError
from propose_reduce.evaluation.error_breakdown import ErrorBreakdown
from propose_reduce.evaluation.failures import TITLES, failure_cases
from propose_reduce.evaluation.precision import KEYS
from propose_reduce.evaluation.report_pictures import Pictures, case_html, sheet_html
from propose_reduce.evaluation.report_plots import error_gains, inline, precision_recall
from propose_reduce.evaluation.tracks import Video
from propose_reduce.evaluation.youtube_vis_metrics import YoutubeVisMetrics, percent
from propose_reduce.files import write_text

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
    errors, per_video, mistakes = metrics.errors, metrics.per_video, metrics.mistakes
    if errors is None or per_video is None or mistakes is None:
        raise InputError(
            "a report shows scores per video and errors: evaluate with per_video=True and "
            "errors=True"
        )
    pictures = Pictures(videos, mistakes, metrics.categories, frames)
    judged = sorted(
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
        videos=_videos_tables([(names[id_], per_video[id_]) for id_ in judged]),
        sheets=_sheets(pictures, judged, per_video) if frames is not None else "",
        failures="".join(
            case_html(case, pictures) for case in failure_cases(mistakes, metrics.categories)
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
    pictures: Pictures, judged: list[int], per_video: Mapping[int, Mapping[str, float]]
) -> str:
    """Return the worst and the best videos in pictures, none of them twice."""
    count = min(SHEETS, (len(judged) + 1) // 2)
    best = [id_ for id_ in judged[::-1][:count] if id_ not in judged[:count]]
    text = ""
    for heading, ids in (("The worst", judged[:count]), ("The best", best)):
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
