"""What all settings have in common."""

from typing import Annotated, Literal, TypeAlias, TypeGuard

from pydantic import BaseModel, BeforeValidator, ConfigDict

from propose_reduce.errors import unknown_name


class Settings(BaseModel):
    """Frozen settings; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def is_section(annotation: object) -> TypeGuard[type[BaseModel]]:
    """Return whether a field of this annotation holds settings of its own."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


PRECISIONS = {"fp32": "float32", "bf16": "bfloat16"}
"""Precisions by their short names."""


def precision_name(name: object) -> object:
    """Return the long name of a precision, short or long.

    Raises:
        InputError: an unknown name.
    """
    if not isinstance(name, str) or name == "auto" or name in PRECISIONS.values():
        return name
    if name not in PRECISIONS:
        raise unknown_name("precision", name, ["auto", *PRECISIONS, *PRECISIONS.values()])
    return PRECISIONS[name]


Precision: TypeAlias = Annotated[
    Literal["auto", "float32", "bfloat16"], BeforeValidator(precision_name)
]
"""A precision by its long name; the short one is taken too."""
