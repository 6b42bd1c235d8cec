"""``propose-reduce evaluate``: the official numbers of a benchmark."""

from __future__ import annotations

import typer

from propose_reduce.cli.evaluate_davis import davis
from propose_reduce.cli.evaluate_tracking import tracking
from propose_reduce.cli.evaluate_youtube_vis import youtube_vis

app = typer.Typer(help="Evaluate results against the ground truth.", no_args_is_help=True)
app.command("youtube-vis")(youtube_vis)
app.command()(davis)
app.command()(tracking)
