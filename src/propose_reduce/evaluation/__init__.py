"""Judges of result files, equal to the official tools; no network is loaded here."""

from propose_reduce.evaluation.davis import evaluate_davis
from propose_reduce.evaluation.youtube_vis import evaluate_youtube_vis

__all__ = ["evaluate_davis", "evaluate_youtube_vis"]
