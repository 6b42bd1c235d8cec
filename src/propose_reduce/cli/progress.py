"""One progress bar for every command that may take longer than two seconds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from propose_reduce.cli.terminal import terminal


@contextmanager
def progress_bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr and give the function that moves it, called with (done, total).

    Nothing is shown where stderr is not a terminal, so that logs and pipes stay clean.
    """
    from rich.progress import Progress

    console = terminal(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
