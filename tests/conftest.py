"""Shared by all tests."""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.reads import ROOT

pytest_plugins = ["tests.fixtures"]

os.environ.setdefault("DVC_NO_ANALYTICS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # test processes run side by side


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test if `SKIP_NOTHING` is set, as continuous integration does."""
    report = yield
    if report.skipped and os.environ.get("SKIP_NOTHING"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and SKIP_NOTHING is set: {report.longrepr}"
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run the nano study at once, while the other has tests that need none."""
    items.sort(key=lambda item: item.path.stem != "test_pipeline")


@pytest.fixture(scope="session")
def code_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of all files that fingerprints are made of."""
    folder = tmp_path_factory.mktemp("code")
    ignored = shutil.ignore_patterns("__pycache__")
    data = ("data/arrays", "data/baselines", "data/reference")
    for name in ("interpreting_clip", "page", "runner", "stages", *data):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in ("constraints.txt", "versions.yaml", "dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def code_copy(code_tree: Path) -> Iterator[Path]:
    """Give a test the copy of the code to change, and undo its changes afterwards."""
    before = {file: file.read_bytes() for file in code_tree.rglob("*") if file.is_file()}
    yield code_tree
    for file in code_tree.rglob("*"):
        if file.is_file() and file not in before:
            file.unlink()
    for file, content in before.items():
        if not file.exists() or file.read_bytes() != content:
            file.write_bytes(content)
