"""`make repro` says what is not here, and DVC takes from its run cache what it has."""

import os
import shutil
from pathlib import Path

import pytest
import zc.lockfile

from interpreting_clip.errors import InputError
from tests.integration.tools.test_fsck import object_of, run_of
from tests.pipeline.workspace import Workspace
from tests.reads import folder_digests
from tools.cache import locked_stages
from tools.uncached import prepare

LOCK = Path("dvc.lock")


@pytest.fixture
def study(workspace: Workspace) -> Workspace:
    """Return the repository of three stages, all of whose results are in DVC's cache."""
    Path("params.yaml").write_text("{}")
    return workspace


def md5(stage: str) -> str:
    return locked_stages(Path())[stage]["outs"][0]["md5"]


def other(md5: str) -> str:
    return md5.removesuffix(".dir")[::-1]


def elsewhere() -> str:
    """Give dvc.lock other results of both stages, as from another machine; return its text."""
    text = LOCK.read_text()
    for stage in ("draw", "count"):
        text = text.replace(md5(stage).removesuffix(".dir"), other(md5(stage)))
    LOCK.write_text(text)
    return text


def said(capsys: pytest.CaptureFixture[str]) -> str:
    prepare()
    return capsys.readouterr().out


def test_nothing_is_said_or_changed_where_the_cache_has_everything(study, capsys):
    before = LOCK.read_bytes()
    assert said(capsys) == ""
    assert LOCK.read_bytes() == before


@pytest.mark.parametrize("checked_out", [False, True])
def test_results_of_an_earlier_run_come_back_and_nothing_runs(study, capsys, checked_out):
    own, drawn = LOCK.read_text(), md5("draw")
    theirs = elsewhere()
    if checked_out:  # which fails, and removes what is here
        study.run("dvc", "checkout", "--force", ok=False)
        assert not Path("data/count.txt").exists()
    printed = said(capsys)
    assert "draw: data/drawn" in printed and "git checkout dvc.lock &&" in printed
    assert "will run" not in printed
    # `count` has other inputs than in dvc.lock: there DVC looks into its run cache by itself
    assert LOCK.read_text() == theirs.replace(other(drawn), drawn.removesuffix(".dir"), 1)
    assert study.repro() == set()
    assert LOCK.read_text() == own and Path("data/count.txt").read_text().strip() == "2"


def test_without_an_earlier_run_nothing_changes_and_the_same_results_are_made(study, capsys):
    before = LOCK.read_bytes()
    for folder in (".dvc/cache", "data"):
        shutil.rmtree(folder)
    Path("data").mkdir()
    printed = said(capsys)
    assert "cache does not have: 2 of 3\n" in printed and "count: data/count.txt" in printed
    assert "2 will run;" in printed
    assert LOCK.read_bytes() == before
    assert study.repro() == {"draw", "count"}
    assert LOCK.read_bytes() == before and said(capsys) == ""


def cut_off(file: Path) -> None:
    """Shorten an object, as a full disk or a broken copy does; hard links to it are shorter too."""
    file.chmod(0o644)
    os.truncate(file, 1)


@pytest.mark.parametrize(
    ("kind", "path", "ran"),
    [
        ("copy", "data/drawn", set()),
        ("copy", "data/drawn/2.txt", set()),
        ("hardlink", "data/drawn/2.txt", {"draw"}),
        ("hardlink", "data/count.txt", {"count"}),
    ],
)
def test_what_is_cut_off_is_named_and_comes_back(study, capsys, kind, path, ran):
    study.run("dvc", "config", "--local", "cache.type", kind)
    study.run("dvc", "checkout", "--relink")
    whole, before = folder_digests(Path("data")), LOCK.read_bytes()
    cut_off(object_of(path))
    printed = said(capsys)
    assert "data/" + Path(path).parts[1] + ": damaged" in printed
    assert ("1 will run;" in printed) == bool(ran)
    assert study.repro() == ran and study.repro() == set()
    assert folder_digests(Path("data")) == whole and LOCK.read_bytes() == before
    assert said(capsys) == ""


def test_a_damaged_run_is_none(study):
    run = run_of("drawn")
    run.chmod(0o644)
    run.write_text("- no run")
    before = elsewhere()
    prepare()
    assert LOCK.read_text() == before


def test_part_of_a_lock_file_is_refused(study):
    text = LOCK.read_text()
    LOCK.write_text(text[: text.rindex("uts:")])
    with pytest.raises(InputError, match=r"dvc\.lock: .*`git checkout dvc\.lock`"):
        prepare()


def test_what_a_killed_dvc_has_left_stops_no_run(study):
    run, drawn = run_of("count.txt"), run_of("drawn")
    drawn.with_name(".x.tmp").write_text(drawn.read_text()[:9])  # beside a whole run
    run.rename(run.with_name(".y.tmp"))
    Path(".dvc/tmp/rwlock").write_text("")
    LOCK.unlink()
    assert "rwlock" in study.run("dvc", "repro", ok=False)
    prepare()
    assert not run.parent.exists() and study.repro() == {"code", "count"}


def test_nothing_is_deleted_while_dvc_runs(study):
    held, processes = zc.lockfile.LockFile(".dvc/tmp/lock"), Path(".dvc/tmp/rwlock")
    processes.write_text("")
    with pytest.raises(InputError, match="running"):
        prepare()
    held.close()
    assert processes.exists()
