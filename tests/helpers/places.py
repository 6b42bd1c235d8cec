"""Where things lie, for tests."""

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
REFERENCE = Path(__file__).resolve().parents[1] / "reference"

needs_shared = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared beside the repository"),
]
"""Set as ``pytestmark``, or unpack onto a test with ``pytest.param(..., marks=needs_shared)``."""
