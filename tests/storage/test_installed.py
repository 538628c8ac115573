"""A stage computes with the locked versions or not at all."""

import importlib.metadata
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from stages.storage.errors import InputError
from stages.storage.installed import METHODS, different_versions, require_installed
from stages.storage.results import write_json
from tests.reads import ROOT

NUMPY = version("numpy")


@pytest.fixture
def method(tmp_path, monkeypatch):
    """Write the method of the stage `kurtosis` with other packages than are installed."""
    monkeypatch.chdir(tmp_path)

    def write(**packages: str) -> None:
        write_json(METHODS / "kurtosis.json", {"packages": packages})

    return write


def test_accepts_what_is_installed_whatever_the_build(monkeypatch):
    assert different_versions({"numpy": NUMPY, "torch": version("torch").partition("+")[0]}) == []
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.13.0+cu126")
    assert different_versions({"torch": "2.13.0"}) == []
    assert different_versions({"torch": "2.13.1"}) == [("torch", "2.13.1", "2.13.0")]


def test_names_every_package_and_what_to_do(method):
    method(numpy="1.0", absent="3.1")
    with pytest.raises(InputError) as caught:
        require_installed("kurtosis")
    said = str(caught.value)
    assert said.startswith(f"absent: expected 3.1, got none; numpy: expected 1.0, got {NUMPY}. ")
    assert "or write the installed version of absent there yourself" in said
    assert "\n" not in said


def test_accepts_a_method_without_packages_and_none(method):
    method()
    require_installed("kurtosis")
    require_installed("cka")
    write_json(METHODS / "random_head.json", {"kind": "random"})
    require_installed("random_head")


def test_a_stage_does_not_start_with_another_version(method, tmp_path):
    method(numpy="1.0")
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    command = [sys.executable, "-m", "stages.kurtosis", "rn"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: numpy: expected 1.0, got {NUMPY}. ")
    assert done.stderr.count("\n") == 1
