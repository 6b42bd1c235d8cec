"""What holds for every test."""

import pytest
from hypothesis import settings
from pretend_gpu import pretend_gpu

# A slow machine is no fault of the code: no example has a time limit.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(params=["pretended", pytest.param("real", marks=pytest.mark.gpu)])
def gpu(request):
    """Make "cuda" a device: one that is not there, and in tests marked ``gpu`` the real one."""
    if request.param == "real":
        yield
    else:
        with pretend_gpu():
            yield
