"""A repository of three small stages, run once by DVC; each test damages a copy of it."""

import shutil
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
    cmd: mkdir -p data/drawn && echo one > data/drawn/1.txt && echo two > data/drawn/2.txt
    params: [code.json: [draw]]
    outs: [data/drawn]
  count:
    cmd: cat data/drawn/* | wc -l > data/count.txt
    deps: [data/drawn]
    outs: [data/count.txt]
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("drawn"))
    for folder in ("stages", "data"):
        (workspace.folder / folder).mkdir()
    (workspace.folder / "dvc.yaml").write_text(GRAPH)
    (workspace.folder / "stages/version").write_text('{"draw": 1}')
    workspace.run("git", "init", "--quiet")
    workspace.run("dvc", "init", "--quiet")
    shutil.copy(ROOT / ".dvc/config", workspace.folder / ".dvc/config")
    workspace.repro()
    return workspace


@pytest.fixture
def workspace(drawn: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    copy = Workspace(shutil.copytree(drawn.folder, tmp_path / "copy"))
    monkeypatch.chdir(copy.folder)
    return copy
