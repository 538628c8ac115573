"""The tutorial runs in a clone that has computed nothing, and shows what it computes."""

import os
import subprocess
import sys
from typing import Any

import nbformat
import pytest

from tests.reads import ROOT

TUTORIAL = ROOT / "docs/tutorial.ipynb"

RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
folder = {"metadata": {"path": sys.argv[3]}}
NotebookClient(notebook, timeout=120, kernel_name="python3", resources=folder).execute()
nbformat.write(notebook, sys.argv[2])
"""


@pytest.fixture(scope="module")
def committed() -> Any:
    return nbformat.read(TUTORIAL, 4)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Execute the notebook in a process of its own, where it reads the arrays that are in git."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "docs").mkdir()
    (folder / "data").mkdir()
    (folder / "data/arrays").symlink_to(ROOT / "data/arrays")
    words = [sys.executable, "-c", RUN, TUTORIAL, folder / "executed.ipynb", folder / "docs"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder)}
    environment["PYTHONWARNINGS"] = ""
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return nbformat.read(folder / "executed.ipynb", 4)


def texts(notebook: Any) -> list[list[str]]:
    """Return the texts that each cell shows."""
    return [
        [one.get("text") or one["data"].get("text/plain", "") for one in cell.get("outputs", ())]
        for cell in notebook.cells
    ]


def test_it_shows_what_it_computes(committed, executed):
    """A cell that raises has failed before. Numbers are rounded, so they are equal everywhere."""
    assert texts(executed) == texts(committed)
