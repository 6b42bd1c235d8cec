"""What all settings have in common."""

from __future__ import annotations

from typing import TypeGuard

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def is_section(annotation: object) -> TypeGuard[type[BaseModel]]:
    """Return whether a field of this annotation holds settings of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
