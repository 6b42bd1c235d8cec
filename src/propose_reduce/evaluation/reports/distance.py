"""What the distance analysis leaves: files, a table and the figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from propose_reduce.errors import InputError
from propose_reduce.evaluation.distance import (
    DEFAULT_BOUNDS,
    DistanceBin,
    DistanceCurve,
    FollowedProposal,
    distance_curves,
    follow,
    open_truth,
)
from propose_reduce.evaluation.files import native_files
from propose_reduce.evaluation.statistics import add_scores, score_table
from propose_reduce.files import replacing, write_text
from propose_reduce.results import VideoResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.table import Table

# Steps of cividis, made for colour-blind readers; its last part is too faint on white.
COLOUR_RANGE = (0.0, 0.85)
MARKERS = "osD^vP*X"
PROPOSALS = "proposals.json"
"""What ``predict --keep-proposals`` calls its files."""
FILES = ("distance.csv", "drops.csv", "distance.png", "distance.svg")
DISTANCE_HEADER = ("iou_from", "iou_to", "distance", "measurements", "j", "j_on_key_frame")
DROPS_HEADER = ("iou_from", "iou_to", "first", "last", "measurements", "j", "drop")


@dataclass(frozen=True, slots=True, eq=False)
class DistanceReport:
    """The curves of all groups and what stands around them.

    Attributes:
        curves: one per group, the poorest first.
        videos: how many videos.
        proposals: how many proposals were read, those in no group among them.
    """

    curves: tuple[DistanceCurve, ...]
    videos: int
    proposals: int

    def table(self) -> Table:
        """Return J in bins of distances and, below it, the change since the key frame."""
        grouped = sum(curve.proposals for curve in self.curves)
        title = (
            f"{grouped} of {self.proposals} proposals of {self.videos} videos are in a group\n"
            "J by frames from the key frame, its change below; percent"
        )
        bins = [{part.first: part for part in curve.bins()} for curve in self.curves]
        columns = {first: part.last for group in bins for first, part in group.items()}
        spans = [f"\n{_span(first, last)}" for first, last in sorted(columns.items())]
        table = score_table(title, ["IoU on\nkey frame"], ["pro-\nposals", *spans])
        for curve, group in zip(self.curves, bins, strict=True):
            cells = [_cell(group.get(first)) for first in sorted(columns)]
            add_scores(table, [curve.name], [str(curve.proposals), *cells])
        return table

    def save(self, folder: str | Path) -> Path:
        """Write the files named in ``FILES``, each whole or not at all; return the folder."""
        folder = Path(folder)
        distances = [
            (c.lower, c.upper, distance, count, c.j[distance], c.key_j[distance])
            for c in self.curves
            for distance, count in enumerate(c.counts.tolist())
            if count
        ]
        drops = [
            (c.lower, c.upper, b.first, b.last, b.count, b.j, b.drop)
            for c in self.curves
            for b in c.bins()
        ]
        write_text(folder / "distance.csv", _csv(DISTANCE_HEADER, distances))
        write_text(folder / "drops.csv", _csv(DROPS_HEADER, drops))
        self._save_figure(folder)
        return folder

    def _save_figure(self, folder: Path) -> None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4), layout="constrained")
        draw_distance(figure.subplots(), self.curves)
        for suffix in (".png", ".svg"):
            with replacing(folder / f"distance{suffix}") as temporary:
                figure.savefig(temporary, dpi=150)


def analyze_distance(
    ground_truth: str | Path,
    proposals: Sequence[str | Path],
    *,
    bounds: Sequence[float] = DEFAULT_BOUNDS,
    progress: Callable[[int, int], None] | None = None,
) -> DistanceReport:
    """Return J against the distance from the key frame for proposals in files.

    Args:
        ground_truth: a YouTube-VIS annotation file, a DAVIS root, or a folder with one folder of
            label PNGs per sequence.
        proposals: native files with the sequences before the reduction, one per video, or folders
            with ``proposals.json`` files below them; each finds its truth by the video's name, or
            by the id as text.
        bounds: rising percentages of the IoU on the key frame; neighbours bound a group.
        progress: called with (done, all) files after each one.

    Raises:
        InputError: a file cannot be read, a video is not in the truth, does not fit it or comes
            twice, or the bounds do not rise.
    """
    distance_curves([], bounds)  # a mistake in the bounds shows before the work
    truth = open_truth(Path(ground_truth))
    files = [file for path in proposals for file in native_files(Path(path), PROPOSALS)]
    followed: list[FollowedProposal] = []
    counts: dict[str, int] = {}
    for done, file in enumerate(files, start=1):
        result = VideoResult.load(file)
        if result.name in counts:
            raise InputError(f"'{file}' is a second file for the video '{result.name}'")
        followed += follow(result, truth.find(result.name))
        counts[result.name] = len(result.sequences)
        if progress is not None:
            progress(done, len(files))
    return DistanceReport(distance_curves(followed, bounds), len(files), sum(counts.values()))


def draw_distance(axes: Axes, curves: Sequence[DistanceCurve]) -> None:
    """Draw J against distance, one colour per group that has any proposal, the best on top.

    Thin lines are the means at every distance, marks those of the table's bins at their middle.
    """
    from matplotlib import colormaps

    start, end = COLOUR_RANGE
    steps = max(len(curves) - 1, 1)
    filled = [(index, curve) for index, curve in enumerate(curves) if curve.proposals]
    for index, curve in reversed(filled):
        colour = colormaps["cividis"](start + (end - start) * index / steps)
        axes.plot(range(len(curve.j)), 100 * curve.j, color=colour, alpha=0.4, linewidth=1)
        bins = curve.bins()
        axes.plot(
            [(part.first + part.last) / 2 for part in bins],
            [100 * part.j for part in bins],
            color=colour,
            marker=MARKERS[index % len(MARKERS)],
            clip_on=False,
            label=f"{curve.name}, {curve.proposals} proposals",
        )
    axes.set_xlabel("distance from the key frame (frames)")
    axes.set_ylabel("J (%)")
    axes.set_ylim(0, 100)
    axes.set_xlim(0, max((len(curve.j) - 1 for _, curve in filled), default=1) or 1)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if filled:  # beside the lines, which may run anywhere
        axes.legend(
            title="IoU on the key frame\n(marks: bins; thin: each distance)",
            loc="upper left",
            bbox_to_anchor=(1.02, 1),
            frameon=False,
        )


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _cell(part: DistanceBin | None) -> str:
    if part is None:
        return "-"
    return f"{100 * part.j:.1f}" + (f"\n{-100 * part.drop:+.1f}" if part.first else "")


def _csv(header: Sequence[str], rows: Sequence[Sequence[float]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
