"""Sources on servers of this machine: what is asked, and why one cannot be reached."""

import pytest

from runner.machine_settings import Machine
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


def test_a_repository_has_a_size_and_a_commit_to_pin(hub, commit):
    assert ask(shards()) == Answer(f"reached; pin {commit}", 1000)
    assert ask(shards("owner/set", commit)) == Answer(download=1000)
    assert hub.cdn.requests == []


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
