"""No secret of the environment in what a run prints or writes."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.downloads.loopback import TOKEN, HubServer
from tests.layouts import webdataset
from tests.pipeline.refusals import write_dataset
from tests.pipeline.workspace import SECRETS, Workspace
from tests.reads import accept_study

NAME = "clip-benchmark/wds_imagenet1k"


def holders(folder: Path, secret: bytes) -> list[Path]:
    """Return the files below a folder that hold a secret."""
    found = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    return [file for file in found if secret in file.read_bytes()]


def test_the_nano_study_writes_no_secret(nano: Workspace):
    assert (nano.folder / "dvc.lock").exists() and (nano.folder / ".dvc/cache").exists()
    assert nano.printed and "canary" not in nano.printed
    probe = Workspace(nano.folder)
    assert probe.run("printenv", "HF_TOKEN").strip() == SECRETS["HF_TOKEN"]
    for secret in SECRETS.values():
        assert holders(nano.folder, secret.encode()) == []


def run(stage: str) -> tuple[int, str]:
    """Run the stage as DVC does, and return how it ended and all that it printed."""
    command = [sys.executable, "-m", "stages", stage, "imagenet_val"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("token", "words"), [(TOKEN, ""), ("hf_canary", "HF_TOKEN")])
def test_a_token_that_is_used_is_not_written(
    place: Path, hub: HubServer, monkeypatch, token, words
):
    commit = hub.add(NAME, {"test/0.tar": webdataset([0])}, gated=True)
    source = {"repository": NAME, "revision": commit}
    write_dataset("imagenet_val", {"kind": "imagenet", "source": "hub", "hub": source})
    hub.use(monkeypatch, token)
    accept_study()
    code, said = run("fetch")
    assert (code == 0) == (not words) and words in said
    sent = [request.headers.get("authorization") for request in hub.requests]
    assert f"Bearer {token}" in sent
    assert token not in said
    assert holders(place, token.encode()) == []
