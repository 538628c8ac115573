"""A disk that fills up in the middle of a stage: a tmpfs in a mount namespace of the test's own."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import IMAGES
from tests.pipeline.workspace import Workspace, new_workspace
from tests.reads import accept_study, folder_digests

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")


def can_mount() -> bool:
    """Say whether this machine lets the test mount a tmpfs in a namespace."""
    if shutil.which("unshare") is None:
        return False
    command = [*NAMESPACE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not can_mount(), reason="unshare(1) may not make a mount namespace here"
)

TWICE = """
mount -t tmpfs -o size={size} tmpfs {mount} || exit 9
{command} > first.out 2>&1; echo $? > first.rc
cp -r {mount} first
mount -o remount,size=64m {mount}
{command} > second.out 2>&1; echo $? > second.rc
cp -r {mount} second
"""


def run_twice(workspace: Workspace, mount: str, size: str, command: str) -> str:
    """Run a command with little room at `mount`, then with enough, when it must succeed.

    Return what it says the first time. What lies at `mount` is kept in `first` and `second`.
    """
    (workspace.folder / mount).mkdir(parents=True, exist_ok=True)
    script = TWICE.format(mount=mount, size=size, command=command)
    workspace.run(*NAMESPACE, "sh", "-c", script)
    assert (workspace.folder / "second.rc").read_text() == "0\n"
    return (workspace.folder / "first.out").read_text()


def test_a_stage_leaves_nothing_behind_and_recovers(study):
    stage, key, mount, size = "directions", "rn_untrained", "data/directions", "8k"
    accept_study()
    command = f"{sys.executable} -m stages {stage} {key}"
    said = run_twice(Workspace(study), mount, size, command)
    assert "No space left on device; nothing was kept; free the disk, then run it again" in said
    assert ((study / "first.rc").read_text(), said.count("\n")) == ("1\n", 1)
    assert list((study / "first").iterdir()) == []
    Workspace(study).run(*command.split())
    assert folder_digests(study / "second" / key) == folder_digests(Path(mount) / key)


def test_dvc_says_that_its_cache_is_full_and_recovers(tmp_path, drawn):
    clone, dataset = new_workspace(tmp_path / "clone"), Path("data/datasets/imagenet_v2")
    clone.change("datasets.imagenet_v2.images", IMAGES["imagenet_v2"])
    clone.change("sources.world.images_per_shard", 20)
    said = run_twice(clone, ".dvc/cache", "72k", "dvc repro study fetch@imagenet_v2")
    expected = "ERROR: failed to transfer .*No space left on device: .*/shard-0000"
    assert re.search(expected, said)
    undisturbed = folder_digests(drawn / dataset)
    kept = folder_digests(clone.folder / "second").values()
    written = {"card.json", "shard-00000.tar", "shard-00001.tar"}
    assert undisturbed.keys() == written
    assert set(undisturbed.values()) <= set(kept)
    assert (clone.folder / "second.out").read_text().count("Running stage") == 1
