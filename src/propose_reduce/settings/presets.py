"""Presets: a model with how it is run and trained, as one YAML file."""

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from propose_reduce.errors import InputError, cut, unknown_name
from propose_reduce.files import read_text
from propose_reduce.settings.base import Settings, is_section
from propose_reduce.settings.components import ComponentSettings
from propose_reduce.settings.inference import InferenceSettings
from propose_reduce.settings.model import ModelSettings
from propose_reduce.settings.reading import YAML_FAULTS, read_yaml, validate
from propose_reduce.settings.training import TrainingSettings

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
