"""Sources on servers of this machine: what is asked, and why one cannot be reached."""

import re
from pathlib import Path

import pytest
import yaml

from runner.machine_settings import Machine
from tests.integration.downloads.loopback import TOKEN
from tests.pipeline.workspace import NANO
from tools.amounts import UNKNOWN, Amount
from tools.plan import main
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


@pytest.mark.parametrize("ranges", [True, False])
def test_a_url_is_asked_once_for_a_byte_and_has_a_size(server, ranges):
    server.files["/a.tar"], server.ranges = DATA, ranges
    source = AskedSource("url", f"{server.url}/a.tar")
    found = ask_all([source, source], Machine(), offline=False)
    assert found == {source: Answer(None, Amount(len(DATA)))}
    (request,) = server.requests
    assert request.headers["range"] == "bytes=0-0"


def test_looks_on_the_mirror(server):
    server.files["/all/example.org/a.tar"] = DATA
    mirror = f"{server.url}/all"
    assert ask("https://example.org/a.tar", mirror=mirror).download == Amount(len(DATA))
    answer = ask("https://example.org/b.tar", mirror=mirror)
    assert f"{mirror}/example.org/b.tar: there is no such file" in str(answer.problem)
    assert answer.download == UNKNOWN


@pytest.mark.parametrize(("status", "words"), [(403, "refused"), (404, "no such"), (500, "failed")])
def test_says_why_a_url_cannot_be_reached(server, status, words):
    server.statuses["/a.tar"] = status
    answer = ask(f"{server.url}/a.tar")
    assert str(answer.problem).startswith(f"{server.url}/a.tar: ") and words in str(answer.problem)
    assert answer.download == UNKNOWN


def test_a_mirror_s_login_is_not_shown(server):
    for place in (f"127.0.0.1:{server.url.rpartition(':')[2]}", "127.0.0.1:9"):
        answer = ask("https://example.org/b.tar", mirror=f"http://me:canary@{place}")
        assert str(answer.problem).startswith(f"http://…@{place}/example.org/b.tar: ")
    assert "no connection" in str(answer.problem)


def test_a_repository_says_the_bytes_of_its_shards_and_its_commit(hub, commit):
    assert ask(shards()) == Answer(None, Amount(1000), commit)
    assert ask(shards("owner/set", commit)) == Answer(None, Amount(1000), None)
    assert hub.cdn.requests == []


def test_the_first_pattern_that_matches_is_taken(commit):
    assert ask(shards("owner/set", "main", "none", "test/1.tar")).download == Amount(300)
    assert "none" in str(ask(shards("owner/set", "main", "none", "neither")).problem)


def test_a_gated_repository_has_a_size_and_says_how_to_be_let_in(hub, monkeypatch):
    hub.add("owner/gated", {"test/0.tar": DATA}, gated=True)
    answer = ask(shards("owner/gated"))
    assert "HF_TOKEN" in str(answer.problem) and answer.download == Amount(len(DATA))
    hub.use(monkeypatch, TOKEN)
    assert ask(shards("owner/gated")).problem is None


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (shards("no/set"), "no/set@main: there is no such dataset repository"),
        (shards("owner/set", "v9"), "no revision 'v9'"),
        (shards("owner/set", "main", "val/*"), "no file matches 'val/*'"),
    ],
)
def test_says_why_a_repository_cannot_be_reached(commit, source, words):
    answer = ask(source)
    assert words in str(answer.problem) and answer.download == UNKNOWN


def test_asks_a_hub_that_is_not_there_only_once(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits to ask again"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "no connection to http://127.0.0.1:9" in str(ask(shards()).problem)


def test_a_plan_prints_the_commit_to_pin(hub, commit, tmp_path: Path, capsys):
    tree = yaml.safe_load(NANO.read_text())
    place = {"repository": "owner/set", "revision": "main", "files": "test/*.tar"}
    tree["datasets"]["web_broad"] = {"kind": "captions", "source": "hub", "hub": place}
    tree["sources"]["hub"] = {"images_per_shard": 10}
    (file := tmp_path / "study.yaml").write_text(yaml.safe_dump(tree))
    main(str(file))
    said = capsys.readouterr().out
    assert re.search(rf"\ndataset owner/set +main +{commit}\n", said)
    assert re.search(r"\nweb_broad +captions +owner/set +\? +1.0 kB +~1.0 kB +reached\n", said)
