"""Which tensor of a foreign checkpoint fills which of ours, and the filling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from propose_reduce.models.convert.categories import counterparts
from propose_reduce.models.convert.conversion import TensorReport
from propose_reduce.models.convert.keys import CLASS_LOGITS, CLASS_ROWS, STEM, Source


class MisfitError(ValueError):
    """A checkpoint and a network do not go together; the text says where."""


@dataclass(frozen=True, slots=True)
class Match:
    """Which of their tensors fills which of ours.

    Attributes:
        origins: their name by ours.
        reports: what is dropped whole and what is initialised whole.
    """

    origins: dict[str, str]
    reports: list[TensorReport]


def match_tensors(
    given: Mapping[str, Tensor], wanted: Mapping[str, Tensor], source: Source
) -> Match:
    """Match a checkpoint and a network by names and shapes; no number is read.

    Args:
        given: their tensors.
        wanted: our network's state dict.
        source: the kind of checkpoint.

    Raises:
        MisfitError: a tensor is missing, unknown or of the wrong shape, and no exception.
    """
    # timm's feature pyramids join with "_" what its classifiers join with "."
    spelling = {name.replace("_", "."): name for name in wanted}
    origins: dict[str, str] = {}
    reports: list[TensorReport] = []
    for name, value in given.items():
        renamed = source.rename(name)
        ours = spelling.get(renamed.replace("_", "."))
        if reason := source.drop_reason(name):
            reports.append(TensorReport("dropped", _part(renamed), name, value.numel(), reason))
        elif ours is None:
            raise MisfitError(f"its tensor '{name}' {tuple(value.shape)} has no place there")
        else:
            origins[ours] = name
    for name, value in wanted.items():
        if name in origins:
            _check_shape(origins[name], given[origins[name]], name, value, source)
        elif reason := source.initial_reason(name):
            reports.append(TensorReport("initialised", _part(name), name, value.numel(), reason))
        elif not name.endswith("num_batches_tracked"):
            raise MisfitError(f"it has nothing for '{name}' {tuple(value.shape)}")
    return Match(origins, reports)


def fill_state(
    state: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    match: Match,
    source: Source,
    categories: Sequence[str],
) -> list[TensorReport]:
    """Copy their values into our state dict, in place, and return what became of every tensor.

    Args:
        state: our network's tensors, initialised.
        given: their tensors.
        match: which fills which.
        source: the kind of checkpoint.
        categories: our foreground classes.
    """
    reports = list(match.reports)
    for ours, theirs in match.origins.items():
        if source.categories is not None and _rows_per_class(ours):
            reports += _carry_rows(ours, state[ours], given[theirs], categories, source)
        else:
            value = given[theirs]
            stem = source.reversed_channels and ours == STEM
            state[ours].copy_(value.flip(1) if stem else value)
            reports.append(TensorReport("loaded", _part(ours), ours, state[ours].numel()))
    return reports


def _carry_rows(
    name: str, target: Tensor, given: Tensor, ours: Sequence[str], source: Source
) -> list[TensorReport]:
    """Fill the rows of the background and of the categories that both sides have."""
    theirs = source.categories or ()
    found = counterparts(ours, theirs)
    own_rows = target.unflatten(0, (len(ours) + 1, -1))
    their_rows = given.unflatten(0, (_classes_with_rows(name, source), -1))
    background, first = _class_places(name, source)
    if background is not None:
        own_rows[0] = their_rows[background]
    for own, foreign in found.items():
        own_rows[own + 1] = their_rows[foreign + first]
    new = [category for index, category in enumerate(ours) if index not in found]
    unused = len(theirs) - len(set(found.values()))
    part, size = _part(name), own_rows[0].numel()
    known = f"{len(found)} of {len(ours)} classes"
    if background is not None:
        known = f"the background and {known}"
    reports = [
        TensorReport("loaded", part, name, size * (len(found) + (background is not None)), known),
        TensorReport(
            "dropped", part, name, size * unused, f"{unused} classes that the preset lacks"
        ),
        TensorReport("initialised", part, name, size * len(new), f"new classes: {', '.join(new)}"),
    ]
    if background is None:
        why = "rows of the background, which nothing reads"
        reports.append(TensorReport("initialised", part, name, size, why))
    return [report for report in reports if report.values]


def _class_places(name: str, source: Source) -> tuple[int | None, int]:
    """Return the place of their background, None where it has no rows, and of their first class."""
    if not source.background_last:
        return 0, 1
    count = len(source.categories or ())
    return (count if name.startswith(CLASS_LOGITS) else None), 0


def _classes_with_rows(name: str, source: Source) -> int:
    background, _ = _class_places(name, source)
    return len(source.categories or ()) + (background is not None)


def _check_shape(theirs: str, given: Tensor, ours: str, wanted: Tensor, source: Source) -> None:
    expected = tuple(wanted.shape)
    if source.categories is not None and (rows := _rows_per_class(ours)):
        expected = (rows * _classes_with_rows(ours, source), *expected[1:])
    if tuple(given.shape) != expected:
        raise MisfitError(f"its tensor '{theirs}' is {tuple(given.shape)}, needed is {expected}")


def _rows_per_class(name: str) -> int:
    """Return how many rows per class one of our tensors has; 0 where it has none."""
    return next((rows for start, rows in CLASS_ROWS.items() if name.startswith(start)), 0)


def _part(name: str) -> str:
    """Return the part of the network that one of our names belongs to."""
    return name.split(".")[0]
