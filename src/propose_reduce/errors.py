"""The one error that stands for a user's mistake, and the nearest-name helper behind its advice."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """A mistake in what the user gave: one line with the fault, the value and the way out.

    Raised by the library; only ``cli/main.py`` turns it into a line on stderr and exit code 2.
    """


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
    guess = nearest(name, candidates)
    advice = f"did you mean '{guess}'?" if guess else f"known: {', '.join(candidates) or 'none'}"
    return InputError(f"unknown {kind} '{name}': {advice}")
