"""What the loop of the pipeline finds, as a list of windows."""

from propose_reduce.paradigm.pipeline import Window, find_windows
from propose_reduce.paradigm.proposals import Proposals


def windows_found(*arguments, **keywords) -> list[Window]:
    """Return every window that ``find_windows`` finds."""
    found: list[Window] = []
    find_windows(*arguments, [found.append], **keywords)
    return found


def proposals_found(*arguments, **keywords) -> Proposals:
    """Return the proposals of the only window."""
    (window,) = windows_found(*arguments, **keywords)
    return window.proposals
