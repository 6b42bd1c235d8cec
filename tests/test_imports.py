"""The base install is enough: only training may need an extra."""

import subprocess
import sys

import base_imports
import pytest
from places import REPOSITORY


@pytest.mark.process
def test_every_module_imports_with_the_base_dependencies_only():
    command = [sys.executable, REPOSITORY / "tests" / "helpers" / "base_imports.py"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_check_sees_a_library_that_only_an_extra_installs(monkeypatch):
    assert {"lightning", "tensorboard", "pytest"} <= base_imports.optional_libraries()
    monkeypatch.setitem(sys.modules, "lightning", None)
    assert base_imports.fault_of("lightning", {"lightning"}) is not None


def test_every_file_of_the_package_is_checked():
    assert {"propose_reduce", "propose_reduce.cli.main"} <= set(base_imports.module_names())
    assert "propose_reduce.__main__" not in base_imports.module_names()
