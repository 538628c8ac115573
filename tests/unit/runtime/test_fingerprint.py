"""A stage computes with the code and the versions of packages that are recorded, or not at all.

What a fingerprint changes with is held in tests/test_dependencies.py.
"""

import importlib.metadata
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from stages.files.json import write_json
from stages.runtime.errors import InputError
from stages.runtime.fingerprint import FINGERPRINTS, fingerprint, name, require_fingerprint
from tests.reads import ROOT

STAGES = [("kurtosis", ""), ("head", "random")]
OTHER = "0" * 12


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with this repository's code, without code.json."""
    for shared in ("stages", "constraints.txt", "versions.yaml", "data"):
        (tmp_path / shared).symlink_to(ROOT / shared)
    return tmp_path


@pytest.mark.parametrize(("stage", "branch"), STAGES)
def test_accepts_the_recorded_code_and_refuses_other(root, stage, branch):
    present = fingerprint(stage, branch, root)
    write_json(root / FINGERPRINTS, {name(stage, branch): present})
    require_fingerprint(stage, branch, root)
    write_json(root / FINGERPRINTS, {name(stage, branch): OTHER})
    with pytest.raises(InputError) as caught:
        require_fingerprint(stage, branch, root)
    said = str(caught.value)
    assert f"'{name(stage, branch)}': expected {present}" in said and f"got {OTHER}" in said
    assert "`dvc repro code`" in said and "\n" not in said


def test_refuses_packages_of_other_versions_than_are_locked(root, monkeypatch):
    write_json(root / FINGERPRINTS, {"kurtosis": fingerprint("kurtosis", "", root)})
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "0.1")
    with pytest.raises(InputError) as caught:
        require_fingerprint("kurtosis", root=root)
    said = str(caught.value)
    assert f"numpy: expected {version('numpy')}, got 0.1" in said
    assert "`make install`" in said and "\n" not in said


def test_checks_nothing_that_dvc_did_not_start(root):
    require_fingerprint("kurtosis", root=root)
    write_json(root / FINGERPRINTS, {"cka": OTHER, "study": OTHER})
    require_fingerprint("kurtosis", root=root)
    require_fingerprint("study", root=root)


def test_a_stage_does_not_start_with_other_code(root):
    write_json(root / FINGERPRINTS, {"kurtosis": OTHER})
    done = subprocess.run(
        [sys.executable, "-m", "stages.kurtosis", "rn"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: code.json: 'kurtosis': expected")
    assert done.stderr.count("\n") == 1
