"""Damage in DVC's cache is found and mended, and `make repro` names results that are lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.lock import Lock

from interpreting_clip.errors import InputError
from runner.inputs import file_md5, read_lock
from tests.pipeline.workspace import Workspace
from tests.reads import folder_digests
from tools.cache import fsck, prepare

FILE, COUNT, LISTING = "data/drawn/2.txt", "data/count.txt", "data/drawn"
OBJECTS, RUNS, RWLOCK = (
    Path(".dvc", name) for name in ("cache/files/md5", "cache/runs", "tmp/rwlock")
)


def object_of(path: str) -> Path:
    """Return the object of a file, or of an output's listing."""
    listed = {out: md5 for stage in read_lock().values() for out, md5 in stage.outs.items()}
    md5 = listed.get(path) or file_md5(Path(path))
    return OBJECTS / md5[:2] / md5[2:]


def run_of(output: str) -> Path:
    """Return the entry of the run cache that an output is in."""
    runs = (file for file in RUNS.rglob("*") if file.is_file())
    (found,) = (run for run in runs if output in run.read_text().partition("outs:")[2])
    return found


def rot(file: Path) -> None:
    """Flip a bit, and leave time and mode as they were, as a disk does."""
    before, content = file.stat(), bytearray(file.read_bytes())
    content[0] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    file.chmod(0o444)


def fsck_finds(capsys: pytest.CaptureFixture[str]) -> str:
    """Run a check that must find something, and return what it prints."""
    with pytest.raises(SystemExit, match="MEND=1"):
        fsck()
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "path", "ran"),
    [
        ("hardlink", FILE, {"draw"}),
        ("symlink", COUNT, {"count"}),
        ("hardlink", LISTING, set()),  # written again from the folder, which is whole
        ("copy", FILE, set()),  # which is whole, and goes back into the cache
    ],
)
def test_a_damaged_object_is_named_and_mended(workspace, capsys, kind, path, ran):
    whole, linked = folder_digests(Path("data")), kind != "copy" and path != LISTING
    workspace.run("dvc", "config", "--local", "cache.type", kind)
    workspace.run("dvc", "checkout", "--relink")
    rot(spoilt := object_of(path))
    said = fsck_finds(capsys)
    assert f"{spoilt}: damaged" in said and (f"\n{path}: damaged" in said) == linked
    assert spoilt.exists() and Path(path).exists()
    fsck(yes=True)
    assert spoilt.exists() == (not ran) and Path(path).exists() != linked
    assert workspace.repro() == ran
    assert folder_digests(Path("data")) == whole
    capsys.readouterr()
    fsck()
    assert capsys.readouterr().out == "Objects: 4, faults: none\n"


def test_a_file_that_the_user_has_replaced_is_kept(workspace):
    rot(object_of(COUNT))
    Path(COUNT).unlink()
    Path(COUNT).write_text("3")
    fsck(yes=True)
    assert Path(COUNT).read_text() == "3"


def cut(run: Path, text: str) -> None:
    run.chmod(0o644)
    run.write_text(text)


@pytest.mark.parametrize("text", ["", "cmd: x\n", "cmd: x\nouts:\n- path: data/co", "cmd: ["])
def test_an_entry_of_the_run_cache_that_was_cut_off_is_deleted(workspace, capsys, text):
    cut(run := run_of(COUNT), text)
    assert f"{run}: unfinished" in fsck_finds(capsys)
    fsck(yes=True)
    assert not run.exists()
    cut(run_of(LISTING), text)
    Path("dvc.lock").unlink()
    prepare()
    assert workspace.repro() == {"code", "draw", "count"}


def test_what_a_killed_dvc_has_left_stops_no_run(workspace, capsys):
    run, drawn = run_of(COUNT), run_of(LISTING)
    drawn.with_name(".x.tmp").write_text(drawn.read_text()[:9])  # beside a whole run
    run.rename(run.with_name(".y.tmp"))
    RWLOCK.write_text("")
    Path("dvc.lock").unlink()
    assert "rwlock" in workspace.run("dvc", "repro", ok=False)
    said = fsck_finds(capsys)
    assert all(f"{name}: unfinished" in said for name in (".x.tmp", ".y.tmp", "rwlock"))
    prepare()
    assert not run.parent.exists() and workspace.repro() == {"code", "count"}


def test_nothing_is_deleted_while_dvc_runs(workspace):
    RWLOCK.write_text("")
    with Lock(".dvc/tmp/lock"), pytest.raises(InputError, match="another DVC process"):
        prepare()
    assert RWLOCK.exists()


def test_a_lock_file_that_another_dvc_is_writing_is_read_when_it_is_whole(workspace):
    write = """if True:
        import sys, time
        from pathlib import Path
        from dvc.lock import Lock
        file = Path("dvc.lock")
        whole = file.read_text()
        with Lock(".dvc/tmp/lock"):
            for part in (0.3, 0.6, 0.9, 1):
                file.write_text(whole[: round(part * len(whole))])
                print("", flush=True)
                time.sleep(0.4)
    """
    with subprocess.Popen([sys.executable, "-c", write], stdout=subprocess.PIPE) as writer:
        assert writer.stdout and writer.stdout.readline()
        prepare()
        assert writer.wait() == 0
    assert workspace.repro() == set()


def test_results_that_the_cache_lacks_are_named(workspace: Workspace, capsys):
    prepare()
    assert capsys.readouterr().out == ""
    object_of(FILE).unlink()
    prepare()
    said = capsys.readouterr().out
    assert "lacks results of 1 stages, 0 of them trainings: draw; `dvc pull`" in said
    for folder in (".dvc/cache", "data"):
        shutil.rmtree(folder)
    Path("data").mkdir()
    prepare()
    assert "of 2 stages" in capsys.readouterr().out
    assert workspace.repro() == {"draw", "count"}


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("end", ["uts:", "th: data"])
def test_part_of_a_lock_file_is_refused(end):
    text = (lock := Path("dvc.lock")).read_text()
    lock.write_text(text[: text.rindex(end)])
    with pytest.raises(InputError, match=r"dvc\.lock.*`git checkout HEAD dvc\.lock`"):
        prepare()
