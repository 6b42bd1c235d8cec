"""Settings from plain data and from ``a.b=value`` assignments, with advice on what is wrong."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from propose_reduce.errors import InputError, cut, nearest, unknown_name
from propose_reduce.settings.base import is_section

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
