"""What holds for every test."""

from hypothesis import settings

# A slow machine is no fault of the code: no example has a time limit.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
