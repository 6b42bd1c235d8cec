"""Data sets: the rendered benchmark, readers, training pairs, checks."""
