"""The numbers of DAVIS 2017: mean, recall and decay of J and F, shown and saved."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from propose_reduce.evaluation.statistics import (
    Estimate,
    add_scores,
    drawn_videos,
    estimate_table,
    estimates,
    few_videos,
    score_table,
    to_json,
)
from propose_reduce.files import write_text

if TYPE_CHECKING:
    from rich.table import Table

Task: TypeAlias = Literal["unsupervised", "semi-supervised", "vos"]

# A frame counts as recalled above this value, strictly (official tool).
RECALL_THRESHOLD = 0.5
STATISTICS = ("J-Mean", "J-Recall", "J-Decay", "F-Mean", "F-Recall", "F-Decay")
METRICS = ("J&F-Mean", *STATISTICS)
TITLES: dict[Task, str] = {
    "unsupervised": "DAVIS unsupervised",
    "semi-supervised": "DAVIS semi-supervised",
    "vos": "Video object segmentation",
}


@dataclass(frozen=True, slots=True)
class Series:
    """One measure of one object over the evaluated frames.

    Attributes:
        values: one number in [0, 1] per evaluated frame, at least one.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean over the frames."""
        return _mean_of_defined(self.values)

    @property
    def recall(self) -> float:
        """The share of frames above 0.5, strictly."""
        return _mean_of_defined([value > RECALL_THRESHOLD for value in self.values])

    @property
    def decay(self) -> float:
        """The mean of the first quarter of the frames minus that of the last quarter.

        Neighbouring quarters share the frame between them; a border that falls between two
        frames, halves included, goes to the later one (official tool).
        """
        last = len(self.values) - 1
        # round(k * last / 4), halves up, in integers: right for any number of frames
        border = [(k * last + 2) // 4 for k in range(5)]
        first_quarter = self.values[border[0] : border[1] + 1]
        last_quarter = self.values[border[3] : border[4] + 1]
        return _mean_of_defined(first_quarter) - _mean_of_defined(last_quarter)


@dataclass(frozen=True, slots=True)
class ObjectScores:
    """One ground-truth object against the proposal assigned to it.

    Attributes:
        sequence: name of the sequence.
        name: what the official tool calls it: the sequence and a number from 1 in the order of the
            proposals, which in the unsupervised task is not the object's id.
        gt_object: the object's label in the ground truth.
        proposal: the label of the result; None where the result had fewer labels than there are
            objects, so that an empty mask stands for it.
        j: region similarity.
        f: contour accuracy.
        shown: whether the truth shows it on any evaluated frame.
    """

    sequence: str
    name: str
    gt_object: int
    proposal: int | None
    j: Series
    f: Series
    shown: bool = True

    def statistics(self) -> dict[str, float]:
        """Return mean, recall and decay of both measures, keyed as in ``metrics.json``."""
        return {
            f"{measure}-{statistic.capitalize()}": getattr(series, statistic)
            for measure, series in (("J", self.j), ("F", self.f))
            for statistic in ("mean", "recall", "decay")
        }


@dataclass(frozen=True, slots=True)
class DavisMetrics:
    """What ``evaluate_davis`` found.

    Attributes:
        task: which of the two sets of rules was applied.
        sequences: names of all evaluated sequences, also of those without an object.
        objects: every object of every sequence, in the order of the official tool.
        intervals: whether file and tables say how sure the numbers are.
        late: how many objects enter after the first frame, by sequence that has such.
        binary: sequences whose 255 was taken for object 1.
    """

    task: Task
    sequences: tuple[str, ...]
    objects: tuple[ObjectScores, ...]
    intervals: bool = False
    late: Mapping[str, int] = field(default_factory=dict)
    binary: tuple[str, ...] = ()

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The global numbers with their errors over draws of sequences; empty without objects."""
        if not self.objects:
            return {}
        counted = {name: place for place, name in enumerate(self._counted)}
        places = [counted[scores.sequence] for scores in self.objects]
        weights = drawn_videos(len(counted))[:, places].astype(np.float64)  # (draws, objects)
        rows = [scores.statistics() for scores in self.objects]
        draws = {
            key: weights @ np.array([row[key] for row in rows]) / weights.sum(1)
            for key in STATISTICS
        }
        draws["J&F-Mean"] = (draws["J-Mean"] + draws["F-Mean"]) / 2
        return estimates(self.scores, draws)

    @property
    def _counted(self) -> list[str]:
        """The names of the sequences that have an object."""
        return list(dict.fromkeys(scores.sequence for scores in self.objects))

    @property
    def scores(self) -> dict[str, float]:
        """The global numbers: plain means over all objects; NaN when there is none."""
        return _averages(self.objects)

    @property
    def notes(self) -> tuple[str, ...]:
        """What counts for nothing, and what means little, one line each."""
        empty = sorted(set(self.sequences) - set(self._counted))
        notes = list(few_videos(len(self._counted))) if self.intervals else []
        if empty:
            reason = (
                "no labelled frame follows the first one that shows an object"
                if self.task == "vos"
                else "the first frame of the ground truth shows no object"
            )
            notes.append(f"sequences that do not count, because {reason}: {', '.join(empty)}")
        unseen = [scores for scores in self.objects if not scores.shown]
        if unseen:
            notes.append(
                f"numbers of objects that the ground truth skips: {len(unseen)} (first: "
                f"{unseen[0].gt_object} in '{unseen[0].sequence}'); by DAVIS' rules each is an "
                "object that is absent, and finding nothing there scores 1; --task vos counts "
                "what is there"
            )
        if self.late:
            notes.append(
                f"objects that enter after the first frame: {sum(self.late.values())} (first: in "
                f"'{next(iter(self.late))}'); by DAVIS' rules they do not count; --task vos counts "
                "them"
            )
        if self.binary:
            notes.append(
                "sequences of 0 and 255 alone, taken for masks of one object as DAVIS 2016 has "
                f"them: {', '.join(self.binary)}"
            )
        return tuple(notes)

    def per_sequence(self) -> dict[str, dict[str, float]]:
        """Return the means over the objects of each sequence that has any."""
        groups: dict[str, list[ObjectScores]] = {}
        for scores in self.objects:
            groups.setdefault(scores.sequence, []).append(scores)
        return {sequence: _averages(group) for sequence, group in groups.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return what ``metrics.json`` holds; undefined numbers are None."""
        numbers = {key: None if math.isnan(value) else value for key, value in self.scores.items()}
        objects = [
            {
                "name": scores.name,
                "sequence": scores.sequence,
                "gt_object": scores.gt_object,
                "proposal": scores.proposal,
                **scores.statistics(),
                "J": list(scores.j.values),
                "F": list(scores.f.values),
            }
            for scores in self.objects
        ]
        content: dict[str, Any] = {**numbers, "per_object": objects}
        if self.intervals:
            content["intervals"] = to_json(self.estimates)
        return content

    def save(self, path: str | Path) -> Path:
        """Write ``metrics.json``, whole or not at all, and return its path."""
        write_text(Path(path), json.dumps(self.to_dict(), allow_nan=False) + "\n")
        return Path(path)

    def __getitem__(self, key: str) -> Any:
        """Return what ``metrics.json`` holds under a key."""
        return self.to_dict()[key]

    def table(self) -> Table:
        """Return the global numbers as a table for the screen."""
        count = f"{len(self.objects)} objects in {len(self.sequences)} sequences"
        table = _empty_table(f"{TITLES[self.task]}, {count}", [], METRICS)
        table.add_row(*_score_cells(self.scores, METRICS))
        return table

    def interval_table(self) -> Table:
        """Return the global numbers with their 95 % intervals in percent."""
        title = f"95 % intervals over {len(self._counted)} sequences, percent"
        return estimate_table(title, self.estimates)

    def sequence_table(self) -> Table:
        """Return the means of every sequence as a table for the screen."""
        table = _empty_table("Per sequence", ["sequence"], METRICS)
        for sequence, scores in self.per_sequence().items():
            add_scores(table, [sequence], _score_cells(scores, METRICS))
        return table

    def object_table(self) -> Table:
        """Return the numbers of every object as a table for the screen."""
        table = _empty_table("Per object", ["sequence"], ["object", "proposal", *STATISTICS])
        for scores in self.objects:
            proposal = "none" if scores.proposal is None else str(scores.proposal)
            numbers = _score_cells(scores.statistics(), STATISTICS)
            add_scores(table, [scores.sequence], [str(scores.gt_object), proposal, *numbers])
        return table


def _mean_of_defined(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _averages(objects: Iterable[ObjectScores]) -> dict[str, float]:
    """Return the means of the six statistics over objects, and J&F before them."""
    rows = [scores.statistics() for scores in objects]
    means = {key: _mean_of_defined([row[key] for row in rows]) for key in STATISTICS}
    return {"J&F-Mean": (means["J-Mean"] + means["F-Mean"]) / 2, **means}


def _empty_table(title: str, names: Sequence[str], numbers: Sequence[str]) -> Table:
    """Return an empty table; headings of numbers take two lines, to fit 80 columns."""
    return score_table(title, names, [number.replace("-", "\n") for number in numbers])


def _score_cells(scores: dict[str, float], keys: Sequence[str]) -> list[str]:
    return [f"{scores[key]:.3f}" for key in keys]
