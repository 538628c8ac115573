"""DVC's own folders, found without loading DVC's repository."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from tests.pipeline.workspace import Workspace
from tools.cache import open_cache


@pytest.mark.parametrize("folder", [None, "../shared", "/somewhere/shared"])
def test_the_folders_are_those_of_dvcs_settings(workspace: Workspace, folder: str | None):
    if folder:
        workspace.run("dvc", "cache", "dir", "--local", folder)
    cache = open_cache(workspace.folder)
    with Repo() as repo:
        assert cache.objects.resolve() == Path(repo.cache.local.path).resolve()
        assert cache.runs.resolve() == Path(repo.stage_cache.cache_dir).resolve()
        assert cache.processes == Path(str(repo.tmp_dir)) / "rwlock"


def test_a_folder_is_there_if_its_listing_and_all_its_files_are(workspace: Workspace):
    cache = open_cache(workspace.folder)
    (listing,) = cache.objects.rglob("*.dir")
    md5 = f"{listing.parent.name}{listing.name}"
    assert cache.has(md5) and not cache.has("") and not cache.has("0" * 32)
    cache.file(next(iter(cache.members(md5).values()))).unlink()
    assert not cache.has(md5)


def test_a_folder_with_a_damaged_listing_is_not_there(workspace: Workspace):
    cache = open_cache(workspace.folder)
    (listing,) = cache.objects.rglob("*.dir")
    listing.chmod(0o644)
    listing.write_bytes(listing.read_bytes()[:20])
    assert not cache.has(f"{listing.parent.name}{listing.name}")
