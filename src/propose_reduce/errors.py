"""The errors that end a piece of work, and what their messages are made of."""

import reprlib
from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class ProposeReduceError(Exception):
    """What ends the work on a video or a run, said in one line with the way out.

    Raised by the library; only ``cli/main.py`` turns it into a line on stderr and an exit code.
    """

    exit_code: ClassVar[int] = 1


class InputError(ProposeReduceError, ValueError):
    """A mistake in what the user gave: the fault, the value and the way out."""

    exit_code = 2


class ContractError(ProposeReduceError):
    """A component that breaks its contract (protocols.py): its author must correct it."""

    exit_code = 3


class DivergedError(ProposeReduceError):
    """A training whose numbers are not finite any more."""

    exit_code = 4


class ResourceError(ProposeReduceError):
    """A machine that has too little of something, such as GPU memory, for what is asked of it."""

    exit_code = 5


def check_kind(answer: object, kind: type, what: str) -> None:
    """Raise ContractError unless a component's answer is of the kind that its protocol says."""
    if not isinstance(answer, kind):
        raise ContractError(f"{what} must be {kind.__name__}, got {type(answer).__name__}")


MOST_NAMES = 100
"""Names that a message lists at most; every preset, category of COCO and setting is among them."""


class _Cut(reprlib.Repr):
    """Values in a message: short, whatever they hold and however deep."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 4
        self.maxstring = self.maxother = 60

    def repr_int(self, value: int, level: int) -> str:
        """Return a whole number; of one that would fill lines how long it is."""
        bits = value.bit_length()
        return repr(value) if bits < 128 else f"a whole number of {bits} bits"


_CUT = _Cut()


def printable(text: str) -> str:
    """Return text as a terminal may show it: control characters and newlines are escaped.

    A name out of a file could otherwise move the cursor, change colours, or forge a line.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def cut(value: object, limit: int = 80) -> str:
    """Return a value for a message: as Python writes it, cut in the middle.

    Time and memory stay small for values of any size: lists in lists, a number of a million digits.
    """
    text = _CUT.repr(value)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or None when nothing comes close."""
    candidates = list(known)
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    close = get_close_matches(name.casefold(), list(by_folded), n=1, cutoff=0.6)
    return by_folded[close[0]] if close else None


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """Return the error for a name nobody knows: it offers the nearest one, or else lists all.

    Args:
        kind: what the name stands for, in the singular ("preset", "setting").
        name: what the user wrote.
        known: the names that would have been right.
    """
    candidates = sorted(known)
    guess = nearest(name[:200], candidates)
    shown = [printable(candidate)[:60] for candidate in candidates[:MOST_NAMES]]
    names = ", ".join(shown) + ", ..." * (len(candidates) > MOST_NAMES)
    advice = f"did you mean '{printable(guess)}'?" if guess else f"known: {names or 'none'}"
    return InputError(f"unknown {kind} {cut(name)}: {advice}")


def missing_library(user: str, library: str, extra: str) -> InputError:
    """Return the error for a library that only an extra of this package installs.

    Args:
        user: what needs it, the sentence's subject ("training").
        library: its name.
        extra: the extra (pyproject.toml).
    """
    advice = f"pip install '.[{extra}]' in a clone of the repository"
    return InputError(f"{user} needs '{library}', which is not installed: {advice}")
