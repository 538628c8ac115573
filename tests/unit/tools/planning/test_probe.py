"""What can be reached, on servers of this machine."""

import pytest

from stages.config.machine import Machine
from tests.integration.downloads.loopback import FileServer, HubServer
from tools.amounts import UNKNOWN, Amount
from tools.reach import Folder, Reach, Repository, Url, probe


@pytest.fixture
def hub(monkeypatch):
    with HubServer() as server:
        server.use(monkeypatch)
        yield server


@pytest.fixture
def commit(hub):
    files = {"test/0.tar": b"0" * 700, "test/1.tar": b"1" * 300, "README.md": b"r"}
    return hub.add("owner/set", files)


def shards(revision: str = "main", *patterns: str) -> Repository:
    return Repository("owner/set", revision, patterns or ("test/*.tar",), "dataset")


def asked(place, **settings) -> Reach:
    return probe([place], Machine(**settings), offline=False)[place]


def test_a_url_says_its_bytes_or_why_not():
    with FileServer({"/a.zip": b"a" * 1234}) as server:
        assert asked(Url(f"{server.url}/a.zip")) == Reach(None, Amount(1234))
        missing = asked(Url(f"{server.url}/b.zip"))
    assert "404" in str(missing.problem) and missing.download == UNKNOWN


def test_a_repository_says_the_bytes_of_its_shards_and_its_commit(commit):
    assert asked(shards()) == Reach(None, Amount(1000), commit=commit)
    assert asked(shards(commit)) == Reach(None, Amount(1000), commit=None)


def test_the_first_pattern_that_matches_is_taken(commit):
    assert asked(shards("main", "none", "test/1.tar")).download == Amount(300)
    assert "none" in str(asked(shards("main", "none", "neither")).problem)


def test_a_gated_repository_says_how_to_be_let_in(hub):
    hub.add("owner/gated", {"test/0.tar": b"0"}, gated=True)
    place = Repository("owner/gated", "main", ("test/*.tar",), "dataset")
    assert "HF_TOKEN" in str(asked(place).problem)


def test_a_repository_that_is_not_there_is_named(hub):
    place = Repository("owner/other", "main", ("*",), "dataset")
    assert "owner/other" in str(asked(place).problem)


def test_every_place_is_asked_once_and_nothing_is_downloaded():
    with FileServer({"/a.zip": b"a" * 1234}) as server:
        place = Url(f"{server.url}/a.zip")
        found = probe([place, place, Url(place.address)], Machine(), offline=False)
        assert len(found) == len(server.requests) == 1
        assert server.requests[0].method == "HEAD"


def test_offline_asks_nobody_but_looks_at_folders(tmp_path):
    (tmp_path / "here").touch()
    places = [Folder("here"), Folder("gone"), Url("http://unreachable.invalid/a"), shards()]
    found = probe(places, Machine(folders=str(tmp_path)), offline=True)
    assert found[places[0]] == Reach(None, Amount(0))
    assert "gone" in str(found[places[1]].problem)
    assert found[places[2]] == found[places[3]] == Reach(None, UNKNOWN, asked=False)
