"""The README's example, and the commands of docs/working.md, as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.pipeline.workspace import Workspace, clone
from tests.reads import ROOT

README = (ROOT / "README.md").read_text()
(EXAMPLE,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
WORKING = (ROOT / "docs/working.md").read_text()
SECTION = WORKING.partition("\n## Change, compare, share\n")[2].partition("\n## ")[0]
CHANGE, COMPARE, SHARE, PULL = re.findall(r"^```\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
(BACK,) = re.findall(r"`(git switch main[^`]*)`", SECTION)
GROUP = "/net/group/interpreting-clip"


def test_the_example_measures_a_clip(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(18):
        file = tmp_path / "photos" / f"class {number % 3}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(256, size=(64, 64, 3), dtype=np.uint8)).save(file)
    code = EXAMPLE.replace(', pretrained="openai"', "")  # random weights, without a network
    assert code != EXAMPLE
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert b"mean kurtosis per image" in printed and b"privileged directions" in printed
    assert (tmp_path / "pruning.svg").read_bytes().startswith(b"<svg")


@pytest.fixture(scope="module")
def server(nano: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the repository of the nano study as a git server has it."""
    folder = tmp_path_factory.mktemp("server") / "study.git"
    nano.run("git", "clone", "--quiet", "--bare", "--single-branch", str(nano.folder), str(folder))
    return folder


@pytest.fixture(scope="module")
def you(nano: Workspace, server: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a clone in which the study has been run, and then changed."""
    you = clone(server, tmp_path_factory.mktemp("people") / "you")
    shutil.copytree(nano.folder / ".dvc/cache", you.folder / ".dvc/cache")
    you.run("dvc", "checkout", "--quiet")
    you.run("sh", "-ec", CHANGE)
    return you


def test_a_change_reruns_what_depends_on_it_and_is_committed(you):
    ran = {line.split("'")[1] for line in you.printed.splitlines() if "Running stage" in line}
    expected = you.of_every_encoder("broden", "browse", "summarize")
    assert ran == {*expected, "array_concepts@clip_objects", "study", "report"}
    assert you.run("git", "diff", "--shortstat", "main", "--", "params.yaml").split()[0] == "1"
    assert you.repro() == set()
    assert you.run("git", "status", "--porcelain") == ""


def test_branches_are_compared_in_a_terminal_and_on_a_page_that_works_offline(you):
    said = you.run("sh", "-ec", COMPARE)
    assert "concepts" in said
    page = (you.folder / "dvc_plots/index.html").read_text()
    assert "stricter" in page and not re.search(r"<(script|link)[^>]*(src|href)=.http", page)


def test_a_colleague_pulls_without_torch_and_computes_nothing(you, server, tmp_path):
    assert GROUP in SHARE
    you.run("sh", "-ec", SHARE.replace(GROUP, str(tmp_path / "shared")))
    # without the environment that `clone` lends, so that `make install-light` makes one
    you.run("git", "clone", "--quiet", str(server), str(tmp_path / "colleague"))
    colleague = Workspace(tmp_path / "colleague")
    colleague.run("sh", "-ec", PULL)
    assert colleague.results() == you.results()

    def activated(command: str, ok: bool = True) -> str:
        return colleague.run("sh", "-ec", f". .venv/bin/activate && {command}", ok=ok)

    assert "Running" not in activated("dvc repro")
    assert colleague.run("git", "status", "--porcelain") == ""
    assert "ModuleNotFoundError" in activated("python -c 'import torch'", ok=False)
    activated("python -c 'import dvc_s3, dvc_ssh'")


def test_the_way_back_restores_the_results_of_main(nano, you):
    before = you.run("git", "rev-parse", "--abbrev-ref", "HEAD").strip()
    you.run("sh", "-ec", BACK)
    assert you.results() == nano.results()
    assert you.repro() == set()
    you.run("sh", "-ec", BACK.replace("main", before))
