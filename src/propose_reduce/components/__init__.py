"""Things that fit the three doors (protocols.py)."""
