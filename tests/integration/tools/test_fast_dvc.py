"""`make repro`'s DVC and plain DVC take turns in one repository."""

import sys
from pathlib import Path

import pytest

from tests.pipeline.workspace import Workspace
from tests.reads import ROOT

GRAPH = """
stages:
  code:
    cmd: cp stages/version code.json
    deps: [stages]
    outs: [code.json: {cache: false}]
  draw:
    foreach: ${sets}
    do:
      cmd: seq ${item.images} > data/${key}.txt
      params:
        - sets.${key}
        - code.json: [draw]
      outs: ["data/${key}.txt"]
  count:
    cmd: cat data/a.txt data/b.txt | wc -l > data/count.txt
    deps: [data/a.txt, data/b.txt]
    outs: [data/count.txt]
"""
PARAMS = """\
sets: # what is drawn
  a: {images: 3, note: 'a long note, with ''quotes'', that is folded where 80 columns end'}
  b:
    images: 4 # few
"""
FAST, PLAIN = (sys.executable, "-m", "tools", "fast-dvc"), ("dvc",)


def repro(study: Workspace, program: tuple[str, ...], *options: str) -> set[str]:
    """Run `repro` and return the names of the stages that it ran."""
    lines = study.run(*program, "repro", *options).splitlines()
    return {x.split("'")[1] for x in lines if x.startswith("Running stage")}


@pytest.fixture
def study(workspace: Workspace) -> Workspace:
    Path("dvc.yaml").write_text(GRAPH)
    Path("params.yaml").write_text(PARAMS)
    Path("dvc.lock").unlink()
    workspace.surroundings["PYTHONPATH"] = str(ROOT)
    return workspace


def test_both_write_the_same_lock_file_and_neither_runs_what_the_other_ran(study):
    everything = {"code", "draw@a", "draw@b", "count"}
    assert repro(study, FAST) == everything
    lock = Path("dvc.lock").read_bytes()
    assert repro(study, FAST) == repro(study, PLAIN) == set()
    assert repro(study, FAST, "--force") == everything
    assert Path("dvc.lock").read_bytes() == lock
    Path("dvc.lock").unlink()
    assert repro(study, PLAIN, "--force") == everything
    assert Path("dvc.lock").read_bytes() == lock
