"""Two people share a study through a folder."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tests.pipeline.test_pipeline import EXTRACTS, MEASURES
from tests.pipeline.workspace import Workspace, clone
from tests.reads import GRAPH, folder_digests

KEY = "rn_web_broad_finetuned"
SEED = "recipes.finetuning.seed"
OF_AN_ENCODER = ("finetune", *EXTRACTS, *MEASURES)
RERUN = {f"{stage}@{KEY}" for stage in OF_AN_ENCODER} | {*("cka@rn_finetuning", "study", "report")}
MAKE = ("make", "--silent")


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("remote")


@pytest.fixture(scope="module")
def you(remote: Path, nano: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a clone with the study's data, from where it was pushed."""
    you = clone(nano.folder, tmp_path_factory.mktemp("people") / "you")
    shutil.copytree(nano.folder / ".dvc/cache", you.folder / ".dvc/cache")
    you.run("dvc", "checkout", "--quiet")
    you.run("dvc", "remote", "add", "--default", "shared", str(remote))
    you.run("dvc", "remote", "modify", "shared", "verify", "true")
    you.commit("Share the study")
    you.run(*MAKE, "push")
    return you


def cached_files(workspace: Workspace) -> set[str]:
    """Return the hashes of the files in a clone's cache."""
    files = (workspace.folder / ".dvc/cache/files/md5").glob("??/*")
    return {file.parent.name + file.name for file in files}


def object_path(digest: str) -> str:
    return f"files/md5/{digest[:2]}/{digest[2:]}"


def objects(workspace: Workspace, digest: str) -> set[str]:
    """Return an output's hash, and those of the files in it where it is a folder."""
    if not digest.endswith(".dir"):
        return {digest}
    listing = workspace.folder / ".dvc/cache" / object_path(digest)
    return {digest, *(entry["md5"] for entry in json.loads(listing.read_text()))}


def test_two_people_compute_and_download_no_more_than_an_encoder_s_change_reaches(you):
    colleague = clone(you.folder, you.folder.with_name("colleague"))
    assert colleague.repro("--pull", "--allow-missing") == set()
    colleague.run("git", "checkout", "--quiet", "-b", "seed-7")
    colleague.change(SEED, 7)
    assert colleague.repro("--pull", "--allow-missing") == RERUN
    assert len(cached_files(colleague)) < len(cached_files(you)) / 2
    colleague.commit("Finetune with seed 7")
    colleague.run(*MAKE, "push")
    colleague.run("git", "push", "--quiet", "origin", "seed-7")
    you.run("git", "checkout", "--quiet", "seed-7")
    you.run("dvc", "pull", "--quiet")
    assert you.repro() == set()
    assert you.run("git", "status", "--porcelain") == ""
    changed = json.loads(you.run("dvc", "metrics", "diff", "main", "seed-7", "--json"))
    assert list(changed) == [f"metrics/{KEY}.json"]


def test_who_repeats_an_edit_computes_only_what_git_tracks(you, tmp_path):
    """DVC's run cache has no stage with an output in git."""
    you.run("git", "checkout", "--quiet", "main")
    you.run("dvc", "checkout", "--quiet")
    you.change("concepts.threshold", 0.8)
    stages = you.repro()
    you.run(*MAKE, "push")
    you.restore()
    colleague = clone(you.folder, tmp_path / "colleague")
    colleague.change("concepts.threshold", 0.8)
    tracked = {name for name, stage in GRAPH.items() if '"cache": false' in json.dumps(stage)}
    ran = colleague.repro("--pull", "--allow-missing")
    assert ran == {name for name in stages if name.partition("@")[0] in tracked}


DAMAGED = ("robustness", "kurtosis", "directions")
"""Stages: of the outputs of the first two a file is damaged, of the third the folder's listing."""


def test_what_was_damaged_is_refused_and_computed(remote, nano, you, tmp_path):
    colleague = clone(you.folder, tmp_path / "colleague")
    outs = [nano.lock()[f"{stage}@rn_untrained"]["outs"][0]["md5"] for stage in DAMAGED]
    inside = [min(objects(you, listing) - {listing}) for listing in outs[:2]]
    for digest in (*inside, outs[2]):
        file = remote / object_path(digest)
        content = bytearray(file.read_bytes())
        content[-4] ^= 1  # of a listing that stays legal, with another name
        file.chmod(0o644)
        file.write_bytes(content)
    said = colleague.run("dvc", "pull", ok=False)
    # DVC does not check listings; names are wrong, and the next run sees it.
    for file in [f"data/{stage}/rn_untrained" for stage in DAMAGED[:2]]:
        assert f"\n{file}\n" in said and not (colleague.folder / file).exists()
    assert colleague.repro() == {f"{stage}@rn_untrained" for stage in DAMAGED}
    for digest in cached_files(colleague):
        file = colleague.folder / ".dvc/cache" / object_path(digest)
        assert hashlib.md5(file.read_bytes()).hexdigest() == digest.removesuffix(".dir")  # noqa: S324
    present = folder_digests(colleague.folder / "data")
    assert present.items() <= folder_digests(nano.folder / "data").items()
    assert colleague.run("git", "status", "--porcelain") == ""


def test_push_names_what_a_remote_lacks(nano, tmp_path):
    alone = clone(nano.folder, tmp_path / "alone")
    assert "dvc remote add -d shared <url>" in alone.run(*MAKE, "push", ok=False)
    alone.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "files"))
    advice = 'dvc remote modify "$(dvc config core.remote)" verify true'
    assert advice in alone.run(*MAKE, "push", ok=False)
    alone.run("dvc", "remote", "modify", "shared", "verify", "true")
    said = alone.run(*MAKE, "push", ok=False)
    assert f"error: {tmp_path}/files: " in said and "mount it" in said and "mkdir -p" in said
    assert not (tmp_path / "files").exists()
