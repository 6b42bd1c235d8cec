"""The command line's frame: one application, one place where errors become exit codes.

Exit codes (errors.py): 0 done; one line and no traceback: 2 the user's mistake, 3 a component that
breaks its contract, 4 a training that diverged, 5 too little GPU memory; 1 our fault (traceback);
130 stopped by Ctrl-C, 143 by SIGTERM, 129 by the terminal's end.
Commands live in one file each and import what is heavy inside themselves, so that ``--help``
answers at once.
"""

import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from propose_reduce.cli import (
    analyze,
    benchmark,
    components,
    convert,
    data,
    demo,
    evaluate,
    export,
    predict,
    train,
    view,
    weights,
)
from propose_reduce.cli.terminal import say, writing_whatever_happens
from propose_reduce.errors import ProposeReduceError

app = typer.Typer(
    name="propose-reduce",
    help="Every object in a video as a complete, labelled, scored mask sequence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        say(f"propose-reduce {version('propose-reduce')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="show the version"),
    ] = False,
) -> None:
    """Every object in a video as a complete, labelled, scored mask sequence."""


app.command("benchmark")(benchmark.benchmark_command)
app.command("components")(components.components_command)
app.command("convert")(convert.convert_command)
app.command("demo")(demo.demo_command)
app.command("export")(export.export_command)
app.command("predict")(predict.predict_command)
app.command("train")(train.train_command)
app.command("view")(view.view)
app.add_typer(analyze.app, name="analyze")
app.add_typer(data.app, name="data")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(weights.app, name="weights")


@contextmanager
def _ending_as_errors_do() -> Iterator[None]:
    """Let the signals that end a process raise SystemExit, so that what is half written goes."""

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    numbers = [signal.Signals[n] for n in ("SIGTERM", "SIGHUP") if n in signal.Signals.__members__]
    ours = [n for n in numbers if signal.getsignal(n) == signal.SIG_DFL]  # nohup has one ignored
    for number in ours:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Show a warning as one line on stderr, without the place in the code that it comes from."""

    def show(message: Warning | str, *_: object) -> None:
        say(f"warning: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show  # type: ignore[assignment]  # it takes more than it needs
        yield


def main() -> None:
    """Run the command line; an error of ours ends in one line on stderr and its exit code."""
    with writing_whatever_happens():
        try:
            with _ending_as_errors_do(), _warnings_as_lines():
                app()
        except ProposeReduceError as error:
            say(f"propose-reduce: {error}", err=True)
            sys.exit(error.exit_code)
        except OSError as error:  # a folder that may not be entered, a name that is too long
            if error.filename is None:
                raise
            say(f"propose-reduce: '{error.filename}': {error.strerror}", err=True)
            sys.exit(2)
        except KeyboardInterrupt:  # before a command has begun; later typer sees to it
            sys.exit(130)


if __name__ == "__main__":
    main()
