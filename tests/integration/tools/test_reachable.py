"""Sources on servers of this machine: what is asked, and why one cannot be reached."""

import math
import re
from pathlib import Path

import msgspec
import pytest
import yaml

from interpreting_clip.config.syntax import load_tree
from interpreting_clip.study.dataset_entries import DatasetEntry
from runner.machine_settings import Machine
from tests.pipeline.workspace import NANO
from tools.__main__ import main
from tools.reachable import Answer, AskedSource, ask_all

DATA = b"7" * 300_000


@pytest.fixture
def commit(hub):
    files = {"test/0.tar": b"0" * 700, "test/1.tar": b"1" * 300, "README.md": b"r"}
    return hub.add("owner/set", files)


def shards(name: str = "owner/set", revision: str = "main", *patterns: str) -> AskedSource:
    return AskedSource("dataset", name, revision, patterns or ("test/*.tar",))


def ask(source: AskedSource | str, **settings) -> Answer:
    source = AskedSource("url", source) if isinstance(source, str) else source
    return ask_all([source], Machine(**settings), offline=False)[source]


def test_a_url_is_asked_once_for_a_byte_and_has_a_size(server):
    server.files["/a.tar"] = DATA
    source = AskedSource("url", f"{server.url}/a.tar")
    found = ask_all([source, source], Machine(), offline=False)
    assert found == {source: Answer(download=len(DATA))}
    (request,) = server.requests
    assert request.headers["range"] == "bytes=0-0"


def test_a_mirror_s_login_is_not_shown(server):
    for place in (f"127.0.0.1:{server.url.rpartition(':')[2]}", "127.0.0.1:9"):
        answer = ask("https://example.org/b.tar", mirror=f"http://me:canary@{place}")
        assert str(answer.problem).startswith(f"http://…@{place}/example.org/b.tar: ")
    assert "no connection" in str(answer.problem)


def test_a_repository_has_a_size_and_a_commit_to_pin(hub, commit):
    assert ask(shards()) == Answer(f"reached; pin {commit}", 1000)
    assert ask(shards("owner/set", commit)) == Answer(download=1000)
    assert hub.cdn.requests == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (shards("no/set"), "no/set@main"),
        (shards("owner/set", "main", "val/*"), "'val/*'"),
    ],
)
def test_says_why_a_repository_cannot_be_reached(commit, source, words):
    answer = ask(source)
    assert words in answer.problem and math.isnan(answer.download)


def test_a_plan_prints_the_commit_to_pin(hub, commit, tmp_path: Path, capsys):
    tree = load_tree(NANO)
    place = {"repository": "owner/set", "revision": "main", "files": "test/*.tar"}
    tree["datasets"]["web_broad"] = {"kind": "captions", "source": "hub", "hub": place}
    tree["sources"]["hub"] = {"images_per_shard": 10}
    (file := tmp_path / "study.yaml").write_text(yaml.safe_dump(tree))
    main("plan", str(file))
    said = capsys.readouterr().out
    assert re.search(rf"\nweb_broad +owner/set +1.0 kB +1.0 kB +\? +reached; pin {commit}\n", said)


def entry(kind: str, limit: int | None = None, **more) -> DatasetEntry:
    values = {"kind": kind, "source": "folder", "folder": "x", "limit": limit, **more}
    return msgspec.convert(values, DatasetEntry)


def test_offline_asks_nobody_but_looks_at_folders(tmp_path):
    (tmp_path / "here").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "train-0.parquet").touch()
    names = ("here", "gone", "empty", "train-*.parquet", "val-*.parquet")
    folders = [AskedSource("folder", name) for name in names]
    others = [
        AskedSource("url", "http://unreachable.invalid/a"),
        AskedSource("dataset", "a/b", "main"),
    ]
    found = ask_all(folders + others, Machine(folders=str(tmp_path)), offline=True)
    here, gone, empty, train, val = (found[folder] for folder in folders)
    assert here == train == Answer(download=0)
    assert str(gone.problem).startswith(f"{tmp_path}/gone: missing")
    assert "empty folder" in str(empty.problem) and "missing" in str(val.problem)
    assert {found[source].state for source in others} == {"not asked"}
