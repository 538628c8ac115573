"""The hub's real client against a hub on this machine."""

import pytest

from interpreting_clip.downloads.hub import download_file, open_repository
from interpreting_clip.errors import InputError
from tests.integration.downloads.loopback import TOKEN, sha256

SHARD = bytes(range(256)) * 9000
FILES = {f"test/{n}.tar": bytes([n]) for n in range(12)} | {
    "test/3.tar": SHARD,
    "README.md": b"# Read me\n",
}


@pytest.fixture
def commit(hub):
    hub.add("some/gated", FILES, gated=True)
    return hub.add("some/set", FILES)


def fetch(directory, file="test/0.tar", repository="some/set", revision="main"):
    return download_file(open_repository(repository, revision), file, directory)


def names(directory):
    return {file.name for file in directory.iterdir() if file.suffix != ".lock"}


def test_a_file_that_is_there_is_found_without_the_network(hub, commit, tmp_path, monkeypatch):
    opened = open_repository("some/set", "main")
    first = download_file(opened, "test/0.tar", tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    before = len(hub.requests)
    assert download_file(opened, "test/0.tar", tmp_path) == first
    assert (len(hub.requests), len(hub.cdn.requests)) == (before, 1)


def test_a_dropped_connection_is_continued_in_the_next_run(hub, commit, tmp_path):
    place, digest = hub.place("some/set", "test/3.tar"), sha256(SHARD)
    hub.cdn.drops[place] = [1_200_000] + [0] * 4
    with pytest.raises(InputError, match=r"test/3.tar: .*5 tries.*at byte 1,200,000 of 2,304,000"):
        fetch(tmp_path, "test/3.tar")
    assert names(tmp_path) == {f"{digest}.part", f"{digest}.part.json"}
    hub.cdn.requests.clear()
    hub.cdn.drops[place] = [0, 70_000]
    assert fetch(tmp_path, "test/3.tar").read_bytes() == SHARD
    spans = [f"bytes={start}-" for start in (1_200_000, 1_200_000, 1_270_000)]
    assert hub.cdn.spans_asked(place) == spans
    assert names(tmp_path) == {digest}


def test_says_how_to_be_let_into_a_gated_repository(hub, commit, tmp_path, monkeypatch):
    page = f"{hub.url}/datasets/some/gated"
    with pytest.raises(InputError, match=rf"some/gated@.*{page},.*HF_TOKEN"):
        fetch(tmp_path, repository="some/gated")
    hub.use(monkeypatch, "hf_other")
    with pytest.raises(InputError, match=rf"some/gated@.*{page},.*HF_TOKEN"):
        fetch(tmp_path, repository="some/gated")


@pytest.mark.parametrize("file", ["test/0.tar", "README.md"])
def test_a_token_opens_a_gated_repository_and_stays_on_the_hub(
    hub, commit, tmp_path, monkeypatch, file
):
    """Small files are served by the hub itself, unless it sends a client elsewhere."""
    hub.use(monkeypatch, TOKEN)
    gated = hub.repositories["dataset", "some/gated"].commit
    hub.cdn.files["/README.md"] = FILES["README.md"]
    resolved = f"/datasets/some/gated/resolve/{gated}/README.md"
    hub.redirects[resolved] = f"{hub.cdn.url}/README.md"
    assert fetch(tmp_path, file, "some/gated").read_bytes() == FILES[file]
    assert any(r.headers.get("authorization") == f"Bearer {TOKEN}" for r in hub.requests)
    assert hub.cdn.requests
    assert all(TOKEN not in str(request) for request in hub.cdn.requests)
