"""The plots of the report, as SVG text that can stand inside a page."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from propose_reduce.drawing.paint import colour_of, css
from propose_reduce.evaluation.average_precision import RECALL_POINTS
from propose_reduce.evaluation.errors import ErrorBreakdown
from propose_reduce.evaluation.reports.failures import TITLES
from propose_reduce.evaluation.youtube_vis import YoutubeVisMetrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID = "#333333", "#dddddd"
LEVELS = {"IoU 0.5": 0, "IoU 0.75": 5, "IoU 0.9": 8}
"""Curves shown beside the mean, by their index among the thresholds."""

SHADES = ("#9ecae1", "#4292c6", "#08519c")
MAIN = "#d55e00"
SIZE = (4.6, 3.5)
"""Inches; small, so that text can be read on a screen of 390 pixels."""


def precision_recall(metrics: YoutubeVisMetrics) -> Markup:
    """Return the precision over recall, mean of all categories with objects."""
    figure, axes = _figure()
    curves = _mean_curves(metrics)
    for shade, (name, level) in zip(SHADES, LEVELS.items(), strict=True):
        axes.plot(RECALL_POINTS, curves[level], color=shade, label=name)
    mean = curves.mean(axis=0)
    axes.plot(RECALL_POINTS, mean, color=MAIN, linewidth=2, label="mean of all")
    axes.fill_between(RECALL_POINTS, mean, color=MAIN, alpha=0.08)
    _finish_curves(axes)
    return _svg(figure, "precision-recall")


def compared_curves(methods: Mapping[str, YoutubeVisMetrics]) -> Markup:
    """Return the precision over recall of several methods: means of categories and thresholds."""
    figure, axes = _figure()
    for index, (name, metrics) in enumerate(methods.items()):
        mean = _mean_curves(metrics).mean(axis=0)
        axes.plot(RECALL_POINTS, mean, color=_colour(index), linewidth=2, label=_short(name))
    _finish_curves(axes)
    return _svg(figure, "precision-recall")


def error_gains(errors: ErrorBreakdown) -> Markup:
    """Return what each kind of error costs, as bars of AP50 and AP."""
    gains = errors.gains.values()
    bars = {
        "AP50": (SHADES[0], [100 * gain.gain50 for gain in gains]),
        "AP": (SHADES[2], [100 * gain.gain for gain in gains]),
    }
    return _bars([TITLES[name] for name in errors.gains], bars)


def compared_gains(methods: Mapping[str, ErrorBreakdown]) -> Markup:
    """Return what each kind of error costs several methods, as bars of AP."""
    bars = {
        name: (_colour(index), [100 * gain.gain for gain in errors.gains.values()])
        for index, (name, errors) in enumerate(methods.items())
    }
    kinds = next(iter(methods.values())).gains
    return _bars([TITLES[kind] for kind in kinds], bars)


def _bars(names: list[str], bars: Mapping[str, tuple[str, list[float]]]) -> Markup:
    """Return groups of horizontal bars with their values; a bar has a label and a colour."""
    height = 0.8 / len(bars)
    figure, axes = _figure(max(SIZE[1], 1.2 + 0.17 * len(names) * len(bars)))
    rows = np.arange(len(names))
    for index, (label, (colour, values)) in enumerate(bars.items()):
        offset = (index - (len(bars) - 1) / 2) * height
        drawn = axes.barh(rows + offset, values, height * 0.94, color=colour, label=_short(label))
        axes.bar_label(drawn, fmt="%+.1f", padding=3, fontsize=8, color=INK)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.margins(x=0.16)
    axes.set_xlabel("gain if this kind of error were gone (points)")
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    _legend(axes)
    return _svg(figure, "errors")


def _mean_curves(metrics: YoutubeVisMetrics) -> np.ndarray:
    return np.mean(list(metrics.curves.values()) or [np.zeros((10, 101))], axis=0)


def _finish_curves(axes: Axes) -> None:
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(color=GRID, linewidth=0.6)
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Put the legend above the axes, where it covers nothing."""
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=9, borderpad=0
    )


def _short(name: str) -> str:
    """Return a label that leaves room for the one beside it, and that is no formula."""
    return (name if len(name) <= 24 else f"{name[:23]}…").replace("$", r"\$").lstrip("_") or "-"


def _colour(index: int) -> str:
    return css(colour_of(index + 1))


def _figure(height: float = SIZE[1]) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(SIZE[0], height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure, name: str) -> Markup:
    from matplotlib import rc_context

    stream = io.StringIO()
    # text stays text; the names of clip paths must differ between the plots of one page
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    return Markup(text[text.index("<svg") :])
