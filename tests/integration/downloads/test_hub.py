"""The hub's real client against a hub on this machine."""

import hashlib
import socket

import pytest

from stages.downloads.hub import announced, fetch_file, numbers_in_order, repository_files
from stages.runtime.errors import InputError
from tests.integration.downloads.loopback import TOKEN, HubServer

SHARD = bytes(range(256)) * 9000
FILES = {f"test/{n}.tar": bytes([n]) for n in range(12)} | {
    "test/3.tar": SHARD,
    "README.md": b"# Read me\n",
}


@pytest.fixture
def commit(hub):
    hub.add("some/gated", FILES, gated=True)
    return hub.add("some/set", FILES, revisions=("main", "v1/final"))


def fetch(directory, file="test/0.tar", repository="some/set", revision="main"):
    return fetch_file(repository, file, revision, "dataset", directory)


def test_lists_the_matching_files_in_the_order_of_their_numbers(commit):
    files = repository_files("some/set", "main", "test/*.tar")
    assert [file.path for file in files] == [f"test/{n}.tar" for n in range(12)]
    for file in files:
        data = FILES[file.path]
        assert file[1:] == (len(data), hashlib.sha256(data).hexdigest(), commit)


def test_a_small_file_has_no_sha256(commit):
    [file] = repository_files("some/set", "v1/final", "*.md")
    assert file == ("README.md", 10, None, commit)


def test_lists_models_of_many_pages(monkeypatch):
    with HubServer(page=5) as hub:
        hub.use(monkeypatch)
        hub.add("some/model", FILES, kind="model")
        assert len(repository_files("some/model", "main", "*", "model")) == len(FILES)
        assert len([request for request in hub.requests if "/tree/" in request.path]) == 3


@pytest.mark.parametrize("file", ["test/0.tar", "README.md"])
def test_fetches_a_file_at_any_name_of_its_revision(commit, tmp_path, file):
    for revision in ("main", "v1/final", commit):
        kept = fetch(tmp_path, file, revision=revision)
        assert kept.read_bytes() == FILES[file]
        assert kept.name == announced("some/set", file, revision, "dataset").digest


def test_does_not_ask_again_for_what_is_there(hub, commit, tmp_path):
    assert fetch(tmp_path) == fetch(tmp_path)
    assert len(hub.cdn.requests) == 1


def test_resumes_a_dropped_connection(hub, commit, tmp_path):
    place = hub.place("some/set", "test/3.tar")
    hub.cdn.drops[place] = [1_200_000, 0, 70_000]
    assert fetch(tmp_path, "test/3.tar").read_bytes() == FILES["test/3.tar"]
    ranges = [request.headers.get("range") for request in hub.cdn.asked(place)]
    assert ranges == [None, "bytes=1200000-", "bytes=1200000-", "bytes=1270000-"]


def test_a_later_run_resumes(hub, commit, tmp_path):
    place = hub.place("some/set", "test/3.tar")
    hub.cdn.drops[place] = [1_200_000, 0, 0, 0, 0]
    with pytest.raises(InputError, match="gave up after 5 tries"):
        fetch(tmp_path, "test/3.tar")
    assert fetch(tmp_path, "test/3.tar").read_bytes() == FILES["test/3.tar"]
    assert hub.cdn.asked(place)[-1].headers["range"] == "bytes=1200000-"


def test_refuses_other_bytes_than_announced(hub, commit, tmp_path):
    hub.corrupt("some/set", "test/0.tar")
    with pytest.raises(InputError, match=r"expected the sha256 .* got .*removed.*HF_ENDPOINT"):
        fetch(tmp_path)
    assert [file.suffix for file in tmp_path.iterdir()] == [".lock"]


def test_says_how_to_be_let_into_a_gated_repository(hub, commit, tmp_path):
    page = f"{hub.url}/datasets/some/gated"
    with pytest.raises(InputError, match=f"some/gated@main.*licence at {page},.*HF_TOKEN"):
        fetch(tmp_path, repository="some/gated")


def test_says_that_a_token_is_not_let_in(hub, commit, tmp_path, monkeypatch):
    hub.use(monkeypatch, "hf_other")
    with pytest.raises(InputError, match="account of the token in HF_TOKEN has not been let in"):
        fetch(tmp_path, repository="some/gated")


def test_a_token_opens_a_gated_repository_and_stays_on_the_hub(hub, commit, tmp_path, monkeypatch):
    hub.use(monkeypatch, TOKEN)
    assert fetch(tmp_path, repository="some/gated").read_bytes() == FILES["test/0.tar"]
    assert all("authorization" not in request.headers for request in hub.cdn.requests)


@pytest.mark.parametrize("token", [None, TOKEN])
def test_says_that_there_is_no_repository(hub, commit, monkeypatch, token):
    hub.use(monkeypatch, token)
    with pytest.raises(InputError, match=r"no/such@main: .*no such dataset repository.*HF_TOKEN"):
        repository_files("no/such", "main", "*")


def test_says_that_there_is_no_revision(commit, tmp_path):
    for call in (
        lambda: repository_files("some/set", "v9", "*"),
        lambda: fetch(tmp_path, "x", revision="v9"),
    ):
        with pytest.raises(InputError, match="no revision 'v9'; check `revision`"):
            call()


def test_says_that_there_is_no_file(commit, tmp_path):
    with pytest.raises(InputError, match=r"some/set@main: test/99.tar: there is no such file"):
        fetch(tmp_path, "test/99.tar")


def test_names_some_files_where_none_matches(commit):
    with pytest.raises(InputError, match=r"'val/\*'; .*README.md, test/0.tar, .* and 5 more"):
        repository_files("some/set", "main", "val/*")


def test_says_that_the_token_is_invalid(hub, commit):
    hub.statuses["/api/datasets/some/set/revision/main"] = 403
    with pytest.raises(InputError, match="access is refused to this token"):
        repository_files("some/set", "main", "*")


def test_asks_a_busy_hub_again(hub, commit, tmp_path):
    hub.statuses["/datasets/some/set/resolve/main/test/0.tar"] = 503
    with pytest.raises(InputError, match=r"the server failed \(HTTP 503\)"):
        fetch(tmp_path)
    assert len(hub.requests) == 5


def test_says_that_the_hub_cannot_be_reached(monkeypatch, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(InputError, match=r"no connection to .*check the network.*HF_ENDPOINT"):
            fetch(tmp_path)


def test_says_that_the_client_is_offline(commit, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="unset HF_HUB_OFFLINE"):
        fetch(tmp_path)


def test_says_that_the_endpoint_is_no_hub(server, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    server.files["/api/datasets/some/set/revision/main"] = b"<html>"
    server.files["/datasets/some/set/resolve/main/a.tar"] = b"<html>"
    with pytest.raises(InputError, match=r"not what a hub answers.*HF_ENDPOINT"):
        repository_files("some/set", "main", "*")
    with pytest.raises(InputError, match="announces no digest; check HF_ENDPOINT"):
        fetch(tmp_path, "a.tar")


def test_numbers_are_sorted_as_numbers():
    names = ["a/10.tar", "a/9.tar", "a/b.tar", "a/009x.tar", "10.tar"]
    assert sorted(names, key=numbers_in_order)[1:3] == ["a/9.tar", "a/009x.tar"]
