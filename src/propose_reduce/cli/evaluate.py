"""``propose-reduce evaluate``: the official numbers of a benchmark."""

import typer

from propose_reduce.cli.evaluate_davis import davis_command
from propose_reduce.cli.evaluate_tracking import tracking
from propose_reduce.cli.evaluate_youtube_vis import youtube_vis_command

app = typer.Typer(help="Evaluate results against the ground truth.", no_args_is_help=True)
app.command("youtube-vis")(youtube_vis_command)
app.command("davis")(davis_command)
app.command()(tracking)
