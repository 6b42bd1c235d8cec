"""Checkpoints of others become weights files."""
