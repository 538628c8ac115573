"""`make install-light` for real: an environment that pulls results and computes none."""

import re
import shutil

import pytest

from tests.pipeline.workspace import Workspace, clone
from tests.reads import ROOT, folder_digests


@pytest.fixture(scope="module")
def light(nano: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a clone of a study that was pushed, in which nothing but `install-light` has run."""
    people = tmp_path_factory.mktemp("people")
    you = clone(nano.folder, people / "you")
    shutil.copytree(nano.folder / ".dvc/cache", you.folder / ".dvc/cache")
    you.run("dvc", "checkout", "--quiet")
    (people / "remote").mkdir()
    you.run("dvc", "remote", "add", "--default", "shared", str(people / "remote"))
    you.run("dvc", "remote", "modify", "shared", "verify", "true")
    you.commit("Share the study")
    you.run("make", "push")
    you.run("git", "clone", "--quiet", str(you.folder), str(people / "colleague"))
    colleague = Workspace(people / "colleague")
    colleague.run("make", "install-light")
    return colleague


def activated(workspace: Workspace, command: str, ok: bool = True) -> str:
    """Run a command as somebody who has activated the clone's environment."""
    return workspace.run("sh", "-ec", f". .venv/bin/activate && {command}", ok=ok)


def package(line: str) -> str:
    """Return a line `name==version` with the name as packages are compared."""
    name, _, version = line.split(maxsplit=1)[0].partition("==")
    return f"{re.sub('[-_.]+', '-', name).lower()}=={version}"


def test_it_has_locked_versions_and_no_torch(light):
    locked = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    installed = {package(line) for line in activated(light, "pip freeze").splitlines()}
    assert installed and installed <= {package(line) for line in locked}
    assert "ModuleNotFoundError" in activated(light, "python -c 'import torch'", ok=False)
    activated(light, "python -c 'import dvc_s3, dvc_ssh'")


def test_it_pulls_the_pages_alone_or_everything_and_finds_nothing_to_compute(light, nano):
    activated(light, "dvc pull browse")
    pages = folder_digests(light.folder / "plots/directions")
    assert pages and pages == folder_digests(nano.folder / "plots/directions")
    in_git = {"arrays", "baselines", "published", "reference"}
    assert {path.name for path in (light.folder / "data").iterdir()} == in_git
    activated(light, "dvc pull")
    assert light.results() == nano.results()
    assert "Running" not in activated(light, "dvc repro")
    assert light.run("git", "status", "--porcelain") == ""
