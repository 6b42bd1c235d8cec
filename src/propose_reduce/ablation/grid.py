"""Which settings an ablation tries: factors, their values, and the variants they make."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

from pydantic import BaseModel

from propose_reduce.errors import InputError
from propose_reduce.settings import InferenceSettings, override

Value: TypeAlias = bool | int | float | str | None

PAPER_GRID = (
    "propose.key_frames=1,3,5,8,10",
    "propose.mask_nms=0.2,null",
    "propagate.memory_every=1,5,10",
    "propagate.self_propagation=true,false",
    "reduce.kind=hard,soft,category-aware",
    "reduce.iou=0.3,0.5,0.7,0.9",
)
"""What the paper asks: how many key frames, and what each step of the method is worth."""


@dataclass(frozen=True, slots=True)
class Factor:
    """An inference setting with the values to try.

    Attributes:
        name: dotted, such as ``propose.key_frames``.
        values: distinct; numbers rising, others as given.
    """

    name: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """The variants of an ablation.

    Attributes:
        base: the settings that stay where a factor does not change them.
        factors: what changes.
        full: every combination of the values; otherwise one factor at a time departs from the
            base, which is itself the first variant.
    """

    base: InferenceSettings
    factors: tuple[Factor, ...]
    full: bool = False

    def variants(self) -> tuple[InferenceSettings, ...]:
        """Return the settings to run, each once."""
        if self.full:
            combinations = product(*(factor.values for factor in self.factors))
            names = [factor.name for factor in self.factors]
            found = [_changed(self.base, zip(names, each, strict=True)) for each in combinations]
        else:
            found = [self.base]
            for factor in self.factors:
                found += [_changed(self.base, [(factor.name, each)]) for each in factor.values]
        return tuple(dict.fromkeys(found))

    def changes(self, variant: InferenceSettings) -> dict[str, Value]:
        """Return the factors in which a variant differs from the base, by name."""
        return {name: value for name, value in self.values(variant).items() if value != self[name]}

    def values(self, variant: InferenceSettings) -> dict[str, Value]:
        """Return the value of every factor in a variant, by name."""
        return {factor.name: value_of(variant, factor.name) for factor in self.factors}

    def __getitem__(self, name: str) -> Value:
        """Return the base's value of a factor."""
        return value_of(self.base, name)

    def along(self, factor: Factor) -> dict[Value, list[InferenceSettings]]:
        """Return the variants that say what a factor does, by its value, in order.

        One at a time these differ from the base in this factor alone; in a full grid they are all
        variants with that value.
        """
        found: dict[Value, list[InferenceSettings]] = {}
        for variant in self.variants():
            if self.full or not self.changes(variant).keys() - {factor.name}:
                found.setdefault(value_of(variant, factor.name), []).append(variant)
        return {value: found[value] for value in _ordered(found)}


def parse_grid(base: InferenceSettings, texts: Sequence[str] = (), *, full: bool = False) -> Grid:
    """Return the grid that texts such as ``propose.key_frames=1,3,5`` describe.

    Args:
        base: the settings around which the factors vary.
        texts: one per factor, its values as YAML (``true``, ``null``, ``0.5``, ``soft``);
            ``PAPER_GRID`` where there are none.
        full: every combination instead of one factor at a time.

    Returns:
        The grid; where it varies ``propagate.memory_every`` the memory has no bound, unless that
        is varied too, so that every row is the schedule that it names.

    Raises:
        InputError: a text without values, a setting that does not exist or is named twice, or a
            value out of its range.
    """
    factors = [_parse_factor(base, text) for text in texts or PAPER_GRID]
    names = [factor.name for factor in factors]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"grid: '{twice}' is there twice; give all its values at once")
    if "propagate.memory_every" in names and "propagate.memory_frames" not in names:
        base = _changed(base, [("propagate.memory_frames", None)])
    return Grid(base, tuple(factors), full)


def value_of(settings: InferenceSettings, name: str) -> Value:
    """Return the value of a setting by its dotted name."""
    found: Any = settings
    for key in name.split("."):
        found = getattr(found, key)
    return found


def value_text(value: Value) -> str:
    """Return a value as one writes it in a grid or a preset."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _parse_factor(base: InferenceSettings, text: str) -> Factor:
    name, _, values = (part.strip() for part in text.partition("="))
    name = name.removeprefix("inference.")  # as presets and predict --set call it
    wanted = values.split(",")
    if not name or not all(value.strip() for value in wanted):
        raise InputError(f"grid '{text}' must read name.name=value,value")
    found = [value_of(override(base, [f"{name}={value}"]), name) for value in wanted]
    if any(isinstance(value, BaseModel) for value in found):
        raise InputError(f"grid '{text}': '{name}' is a section; name one of its settings")
    return Factor(name, _ordered(found))


def _ordered(values: Iterable[Value]) -> tuple[Value, ...]:
    """Return the values once each: numbers rising, before anything else in its own order."""
    distinct = list(dict.fromkeys(values))
    numbers = [value for value in distinct if is_number(value)]
    others = [value for value in distinct if not is_number(value)]
    return (*sorted(numbers, key=float), *others)  # type: ignore[arg-type]


def is_number(value: Value) -> bool:
    """Say whether a value has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _changed(base: InferenceSettings, changes: Iterable[tuple[str, Value]]) -> InferenceSettings:
    return override(base, [f"{name}={value_text(value)}" for name, value in changes])
