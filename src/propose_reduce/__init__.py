"""Every object in a video as a complete, labelled, scored mask sequence."""

__version__ = "0.1.0"
