"""How sure a number is: bootstrap over videos (Efron, 1979).

The videos of a data set are drawn anew, as many as there are, some twice and some never, and every
measure is computed of each draw. How much it varies is its standard error. The draws are the same
for all methods on one truth, so that differences between methods are paired.

Letters: B draws, V videos.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rich.table import Table
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def score_table(
    title: str, names: Sequence[str], numbers: Sequence[str], *, padding: int = 1
) -> Table:
    """Return an empty table for :func:`add_scores`.

    On a narrow screen the columns of names lose their ends; those of numbers stay whole.

    Args:
        title: above the table, as it is.
        names: headings of the columns of text.
        numbers: headings of the columns of numbers, with line breaks where wanted.
        padding: spaces on the right of each column.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, padding, 0, 0)
    )
    for name in names:
        table.add_column(name, vertical="bottom")
    for number in numbers:
        table.add_column(number, justify="right", no_wrap=True)
    return table


def add_scores(
    table: Table, names: Iterable[str], numbers: Iterable[str], *, style: str | None = None
) -> None:
    """Add a row; a name is printed as it is, brackets and all, and cut where it has no room."""
    from rich.text import Text

    cells = [Text(name.replace("\n", " "), overflow="ellipsis", no_wrap=True) for name in names]
    table.add_row(*cells, *numbers, style=style)


DRAWS = 1000
"""A standard error of this many draws is itself known to 2 % (1 / sqrt(2 B))."""

SEED = 20
"""Of the draws, so that a number is the same tomorrow."""

NORMAL_95, NORMAL_80 = 1.96, 0.84
"""Standard errors that hold 95 % of a normal distribution, two-sided, and 80 %, one-sided."""

FEW = 20
"""Videos below which the bootstrap is known to give errors that are too small."""

POINT = 0.01
"""The difference for which the number of videos is said."""


def drawn_videos(videos: int, draws: int = DRAWS) -> np.ndarray:
    """Return how often each video is in each draw: int64 (B, V), rows add up to V."""
    random = np.random.default_rng(SEED)
    return random.multinomial(videos, np.full(videos, 1 / max(1, videos)), size=draws)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure, or a difference of two, with its standard error.

    The interval lies around the value, not at quantiles of the draws: average precision rises where
    videos repeat, so that the draws lie too high.

    Attributes:
        value: of the videos as they are.
        error: standard deviation over the draws; NaN where most draws leave it undefined.
    """

    value: float
    error: float

    @property
    def low(self) -> float:
        """Where the 95 % interval begins."""
        return self.value - NORMAL_95 * self.error

    @property
    def high(self) -> float:
        """Where the 95 % interval ends."""
        return self.value + NORMAL_95 * self.error

    def videos_needed(self, videos: int, difference: float = POINT) -> int | None:
        """Return how many videos like these it takes to see a difference between two methods.

        At 5 % error, two-sided, and 80 % power. None where the error is not known.

        Args:
            videos: how many this estimate, of a difference between two methods, is made of.
            difference: what shall be seen.
        """
        if math.isnan(self.error):
            return None
        return max(1, math.ceil(videos * ((NORMAL_95 + NORMAL_80) * self.error / difference) ** 2))

    def to_dict(self) -> dict[str, float | None]:
        """Return what ``metrics.json`` holds; null where the error is not known."""
        if math.isnan(self.error):
            return {"low": None, "high": None, "error": None}
        return {"low": self.low, "high": self.high, "error": self.error}


def estimate(value: float, draws: np.ndarray) -> Estimate:
    """Return a measure with its error.

    Args:
        value: of the videos as they are.
        draws: float64 (B,), of each draw, NaN where it is not defined.
    """
    defined = draws[~np.isnan(draws)]
    sure = 2 * defined.size > draws.size
    return Estimate(value, float(defined.std()) if sure else math.nan)


def estimates(values: Mapping[str, float], draws: Mapping[str, np.ndarray]) -> dict[str, Estimate]:
    """Return measures with their errors."""
    return {key: estimate(value, draws[key]) for key, value in values.items()}


def differences(
    values: Mapping[str, float],
    draws: Mapping[str, np.ndarray],
    first_values: Mapping[str, float],
    first_draws: Mapping[str, np.ndarray],
) -> dict[str, Estimate]:
    """Return how much more a method has than the first one, on the same draws."""
    return {
        key: estimate(values[key] - first_values[key], draws[key] - first_draws[key])
        for key in values
        if key in first_values
    }


def few_videos(videos: int) -> Iterable[str]:
    """Yield what a reader of errors over a few videos should know."""
    if videos < FEW:
        yield f"intervals over {videos} videos are too narrow: {FEW} or more give sound ones"


def estimate_table(title: str, rows: Mapping[str, Estimate], videos: int = 0) -> Table:
    """Return measures with their 95 % intervals in percent.

    Args:
        title: above the table.
        rows: measures, or differences of a method to the first one.
        videos: for differences how many videos there are, to say how many would show one of a
            point.
    """
    headings = ["value", "low", "high", *(["videos for\n1 point"] if videos else [])]
    table = score_table(title, ["measure"], headings)
    for name, each in rows.items():
        cells = [
            "-" if math.isnan(number) else f"{100 * number:.1f}"
            for number in (each.value, each.low, each.high)
        ]
        if videos:
            needed = each.videos_needed(videos)
            cells.append("-" if needed is None else f"{needed:,}")
        add_scores(table, [name], cells)
    return table


def to_json(rows: Mapping[str, Estimate], videos: int = 0) -> dict[str, Any]:
    """Return estimates as ``metrics.json`` holds them, by measure.

    Args:
        rows: measures, or differences of a method to the first one.
        videos: for differences how many videos there are.
    """
    content: dict[str, Any] = {}
    for key, each in rows.items():
        content[key] = each.to_dict()
        if videos:
            needed = {"videos_for_one_point": each.videos_needed(videos)}
            content[key] = {"difference": each.value, **content[key], **needed}
    return content
