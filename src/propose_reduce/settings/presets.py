"""Presets: a model, how it is run and trained, as a YAML file that can be changed by name."""

import os
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from propose_reduce.errors import InputError, cut, nearest, unknown_name
from propose_reduce.files import read_text
from propose_reduce.settings.base import Settings, is_section
from propose_reduce.settings.inference import ComponentSettings, InferenceSettings
from propose_reduce.settings.model import ModelSettings
from propose_reduce.settings.training import TrainingSettings

Model = TypeVar("Model", bound=BaseModel)

YAML_FAULTS = (yaml.YAMLError, ValueError, RecursionError)
"""What PyYAML raises: the second for a date that is none, the third for brackets without end."""


class _PlainLoader(yaml.SafeLoader):
    """YAML without aliases, of which a few lines can stand for more values than memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(
                None, None, "an alias (*name) is not taken: write the value out", mark
            )
        return super().compose_node(parent, index)


def read_yaml(text: str) -> Any:
    """Return the plain data that a YAML text holds, or raise one of ``YAML_FAULTS``."""
    return yaml.load(text, _PlainLoader)


def validate(kind: type[Model], data: Any, source: str) -> Model:
    """Return settings made from plain data, or raise InputError with the first fault.

    Args:
        kind: the settings class.
        data: mappings and plain values, as YAML or JSON gives them.
        source: where the data comes from, for the message; empty where that says nothing.
    """
    source += ": " if source else ""
    if not isinstance(data, dict):
        raise InputError(f"{source}must be a mapping of settings, got {type(data).__name__}")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        fault = error.errors()[0]
        path = [str(part)[:60] for part in fault["loc"]]
        if fault["type"] == "extra_forbidden":
            known = _keys_beside(kind, path)
            guess = nearest(path[-1], known) or _path_to(kind, path[-1])
            advice = f"did you mean '{guess}'?" if guess else f"known: {', '.join(sorted(known))}"
            raise InputError(f"{source}unknown setting '{'.'.join(path)}': {advice}") from error
        message = fault["msg"].removeprefix("Value error, ")
        value = "" if isinstance(fault["input"], dict) else f" = {cut(fault['input'])}"
        where = f"{'.'.join(path)}{value}: " if path else ""
        raise InputError(f"{source}{where}{message}") from error


def _keys_beside(kind: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Return the keys that would have been right where ``path`` ends."""
    level: Any = kind
    for part in path[:-1]:
        field = getattr(level, "model_fields", {}).get(part)
        if field is not None:
            arguments = getattr(field.annotation, "__args__", ())  # dict[str, Section] -> Section
            level = arguments[-1] if arguments else field.annotation
    return list(getattr(level, "model_fields", {}))


def _path_to(kind: type[BaseModel], name: str, *above: str) -> str | None:
    """Return the dotted path of the first setting of this name, in whatever section it is."""
    for key, field in kind.model_fields.items():
        if key == name:
            return ".".join([*above, key])
        if is_section(field.annotation):
            found = _path_to(field.annotation, name, *above, key)
            if found:
                return found
    return None


def override(settings: Model, assignments: Iterable[str]) -> Model:
    """Return settings with ``a.b=value`` assignments applied; values are read as YAML.

    Raises:
        InputError: an assignment without ``=``, an unknown key or stage, or a value that is not
            YAML or out of range.
    """
    data = settings.model_dump()
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            raise InputError(f"setting {cut(assignment)} must read name.name=value")
        target = data
        for level, key in enumerate(keys[:-1]):
            if key not in target and keys[:level] == ["training", "stages"]:
                raise unknown_name("stage", key, target)
            target = target.setdefault(key, {})
            if not isinstance(target, dict):
                raise InputError(f"setting '{path}': '{key}' is a value, not a section")
        try:
            target[keys[-1]] = read_yaml(text)
        except YAML_FAULTS as error:
            raise InputError(
                f"setting {cut(assignment)}: {cut(text)} is not a valid YAML value"
            ) from error
    return validate(type(settings), data, "")


PACKAGED = files("propose_reduce") / "presets"
FILE_SUFFIXES = {".yaml", ".yml"}


class Preset(Settings):
    """A model with how it is run and trained."""

    model: ModelSettings = ModelSettings()
    inference: InferenceSettings = InferenceSettings()
    components: ComponentSettings = ComponentSettings()
    training: TrainingSettings = TrainingSettings()


def preset_names() -> list[str]:
    """Return the names of the presets in the package, sorted."""
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in PACKAGED.iterdir()
        if entry.name.endswith(".yaml")
    )


def load_preset(name: str | Path) -> Preset:
    """Return a preset by name, or from a YAML file of one's own.

    A preset may name another one that it ``extends``: a preset of the package, or a file, whose
    path starts at its own folder. What it says replaces what that one says, setting by setting;
    a setting that holds a list or a mapping of names (``sources``, ``stages``, ``categories``) is
    replaced as a whole.

    Raises:
        InputError: no such preset or file, a file that is not a YAML mapping, presets that extend
            each other in a circle, an unknown key (the nearest one is offered), or a value out of
            range.
    """
    return validate(Preset, _plain_sections(str(name), ()), f"preset '{name}'")


def _plain_sections(name: str, extending: tuple[str, ...]) -> dict[str, Any]:
    """Return the sections of a preset together with what it extends.

    Args:
        name: of the preset, or its file.
        extending: the presets that lead here, each of which extends the next.
    """
    if name in extending:
        circle = " -> ".join((*extending, name))
        raise InputError(f"preset '{name}' extends itself: {circle}: remove one 'extends'")
    data = _document(name)
    base = data.pop("extends", None) if isinstance(data, dict) else None
    if base is not None:
        if not isinstance(base, str):
            raise InputError(f"preset '{name}': extends = {cut(base)}: must be one preset or file")
        if Path(base).suffix in FILE_SUFFIXES:
            base = os.path.normpath(Path(name).parent / base)
        data = _merged(Preset, _plain_sections(base, (*extending, name)), data)
    validate(Preset, data, f"preset '{name}'")
    return data


def _document(name: str) -> Any:
    """Return what the YAML file of a preset holds."""
    if name in preset_names():
        text = (PACKAGED / f"{name}.yaml").read_text(encoding="utf-8")
    elif Path(name).suffix in FILE_SUFFIXES:
        text = read_text(Path(name))
    else:
        raise unknown_name("preset", name, preset_names())
    try:
        return read_yaml(text) or {}
    except YAML_FAULTS as error:
        raise InputError(f"preset '{name}' is not valid YAML: {_yaml_fault(error)}") from error


def _merged(kind: type[BaseModel], base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return one section's plain data laid over another's, section by section below it."""
    merged = {**base, **own}
    for key, field in kind.model_fields.items():
        section, below, above = field.annotation, base.get(key), own.get(key)
        if isinstance(below, dict) and isinstance(above, dict) and is_section(section):
            merged[key] = _merged(section, below, above)
    return merged


def _yaml_fault(error: Exception) -> str:
    """Return what is wrong with a YAML text, and where in it."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
