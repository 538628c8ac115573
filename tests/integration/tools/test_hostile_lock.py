"""Somebody else's dvc.lock: its names of stages and outputs are text in every tool."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from tests.integration.tools.test_fsck import object_of, rot
from tests.pipeline.workspace import NANO
from tools import compare, fsck, prune

NAME = "count\x1b[31m\n; touch canary \u202e\u2028"
ESCAPED = r"count\x1b[31m\n; touch canary \u202e\u2028"


@pytest.fixture
def lock(workspace) -> Path:
    """Give the last stage and its output another name in the lock file."""
    tree = load_tree(file := Path("dvc.lock"))
    tree["stages"][NAME] = tree["stages"].pop("count")
    tree["stages"][NAME]["outs"][0]["path"] = NAME
    file.write_text(yaml.safe_dump(tree))
    return file


def said(capsys, main, *arguments: str) -> str:
    """Return what a tool prints, all of it printable lines."""
    try:
        main(*arguments)
    except SystemExit as end:
        assert end.code == 1
    text = capsys.readouterr().out
    assert all(line.isprintable() for line in text.split("\n"))
    return text


def test_fsck_names_what_is_rotten_and_quotes_the_command_that_mends_it(lock, capsys):
    spoilt = object_of("data/count.txt")
    shutil.copy("data/count.txt", NAME)
    rot(spoilt)
    text = said(capsys, fsck.main)
    assert f"    {ESCAPED} of {ESCAPED}; in the workspace: whole\n" in text
    assert f"    dvc commit '{ESCAPED}'    " in text


def test_prune_names_the_entries_of_no_stage(lock, capsys):
    shutil.copy(NANO, "params.yaml")
    assert f"\n{ESCAPED}\n" in said(capsys, prune.main)


def test_compare_names_what_differs(lock, workspace, capsys):
    other = shutil.copytree(workspace.folder, workspace.folder.with_name("other"))
    for place, value in ((Path(), "\x1b[2J\r\n"), (other, "\u2066\n")):
        (place / NAME).write_text("")
        (place / "code.json").write_text(json.dumps({"draw\x01": value}))
    (other / NAME).write_text("more")
    text = said(capsys, compare.main, ".", str(other))
    assert r"code.json: draw\x01: \x1b[2J\r\n, \u2066\n" in text
    assert f"{ESCAPED} {ESCAPED}: MD5: " in text


@pytest.mark.parametrize("link", [False, True])
def test_fsck_deletes_nothing_outside_of_the_repository(workspace, capsys, link):
    mine = workspace.folder.with_name("mine.txt")
    mine.write_text("mine")
    path = "../mine.txt"
    if link:
        Path("data/up").symlink_to("../..")
        path = "data/up/mine.txt"
    spoilt = object_of("data/count.txt")
    tree = load_tree(file := Path("dvc.lock"))
    tree["stages"]["count"]["outs"][0]["path"] = path
    file.write_text(yaml.safe_dump(tree))
    rot(spoilt)
    said(capsys, fsck.main, "--mend")
    assert mine.read_text() == "mine" and not spoilt.exists()


def test_fsck_takes_no_path_for_the_name_of_an_object(workspace, capsys):
    mine = workspace.folder.with_name("mine.txt")
    mine.write_text("mine")
    listing = object_of("data/drawn")
    entries = json.loads(listing.read_bytes())
    entries[0]["md5"] = f"ab/../../../../../../{mine.parent}/mine.txt"
    listing.chmod(0o644)
    listing.write_text(json.dumps(entries))
    said(capsys, fsck.main, "--mend")
    assert mine.read_text() == "mine"
