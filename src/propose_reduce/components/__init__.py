"""The components: what fits the three protocols between algorithm and networks (protocols.py)."""
