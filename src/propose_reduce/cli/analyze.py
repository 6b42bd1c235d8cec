"""``propose-reduce analyze``: why results are what they are."""

import typer

from propose_reduce.cli.analyze_ablation import ablation
from propose_reduce.cli.analyze_distance import distance

app = typer.Typer(help="Study results against the ground truth.", no_args_is_help=True)
app.command()(ablation)
app.command()(distance)
