"""Judges of result files, equal to the official tools; no network is loaded here."""

from propose_reduce.evaluation.davis import evaluate_davis

__all__ = ["evaluate_davis"]
