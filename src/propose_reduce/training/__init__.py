"""The two-stage recipe."""
