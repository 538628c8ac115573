"""What every test shares."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.reads import ROOT

pytest_plugins = ["tests.fixtures"]

os.environ.setdefault("DVC_NO_ANALYTICS", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test where `SKIP_NOTHING` is set, as the continuous integration sets it."""
    report = yield
    if report.skipped and os.environ.get("SKIP_NOTHING"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and SKIP_NOTHING is set: {report.longrepr}"
    return report


@pytest.fixture
def code_copy(tmp_path: Path) -> Path:
    """Return a copy of all that fingerprints are made of, in which a test may change something."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=ignored)
    shutil.copytree(ROOT / "data/reference", tmp_path / "data/reference")
    for name in ("constraints.txt", "versions.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path
