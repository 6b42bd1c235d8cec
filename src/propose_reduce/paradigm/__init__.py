"""Propose, score, reduce: the algorithm, which knows no network and no file."""
