"""The plots of the report, as SVG text that can stand inside a page."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from propose_reduce.evaluation.error_breakdown import ErrorBreakdown
from propose_reduce.evaluation.failures import TITLES
from propose_reduce.evaluation.precision import RECALL_POINTS
from propose_reduce.evaluation.youtube_vis_metrics import YoutubeVisMetrics

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GRID = "#333333", "#dddddd"
LEVELS = {"IoU 0.5": 0, "IoU 0.75": 5, "IoU 0.9": 8}
"""Curves shown beside the mean, by their place among the thresholds."""

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
    places = np.arange(len(names))
    for offset, shade, label, gains in (
        (-0.19, SHADES[0], "AP50", [100 * g.gain50 for g in errors.gains.values()]),
        (0.19, SHADES[2], "AP", [100 * g.gain for g in errors.gains.values()]),
    ):
        bars = axes.barh(places + offset, gains, height=0.36, color=shade, label=label)
        axes.bar_label(bars, fmt="%+.1f", padding=3, fontsize=8, color=INK)
    axes.set_yticks(places, names)
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
