"""What a run prints: a line for each stage, and all errors."""

import re
import sys
from pathlib import Path

import pytest

from tests.pipeline.workspace import Workspace
from tests.reads import ROOT

GRAPH = """
stages:
  a:
    cmd: cp given.txt a.txt
    deps: [given.txt]
    outs: [a.txt]
  b:
    cmd: echo in b; cat a.txt > b.txt
    deps: [a.txt]
    outs: [b.txt]
  c:
    cmd: cat b.txt > c.txt; ! grep -q bad b.txt || { echo it is bad >&2; exit 3; }
    deps: [b.txt]
    outs: [c.txt]
"""
REPRO = (sys.executable, "-m", "tools", "fast-dvc", "--lines", "repro")
LINE = re.compile(r"^\[(\d)/3\] (\w) +\d+\.\d s( +less than a minute left)?$", re.MULTILINE)


@pytest.fixture
def study(workspace: Workspace) -> Workspace:
    Path("dvc.yaml").write_text(GRAPH)
    Path("dvc.lock").unlink()
    Path("given.txt").write_text("good")
    workspace.surroundings["PYTHONPATH"] = str(ROOT)
    return workspace


def lines(said: str) -> list[tuple[str, str]]:
    """Return the number and the name in each stage's line."""
    return [(line[1], line[2]) for line in LINE.finditer(said)]


def test_an_error_and_a_warning_are_printed_in_full(study):
    assert lines(study.run(*REPRO)) == [("1", "a"), ("2", "b"), ("3", "c")]
    Path("given.txt").write_text("bad")
    said = study.run(*REPRO, ok=False)
    assert lines(said) == [("1", "a"), ("2", "b")]
    assert "it is bad" in said and "ERROR: failed to reproduce 'c'" in said and "with 3" in said
    assert "stages ran" not in said
    assert "WARNING: " in study.run(*REPRO, "--keep-going", ok=False)
