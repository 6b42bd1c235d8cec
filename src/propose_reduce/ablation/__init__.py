"""What each inference setting is worth: a grid of settings, run and evaluated on a data set."""

from propose_reduce.ablation.analyze import analyze_ablation
from propose_reduce.ablation.grid import PAPER_GRID, Factor, Grid, parse_grid
from propose_reduce.ablation.report import FILES, AblationReport
from propose_reduce.ablation.run import AnnotatedClips, Measurement, Store, ablate, read_clips

__all__ = [
    "FILES",
    "PAPER_GRID",
    "AblationReport",
    "AnnotatedClips",
    "Factor",
    "Grid",
    "Measurement",
    "Store",
    "ablate",
    "analyze_ablation",
    "parse_grid",
    "read_clips",
]
