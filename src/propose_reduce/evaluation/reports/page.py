"""The report: one HTML page that needs nothing beside it, no network either.

It holds the numbers, plots as SVG, and pictures: truth above, predictions below, frame by frame.
Several methods on one truth get a page that compares them, and one each.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from propose_reduce.drawing.pages import render
from propose_reduce.drawing.paint import (
    NEUTRAL,
    Colour,
    Layer,
    colour_of,
    css,
    data_uri,
    spread,
    strip,
)
from propose_reduce.errors import InputError
from propose_reduce.evaluation.average_precision import KEYS
from propose_reduce.evaluation.comparison import Comparison, points
from propose_reduce.evaluation.errors import KINDS, ErrorBreakdown, TrackErrors
from propose_reduce.evaluation.files import native_settings
from propose_reduce.evaluation.reports.failures import HALF, TITLES, FailureCase, failure_cases
from propose_reduce.evaluation.reports.plots import (
    compared_curves,
    compared_gains,
    error_gains,
    precision_recall,
)
from propose_reduce.evaluation.statistics import Estimate
from propose_reduce.evaluation.tracks import Track, TruthVideo
from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics, percent
from propose_reduce.files import read_text, write_text
from propose_reduce.images import read_image, read_scaled

FILE_NAME = "report.html"

SHEETS = 3
"""Most videos shown in pictures as the worst, as the best, or as those that differ most."""

LISTED_VIDEOS, LISTED_CATEGORIES = 10, 40
"""Rows in the tables that are open at once; the others unfold."""

FRAMES = 5
"""Frames of a video in a strip."""

EXTRA = 2
"""How many predictions more than objects are shown, the best-scoring."""


def write_report(
    folder: str | Path,
    metrics: YoutubeVisMetrics,
    videos: Mapping[int, TruthVideo],
    *,
    title: str = "Video instance segmentation",
    frames: Path | None = None,
    distance: Path | None = None,
    provenance: Mapping[str, str] | None = None,
    file_name: str = FILE_NAME,
) -> Path:
    """Write the page of one method, whole or not at all, and return its path.

    Args:
        folder: where the page goes.
        metrics: made with ``per_video`` and ``errors``.
        videos: the ground truth's videos by id.
        title: heading of the page.
        frames: folder that the videos' file names are relative to; no pictures without it.
        distance: folder that the distance analysis wrote; left out without it.
        provenance: what the page says it was made of and by, such as date, version and command.
        file_name: of the page.

    Raises:
        InputError: metrics without what the page shows, a frame that is missing, or a folder
            without the files of the distance analysis.
    """
    errors, per_video, track_errors = _details(metrics)
    pictures = ReportPictures(videos, metrics.categories, frames)
    defined = _defined(per_video)
    text = render(
        "propose_reduce.evaluation.reports:templates",
        "report.html",
        title=title,
        subtitle=(
            f"{metrics.counts['predictions']} predictions for {metrics.counts['objects']} objects "
            f"in {metrics.counts['videos']} videos"
        ),
        provenance=provenance or {},
        notes=metrics.notes,
        keys=list(KEYS),
        tiles=[
            (key, percent(metrics.scores[key]), interval)
            for key, interval in zip(KEYS, _intervals(metrics.estimates), strict=True)
        ],
        curves=precision_recall(metrics),
        gains=error_gains(errors),
        errors=[
            [TITLES[name], g.count, points(g.gain), points(g.gain50), points(g.gain75)]
            for name, g in errors.gains.items()
        ],
        distance=None if distance is None else _distance(distance),
        categories=[
            _row(metrics.categories[id_], metrics.per_category[id_]) for id_ in metrics.present
        ],
        listed_categories=LISTED_CATEGORIES,
        total=_row("all", metrics.scores),
        unanswered=_unanswered(metrics),
        videos=[_row(f"{id_} {metrics.videos[id_]}", per_video[id_]) for id_ in defined],
        listed_videos=LISTED_VIDEOS,
        sheets=_sheets(pictures, defined, metrics) if frames is not None else [],
        cases=[
            _case_in_words(case, pictures, track_errors[case.video].objects)
            for case in failure_cases(track_errors, metrics.categories)
        ],
    )
    path = Path(folder) / file_name
    write_text(path, text)
    return path


def write_comparison(
    folder: str | Path,
    comparison: Comparison,
    videos: Mapping[int, TruthVideo],
    *,
    title: str = "Video instance segmentation",
    frames: Path | None = None,
    provenance: Mapping[str, str] | None = None,
) -> Path:
    """Write the page that compares methods, and a page of each method; return the former's path.

    Args:
        folder: where the pages go.
        comparison: of metrics made with ``per_video`` and ``errors``.
        videos: the ground truth's videos by id.
        title: heading of the page.
        frames: folder that the videos' file names are relative to; no pictures without it.
        provenance: what the pages say they were made of and by.

    Raises:
        InputError: metrics without what the page shows, or a frame that is missing.
    """
    methods = comparison.methods
    first, *_ = methods.values()
    pages = {name: f"method{number}.html" for number, name in enumerate(methods, start=1)}
    for name, metrics in methods.items():
        write_report(
            folder,
            metrics,
            videos,
            title=name,
            frames=frames,
            provenance=provenance,
            file_name=pages[name],
        )
    pictures = ReportPictures(videos, first.categories, frames)
    by_video, differences = comparison.by_video(), comparison.differences()
    text = render(
        "propose_reduce.evaluation.reports:templates",
        "comparison.html",
        title=title,
        subtitle=(
            f"{len(methods)} methods on {first.counts['objects']} objects in "
            f"{first.counts['videos']} videos"
        ),
        provenance=provenance or {},
        notes=[f"{name}: {note}" for name, each in methods.items() for note in each.notes],
        keys=list(KEYS),
        methods=[
            {
                "name": name,
                "page": quote(pages[name]),
                "colour": css(colour_of(index + 1)),
                "scores": [percent(metrics.scores[key]) for key in KEYS],
                "differences": [points(comparison.difference(name, key)) for key in KEYS],
                "intervals": differences.get(name, {}) and _intervals(differences[name], "+"),
                "unanswered": _unanswered(metrics),
            }
            for index, (name, metrics) in enumerate(methods.items())
        ],
        curves=compared_curves(methods),
        gains=compared_gains({name: _details(each)[0] for name, each in methods.items()}),
        columns=comparison.columns(),
        categories=[
            [first.categories[id_], *comparison.cells(scores)]
            for id_, scores in comparison.by_category()
        ],
        listed_categories=LISTED_CATEGORIES,
        videos=[
            [f"{id_} {first.videos[id_]}", *comparison.cells(scores)] for id_, scores in by_video
        ],
        listed_videos=LISTED_VIDEOS,
        sheets=[
            _sheet(pictures, id_, methods, f"{id_} {first.videos[id_]}")
            for id_, _ in by_video[:SHEETS]
        ]
        if frames is not None
        else [],
    )
    path = Path(folder) / FILE_NAME
    write_text(path, text)
    return path


def provenance(command: str, predictions: Mapping[str, Path]) -> dict[str, str]:
    """Return what a page says it was made of and by.

    Args:
        command: the line that was run.
        predictions: file or folder of each method by its name; native results say what weights
            and components made them, the first one of a folder speaks for all.
    """
    made = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "version": f"propose-reduce {version('propose-reduce')}",
        "command": command,
    }
    for name, path in predictions.items():
        suffix = f" of {name}" if len(predictions) > 1 else ""
        settings = native_settings(path)
        weights = settings.get("weights")
        if weights:
            made[f"weights{suffix}"] = f"{weights['name']} (sha256 {weights['sha256'][:12]})"
        components = settings.get("components")
        if components:
            made[f"components{suffix}"] = ", ".join(f"{k} {v}" for k, v in components.items())
    return made


def _details(
    metrics: YoutubeVisMetrics,
) -> tuple[ErrorBreakdown, dict[int, dict[str, float]], dict[int, TrackErrors]]:
    errors, per_video, track_errors = metrics.errors, metrics.per_video, metrics.track_errors
    if errors is None or per_video is None or track_errors is None:
        raise InputError(
            "a report shows scores per video and errors: evaluate with per_video=True and "
            "errors=True"
        )
    return errors, per_video, track_errors


def _defined(per_video: Mapping[int, Mapping[str, float]]) -> list[int]:
    """Return the videos that have an average precision, the worst first."""
    return sorted(
        (id_ for id_, scores in per_video.items() if scores["AP"] >= 0),
        key=lambda id_: (per_video[id_]["AP"], id_),
    )


def _row(name: str, scores: Mapping[str, float]) -> list[str]:
    return [name, *(percent(scores[key]) for key in KEYS)]


def _intervals(estimates: Mapping[str, Estimate], sign: str = "") -> list[str]:
    """Return the 95 % interval of each number in percent, "" where it is not known."""
    shown = {
        key: f"{100 * each.low:{sign}.1f} to {100 * each.high:{sign}.1f}"
        for key, each in estimates.items()
        if not math.isnan(each.error)
    }
    return [shown.get(key, "") for key in KEYS]


def _unanswered(metrics: YoutubeVisMetrics) -> list[str]:
    return [f"{id_} {metrics.videos[id_]}" for id_ in metrics.without_predictions]


def _distance(folder: Path) -> dict[str, Any]:
    """Return the figure and the table that the distance analysis left in a folder.

    The figure is taken as pixels and written anew: an SVG from somewhere else could hold scripts.
    """
    try:
        figure = data_uri(read_image(folder / "distance.png"), lossless=True)
        drops = read_text(folder / "drops.csv")
        header, *rows = csv.reader(drops.splitlines())
        rows = [[f"{float(cell):.3g}" if "." in cell else cell for cell in row] for row in rows]
    except (ValueError, csv.Error) as error:
        raise InputError(
            f"'{folder}' has no sound distance.png and drops.csv: give a folder that 'analyze "
            "distance' wrote"
        ) from error
    return {"figure": figure, "header": header, "rows": rows}


@dataclass(frozen=True, slots=True, eq=False)
class ReportPictures:
    """What pictures are made from.

    Attributes:
        videos: by id.
        names: of the categories by id.
        folder: what the videos' file names are relative to; None for no pictures.
    """

    videos: Mapping[int, TruthVideo]
    names: Mapping[Any, str]
    folder: Path | None


def _sheets(
    pictures: ReportPictures, defined: Sequence[int], metrics: YoutubeVisMetrics
) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the worst and the best videos in pictures, none of them twice, with a heading."""
    per_video = metrics.per_video or {}
    count = min(SHEETS, (len(defined) + 1) // 2)
    best = [id_ for id_ in defined[::-1][:count] if id_ not in defined[:count]]
    return [
        (
            heading,
            [
                _sheet(
                    pictures,
                    id_,
                    {"predicted": metrics},
                    f"{id_} {metrics.videos[id_]}: AP {percent(per_video[id_]['AP'])}",
                )
                for id_ in ids
            ],
        )
        for heading, ids in (("The worst", defined[:count]), ("The best", best))
        if ids
    ]


def _sheet(
    pictures: ReportPictures, video: int, methods: Mapping[str, YoutubeVisMetrics], heading: str
) -> dict[str, Any]:
    """Return a video in pictures: its objects, and of each method as many predictions and two."""
    frames = spread(range(pictures.videos[video].num_frames), FRAMES)
    found = {name: _details(metrics)[2][video] for name, metrics in methods.items()}
    objects = next(iter(found.values())).objects
    truth = [
        Layer(track.segmentations, _object_colour(index)) for index, track in enumerate(objects)
    ]
    labels = [pictures.names[track.category] for track in objects]
    rows = [_strip_row("truth", pictures, video, frames, truth, labels)]
    for name, errors in found.items():
        by_score = sorted(range(len(errors.predictions)), key=_falling_score(errors))
        shown = by_score[: len(objects) + EXTRA]
        layers = [
            Layer(
                errors.predictions[index].segmentations,
                _object_colour(int(errors.targets[HALF, index])),
            )
            for index in shown
        ]
        labels = [_case_label(errors, index, pictures.names) for index in shown]
        rows.append(_strip_row(name, pictures, video, frames, layers, labels))
    return {"heading": heading, "rows": rows}


def _falling_score(errors: TrackErrors) -> Any:
    return lambda index: -errors.predictions[index].score


def _case_in_words(
    case: FailureCase, pictures: ReportPictures, objects: Sequence[Track]
) -> dict[str, Any]:
    """Return a failure case in words and, where there are frames, in pictures."""
    video = pictures.videos[case.video]
    rows = []
    shown = [track for track in (case.predicted, case.truth) if track is not None]
    drawn = {frame for track in shown for frame, mask in enumerate(track.segmentations) if mask}
    frames = spread(sorted(frame for frame in drawn if frame < video.num_frames), FRAMES)
    if pictures.folder is not None and frames:
        index = next((i for i, track in enumerate(objects) if track is case.truth), -1)
        for name, track in (("truth", case.truth), ("predicted", case.predicted)):
            if track is not None:
                layers = [Layer(track.segmentations, _object_colour(index))]
                rows.append(_strip_row(name, pictures, video.id, frames, layers, None))
    return {
        "kind": TITLES[case.kind],
        "video": f"{video.id} {video.name}",
        "reason": case.reason,
        "rows": rows,
    }


def _object_colour(index: int) -> Colour:
    """Return the colour of an object by its index in the video, -1 for no object."""
    return NEUTRAL if index < 0 else colour_of(index + 1)


def _case_label(errors: TrackErrors, index: int, names: Mapping[Any, str]) -> str:
    track = errors.predictions[index]
    kind = KINDS[errors.kinds[HALF, index]]
    error = f" ({TITLES.get(kind, kind)})" if kind != "correct" else ""
    return f"{names[track.category]} {track.score:.2f}{error}"


def _strip_row(
    name: str,
    pictures: ReportPictures,
    video: int,
    frames: Sequence[int],
    layers: Sequence[Layer],
    labels: Sequence[str] | None,
) -> dict[str, Any]:
    """Return one strip with its name, and a chip for each of its labels."""
    known, folder = pictures.videos[video], pictures.folder
    image = (
        None
        if folder is None
        else data_uri(strip(lambda frame: read_small(known, folder, frame), frames, layers))
    )
    chips = None
    if labels is not None:
        chips = [
            {"text": text, "colour": css(layer.colour)}
            for text, layer in zip(labels, layers, strict=True)
        ]
    return {"name": name, "frames": ", ".join(map(str, frames)), "image": image, "chips": chips}


def read_small(video: TruthVideo, folder: Path, frame: int, width: int = 220) -> np.ndarray:
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
