"""``propose-reduce weights``: what is in the package, what is a download away, and fetching it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from propose_reduce.cli.terminal import say, terminal
from propose_reduce.errors import InputError, unknown_name

if TYPE_CHECKING:
    from propose_reduce.components.published_weights import PublishedWeights

app = typer.Typer(
    help="Weights: what is in the package, and what presets download.", no_args_is_help=True
)


@app.command("list")
def list_weights() -> None:
    """List the weights in the package and those that presets download: size, licence, use."""
    from rich.table import Table

    from propose_reduce.api.model import bundled_file, bundled_models

    table = Table()
    for head in ("weights", "size", "licence", "preset", "where"):
        table.add_column(head, overflow="fold")
    for name in bundled_models():
        with bundled_file(name) as path:
            size = f"{path.stat().st_size / 1e6:.0f} MB"
        preset = name.replace("-", "_")
        table.add_row(name, size, "Apache-2.0", preset, "in the package")
    for weights, presets in _published():
        used = "\n".join(presets)
        table.add_row(weights.name, weights.size, weights.licence, used, weights.state)
    terminal().print(table)


@app.command()
def where() -> None:
    """Say where weights lie, or would lie, and their SHA-256."""
    from propose_reduce.api.model import bundled_file, bundled_models

    for name in bundled_models():
        with bundled_file(name) as path, path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            say(f"{name}: {path}, SHA-256 {digest}")
    for weights, _ in _published():
        say(f"{weights.name}: {weights.state}: {weights.place}, SHA-256 {weights.digest}")


@app.command()
def fetch(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="presets, or weights by the names that list shows"),
    ],
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="where to put them; else where a run looks for them"),
    ] = None,
) -> None:
    """Download weights and check them, so that later runs need no network."""
    for weights in _wanted(names):
        if to is None and weights.held:
            say(f"{weights}: {weights.state}, checking it")
        else:
            say(f"{weights}: from {weights.address} to {to or weights.folder}")
        path = weights.fetch(to)
        say(f"{weights.name}: whole -> {path}")
        if to is not None:
            say(f"name it so: '{weights.component}{path}'")


def _published() -> list[tuple[PublishedWeights, list[str]]]:
    """Return what presets download, each once, and the presets that do."""
    from propose_reduce.components.registry import weights_of_presets

    found: dict[PublishedWeights, list[str]] = {}
    for preset, wanted in weights_of_presets().items():
        for weights in wanted:
            found.setdefault(weights, []).append(preset)
    return list(found.items())


def _wanted(names: list[str]) -> list[PublishedWeights]:
    """Return the weights of presets and names, each once.

    Raises:
        InputError: a name that nothing has, or one of what needs no download.
    """
    from propose_reduce.api.model import bundled_models
    from propose_reduce.components.registry import weights_of_presets
    from propose_reduce.settings import preset_names

    presets = weights_of_presets()
    known = {weights.name: weights for wanted in presets.values() for weights in wanted}
    found: dict[str, PublishedWeights] = {}
    for name in names:
        if name in bundled_models():
            raise InputError(f"'{name}' is in the package: nothing is to be fetched")
        if name in preset_names() and name not in presets:
            raise InputError(
                f"the preset '{name}' downloads nothing: give it a weights file (docs/weights.md)"
            )
        if name not in presets and name not in known:
            raise unknown_name("preset or weights", name, [*presets, *known])
        found |= {each.name: each for each in presets.get(name) or [known[name]]}
    return list(found.values())
