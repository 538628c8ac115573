"""What can be reached, asked without downloading."""

import os

import pytest

from tests.integration.downloads.loopback import TOKEN
from tools.reach import folder_problem, repository_problem, url_problem

DATA = b"7" * 300_000


@pytest.fixture
def url(server):
    server.files["/a.tar"] = server.files["/all/example.org/a.tar"] = DATA
    return f"{server.url}/a.tar"


def test_a_url_that_can_be_reached_has_a_size(url, server):
    assert url_problem(url) == (None, len(DATA))
    assert [request.method for request in server.requests] == ["HEAD"]


@pytest.mark.parametrize("ranges", [True, False])
def test_asks_for_one_byte_where_head_is_refused(url, server, ranges):
    server.heads, server.ranges = False, ranges
    assert url_problem(url) == (None, len(DATA))
    assert server.asked("/a.tar")[0].headers["range"] == "bytes=0-0"


def test_looks_on_the_mirror(url, server):
    assert url_problem("https://example.org/a.tar", f"{server.url}/all") == (None, len(DATA))
    problem, size = url_problem("https://example.org/b.tar", f"{server.url}/all")
    assert problem is not None
    assert f"{server.url}/all/example.org/b.tar: there is no such file" in problem
    assert size is None


@pytest.mark.parametrize(("status", "words"), [(403, "refused"), (404, "no such"), (500, "failed")])
def test_says_why_a_url_cannot_be_reached(url, server, status, words):
    server.statuses["/a.tar"] = status
    problem, size = url_problem(url)
    assert problem is not None
    assert problem.startswith(url)
    assert words in problem
    assert size is None


def test_says_that_there_is_no_connection():
    problem, size = url_problem("http://127.0.0.1:9/a.tar")
    assert (problem, size) == (
        "http://127.0.0.1:9/a.tar: no connection (ConnectionError); check the network",
        None,
    )


def test_a_repository_has_the_size_of_the_files_that_match(hub):
    hub.add("some/set", {"test/0.tar": DATA, "test/1.tar": b"1", "train/0.tar": b"22"})
    assert repository_problem("some/set", "main", "test/*.tar") == (None, len(DATA) + 1)
    assert hub.cdn.requests == []


def test_a_gated_repository_has_a_size_too(hub, monkeypatch):
    hub.add("some/set", {"test/0.tar": DATA}, gated=True)
    problem, size = repository_problem("some/set", "main", "test/*.tar")
    assert size == len(DATA)
    assert problem is not None
    assert "HF_TOKEN" in problem
    hub.use(monkeypatch, TOKEN)
    assert repository_problem("some/set", "main", "test/*.tar") == (None, len(DATA))


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (("no/set", "main", "*"), "no such dataset repository"),
        (("some/set", "v9", "*"), "no revision 'v9'"),
        (("some/set", "main", "val/*"), "no file matches 'val/*'"),
    ],
)
def test_says_why_a_repository_cannot_be_reached(hub, question, words):
    hub.add("some/set", {"test/0.tar": DATA})
    problem, size = repository_problem(*question)
    assert problem is not None
    assert words in problem
    assert size is None


def test_asks_a_hub_that_is_not_there_only_once(monkeypatch):
    monkeypatch.setattr("stages.downloads.http.PAUSE", 1e9)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    problem, _ = repository_problem("some/set", "main", "*")
    assert problem is not None
    assert "no connection to http://127.0.0.1:9" in problem


def test_a_folder_is_sought_below_folders(tmp_path):
    (tmp_path / "sets/full").mkdir(parents=True)
    (tmp_path / "sets/full/file").touch()
    for path in ("full", "full/file", str(tmp_path / "sets/full")):
        assert folder_problem(path, str(tmp_path / "sets")) is None


def test_says_what_a_folder_lacks(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    assert f"{tmp_path}/none: not there" in (folder_problem("none", str(tmp_path)) or "")
    assert "empty folder" in (folder_problem("empty", str(tmp_path)) or "")
    monkeypatch.setattr("os.access", lambda _, mode: mode == os.F_OK)
    assert "may not be read" in (folder_problem("empty", str(tmp_path)) or "")


def test_a_mirror_s_login_is_not_shown(server):
    mirror = server.url.replace("://", "://me:canary@")
    problem, _ = url_problem("https://example.org/a.tar", mirror)
    assert problem and problem.startswith(f"{server.url}/example.org/a.tar: ")
    problem, _ = url_problem("https://example.org/a.tar", "http://me:canary@127.0.0.1:9")
    assert problem and problem.startswith("http://127.0.0.1:9/example.org/a.tar: no connection")
