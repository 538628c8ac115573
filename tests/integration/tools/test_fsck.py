"""Rotten bytes in DVC's cache are found and named, and go when the advice is followed."""

import os
from pathlib import Path

import pytest

from interpreting_clip.errors import InputError
from tests.reads import folder_digests
from tools.fsck import content_md5, main

FILE = "data/drawn/2.txt"

UNCACHED = {"code"}
"""Stages whose outputs are in git alone: they run again where dvc.lock does not name them."""


def object_of(path: str) -> Path:
    md5 = content_md5(Path(path))
    return Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]


def run_of(stage: str) -> Path:
    """Return the entry of the run cache that a stage's output is in."""
    runs = (file for file in Path(".dvc/cache/runs").rglob("*") if file.is_file())
    (found,) = (file for file in runs if f"path: data/{stage}" in file.read_text())
    return found


def rot(file: Path) -> None:
    """Flip a bit, and leave time and mode as they were, as a disk does."""
    before, content = file.stat(), bytearray(file.read_bytes())
    content[0] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    file.chmod(0o444)


def fsck(capsys, *options: str) -> str:
    """Run a check that must find something, and return what it says."""
    with pytest.raises(SystemExit) as caught:
        main(*options)
    assert caught.value.code == 1
    return capsys.readouterr().out


@pytest.fixture
def whole(workspace) -> dict[str, str]:
    """Return the digests of all data, as the stages made them."""
    return folder_digests(workspace.folder / "data")


def test_a_whole_cache_has_no_fault(workspace, capsys):
    main()
    assert capsys.readouterr().out == "4 objects and 2 runs: no faults\n"


@pytest.mark.parametrize("path", [FILE, "data/drawn"])
def test_a_rotten_object_is_named_and_mended(workspace, whole, capsys, path):
    spoilt = object_of(path)
    copy = "other bytes" if spoilt.samefile(path) else "whole"  # a hard link, or a reflink or copy
    rot(spoilt)
    said = fsck(capsys)
    assert f"{spoilt}: damaged: its bytes have another MD5\n" in said
    assert f"    {path} of draw; in the workspace: {copy}\n" in said
    assert spoilt.exists()
    fsck(capsys, "--mend")
    assert not spoilt.exists()
    workspace.repro()
    assert folder_digests(Path("data")) == whole
    main()


def test_whole_copies_go_back_without_a_run(workspace, whole, capsys):
    Path(FILE).chmod(0o644)
    content = Path(FILE).read_bytes()
    rot(object_of(FILE))
    Path(FILE).unlink()
    Path(FILE).write_bytes(content)
    assert "    dvc commit draw    restores undamaged copies" in fsck(capsys, "--mend")
    workspace.run("dvc", "commit", "draw")
    assert workspace.repro() == set()
    main()


def test_what_a_folder_lacks_is_named(workspace, whole, capsys):
    gone = object_of(FILE)
    gone.unlink()
    assert f"{gone}: missing: the listing of its folder is there\n    {FILE} of draw; in" in fsck(
        capsys
    )
    workspace.repro()
    main()
    assert folder_digests(Path("data")) == whole


@pytest.mark.parametrize("end", [b"schema", b"uts:"])
def test_a_lock_file_that_is_cut_short_is_mended_from_the_cache(workspace, whole, capsys, end):
    lock = Path("dvc.lock")
    content = lock.read_bytes()
    lock.write_bytes(content[: content.rindex(end)])
    assert "dvc.lock: truncated: DVC was killed while it wrote" in fsck(capsys, "--mend")
    assert workspace.repro() == UNCACHED
    assert (lock.read_bytes(), folder_digests(Path("data"))) == (content, whole)


def test_a_rotten_run_is_named(workspace, capsys):
    run = run_of("count")
    run.write_text(run.read_text().replace("size: 2", "size: 3"))
    main()  # DVC itself leaves sizes out
    run.write_text(run.read_text().replace("wc -l", "wc -c"))
    assert f"{run}: damaged: the record of a run of a stage\n" in fsck(capsys, "--mend")
    main()
    Path("dvc.lock").unlink()
    assert workspace.repro() == UNCACHED | {"count"}


def test_an_empty_folder_of_runs_is_removed(workspace, whole, capsys):
    run = run_of("count")
    run.unlink()
    Path("dvc.lock").unlink()
    said = fsck(capsys)
    assert f"{run.parent}: empty: the run of a stage should be in it\n" in said
    assert f"        {run.parent}\n" in said
    fsck(capsys, "--mend")
    assert workspace.repro() == UNCACHED | {"count"}
    assert folder_digests(Path("data")) == whole


def test_a_run_that_is_cut_short_is_found_before_dvc_takes_it(workspace, whole, capsys):
    run = run_of("count")
    run.with_name(".x2.tmp").write_bytes(run.read_bytes()[:-9])
    assert ".x2.tmp: truncated: DVC was killed while it recorded" in fsck(capsys, "--mend")
    Path("dvc.lock").unlink()
    assert workspace.repro() == UNCACHED
    assert folder_digests(Path("data")) == whole


def test_a_list_of_processes_that_is_cut_short_stands_in_nobodys_way(workspace, capsys):
    Path(".dvc/tmp/rwlock").write_text("")
    assert ".dvc/tmp/rwlock: truncated: DVC's list of" in fsck(capsys, "--mend")
    assert workspace.repro() == set()


def test_nothing_is_deleted_under_a_command_of_dvc(workspace):
    import zc.lockfile

    spoilt, held = object_of(FILE), zc.lockfile.LockFile(".dvc/tmp/lock")
    rot(spoilt)
    with pytest.raises(InputError, match="running"):
        main("--mend")
    held.close()
    assert spoilt.exists()
