"""Fixtures of several tiers: the nano study after a run, a small study, loopback servers."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from filelock import FileLock

from interpreting_clip.arrays.head import Head
from interpreting_clip.config.shifts import TEST_SETS, TESTBED_SHIFTS
from interpreting_clip.config.syntax import load_tree
from interpreting_clip.downloads.archives import PASSWORD
from interpreting_clip.encoders.saved_activations import write_activations, write_card
from interpreting_clip.encoders.saved_heads import write_head
from tests.integration.downloads.loopback import FileServer, HubServer
from tests.pipeline.nano_study import PRINTED, run_nano
from tests.pipeline.workspace import NANO, Workspace
from tests.reads import ROOT, link_code, run_stage

IMAGES = {"imagenet_train": 200, "imagenet_val": 40, "imagenet_v2": 30}
IMAGES |= {"web_broad": 40, "broden": 150}
FEATURES = 600


@pytest.fixture(scope="session")
def nano(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a clone in which the study has been run and committed, with each process recorded.

    The first test process that asks runs the study; each gets a copy of its own to change.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    made = shared / "nano"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            partial = shared / "nano.partial"
            shutil.rmtree(partial, ignore_errors=True)  # of a process that failed
            run_nano(partial)
            partial.rename(made)
    copy = shutil.copytree(made, tmp_path_factory.mktemp("clone") / "nano", symlinks=True)
    workspace = Workspace(copy)
    workspace.printed = (copy / PRINTED).read_text()
    return workspace


@pytest.fixture
def edited(nano: Workspace):
    """Lend a test the clone to edit files in, and undo the edits; the test must run no stage."""
    yield nano
    nano.restore()


@pytest.fixture
def clean(nano: Workspace, tmp_path_factory: pytest.TempPathFactory):
    """Give a test the clone, and restore its committed state and run cache afterwards.

    Otherwise DVC would find another test's runs with the same values in the run cache.
    """
    runs = nano.folder / ".dvc/cache/runs"
    kept = shutil.copytree(runs, tmp_path_factory.mktemp("kept") / "runs")
    yield nano
    shutil.rmtree(runs)
    shutil.copytree(kept, runs)
    nano.restore()
    nano.run("dvc", "checkout", "--quiet", "--force")


@pytest.fixture(scope="session")
def snakemake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make Snakemake's environment as `make repro JOBS=2` does, in one of several processes."""
    make = ["make", "--silent", "--old-file", ".venv/ready", ".venv-snakemake/ready"]
    with FileLock(tmp_path_factory.getbasetemp().parent / "snakemake.lock"):
        subprocess.run(make, cwd=ROOT, check=True)
    return ROOT / ".venv-snakemake"


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw the datasets and write activations and a head."""
    folder = tmp_path_factory.mktemp("drawn")
    link_code(folder)
    # native: stages compute in the tests' own process, too, whose libraries are loaded
    study: dict[str, Any] = load_tree(NANO) | {"kernels": "native"}
    study["sources"]["world"]["images_per_shard"] = 20
    study["shifts"], study["shift_encoders"] = {}, {}
    for name, images in IMAGES.items():
        study["datasets"][name]["images"] = images
    (folder / "params.yaml").write_text(yaml.safe_dump(study))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in IMAGES:
            run_stage("fetch", name)
        write_measured("rn_untrained")
    return folder


def write_measured(key: str) -> None:
    """Write what `extract` and `head` would write, with random numbers."""
    rng = np.random.default_rng(0)
    folder = Path("data/activations") / key
    for name in TEST_SETS:
        values = rng.standard_normal((40, FEATURES), np.float32)
        write_activations(
            folder, name, values, classes=np.arange(40) % 12, class_indices=np.arange(12)
        )
    write_card(folder, "linear", FEATURES, TESTBED_SHIFTS)
    head = Head(rng.standard_normal((12, FEATURES), np.float32), None, False)
    write_head(Path("data/heads") / key, head, "random")


@pytest.fixture
def study(drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a test a copy of the drawn study, and run it there."""
    folder = shutil.copytree(drawn, tmp_path / "study", symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder with only the code and the reference tables; retries do not wait."""
    folder = tmp_path / "place"
    (folder / "data").mkdir(parents=True)
    link_code(folder)
    (folder / "data/reference").symlink_to(ROOT / "data/reference")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.delenv(PASSWORD, raising=False)
    return folder


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as server:
        yield server


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Give a test a hub, and a client without a token."""
    with HubServer() as hub:
        hub.use(monkeypatch)
        yield hub
