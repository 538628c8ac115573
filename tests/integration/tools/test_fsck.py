"""Rotten bytes in DVC's cache are found and named, and go when the advice is followed."""

import os
from pathlib import Path

import pytest

from runner.inputs import file_md5
from tests.reads import folder_digests
from tools.cache import locked_outputs
from tools.fsck import main

FILE, COUNT, LISTING = "data/drawn/2.txt", "data/count.txt", "data/drawn"


def object_of(path: str) -> Path:
    """Return the object of a file, or of an output's listing."""
    listed = {output.path: output.md5 for output in locked_outputs(Path())}
    md5 = listed.get(path) or file_md5(Path(path))
    return Path(".dvc/cache/files/md5") / md5[:2] / md5[2:]


def run_of(stage: str) -> Path:
    """Return the entry of the run cache that a stage's output is in."""
    runs = (file for file in Path(".dvc/cache/runs").rglob("*") if file.is_file())
    (found,) = (run for run in runs if f"data/{stage}" in run.read_text().partition("outs:")[2])
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
    """Run a check that must find something, and return the files that it names."""
    try:
        main(mend="--mend" in options)
    except SystemExit as ended:
        assert "MEND=1" in str(ended.code) and not options
    return capsys.readouterr().out


def test_a_whole_cache_has_no_fault(workspace, capsys):
    main()
    assert capsys.readouterr().out == "Objects: 4, faults: none\n"


@pytest.mark.parametrize(
    ("kind", "path", "ran"),
    [
        ("hardlink", FILE, {"draw"}),
        ("symlink", COUNT, {"count"}),
        ("hardlink", LISTING, set()),  # written again from the folder, which is whole
        ("copy", FILE, set()),  # which is whole, and goes back into the cache
    ],
)
def test_a_rotten_object_is_named_and_mended(workspace, capsys, kind, path, ran):
    whole, linked = folder_digests(Path("data")), kind != "copy" and path != LISTING
    workspace.run("dvc", "config", "--local", "cache.type", kind)
    workspace.run("dvc", "checkout", "--relink")
    spoilt = object_of(path)
    rot(spoilt)
    said = fsck(capsys)
    assert f"{spoilt}: damaged" in said and (f"\n{path}: damaged" in said) == linked
    assert spoilt.exists() and Path(path).exists()
    fsck(capsys, "--mend")
    assert spoilt.exists() == (not ran) and Path(path).exists() != linked
    assert workspace.repro() == ran
    assert folder_digests(Path("data")) == whole
    main()


def test_a_file_that_the_user_has_replaced_is_kept(workspace, capsys):
    rot(object_of(COUNT))
    Path(COUNT).unlink()
    Path(COUNT).write_text("3")
    fsck(capsys, "--mend")
    assert Path(COUNT).read_text() == "3"


def test_what_a_killed_dvc_has_left_is_named_and_deleted(workspace, capsys):
    run, processes = run_of("count"), Path(".dvc/tmp/rwlock")
    run.with_name(".x.tmp").write_text("cmd")
    processes.write_text("")
    said = fsck(capsys)
    assert ".x.tmp: unfinished" in said and f"{processes}: unfinished" in said
    fsck(capsys, "--mend")
    assert run.exists() and not processes.exists()
    main()
